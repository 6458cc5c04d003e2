// What a page does beside htmx: live news, the keyboard, and times in the viewer's zone.
"use strict";

// --- times: written in UTC, shown in the zone of whoever looks; the exact one stands in the title ---

const near = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function localTimes(within) {
  for (const time of within.querySelectorAll("time[datetime]:not([data-local])")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.valueOf())) continue;
    time.textContent = near.format(moment);
    time.dataset.local = "";
  }
}

// --- live: the stream says that something happened; pages fetch themselves again, soon but not for each event ---

const COLLECT_MS = 400;
let pending = null;

function happened() {
  pending ??= setTimeout(() => {
    pending = null;
    document.body.dispatchEvent(new Event("happened"));
  }, COLLECT_MS);
}

function listen() {
  const source = new EventSource(document.body.dataset.stream);
  source.addEventListener("timeline", happened);
  // The browser comes back by itself after a lost connection, but not after an answer that is no stream.
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
  });
}

// Somebody in the middle of an answer is told instead of interrupted.
function isBusy(live) {
  return Boolean(
    live.querySelector("input[name=item]:checked, details.reject[open], form.edit") ||
      [...live.querySelectorAll("input[name=reason], input[name=note]")].some((field) => field.value) ||
      (live.contains(document.activeElement) && document.activeElement.matches("input:not([type=checkbox]), textarea, select")),
  );
}

// News that would pull an answer from under somebody's hands; an answer of their own never does.
function interrupts({ elt, requestConfig }) {
  const { id } = elt ?? {};
  return id === "live" && requestConfig?.triggeringEvent?.type === "happened" && elt.hasAttribute("data-careful") && isBusy(elt);
}

function tellOfNews() {
  const news = document.getElementById("news");
  if (news) news.hidden = false;
}

document.addEventListener("htmx:beforeRequest", (event) => {
  if (!interrupts(event.detail)) return;
  event.preventDefault();
  tellOfNews();
});

// They may have begun while the news was on its way.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (!interrupts(event.detail)) return;
  event.detail.shouldSwap = false;
  tellOfNews();
});

// Nor does the stop switch change while somebody writes in it.
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target } = event.detail;
  if (target.id === "switch-body" && target.contains(document.activeElement)) event.detail.shouldSwap = false;
});

// A part of the page that did not come is said, not swallowed; the news looks again by itself.
function trouble(event) {
  const { elt, xhr } = event.detail;
  if (elt?.id === "live") return;
  const told = document.getElementById("trouble");
  told.textContent = xhr?.status
    ? `That did not work (${xhr.status}). Reload the page and look before you do it again.`
    : "The server does not answer. Look again in a moment before you do it again.";
  told.hidden = false;
}
document.addEventListener("htmx:responseError", trouble);
document.addEventListener("htmx:sendError", trouble);

// --- after a swap: the same card keeps the focus, or after one's own answer the one that took its place ---
// News gives it to no other: a key that was meant for the card that has gone must not answer the next.

let place = { name: null, index: -1, answered: false };

document.addEventListener("htmx:beforeSwap", (event) => {
  const current = document.activeElement?.closest?.("[data-card]");
  const answered = event.detail.requestConfig?.verb === "post";
  place = { name: current?.dataset.card ?? null, index: cards().indexOf(current), answered };
});

document.addEventListener("htmx:afterSwap", () => {
  localTimes(document);
  for (const id of ["news", "trouble"]) {
    const told = document.getElementById(id);
    if (told) told.hidden = true;
  }
  if (place.index < 0) return;
  const now = cards();
  const same = now.find((card) => card.dataset.card === place.name);
  (same ?? (place.answered ? now[Math.min(place.index, now.length - 1)] : null))?.focus();
  place = { name: null, index: -1, answered: false };
});

// --- keyboard ---

const cards = () => [...document.querySelectorAll("[data-card]")];

function move(by) {
  const all = cards();
  const at = all.indexOf(document.activeElement?.closest("[data-card]"));
  const next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + by))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

const ACTS = {
  j: () => move(1),
  k: () => move(-1),
  a: (card) => card?.querySelector("button.approve:not(:disabled)")?.click(),
  r: (card) => {
    const reject = card?.querySelector("details.reject");
    if (!reject) return;
    reject.open = true;
    reject.querySelector("input[name=reason]").focus();
  },
  e: (card) => card?.querySelector("a.edit")?.click(),
  o: (card) => card?.querySelector("a.open")?.click(),
  x: (card) => card?.querySelector("input[type=checkbox]")?.click(),
  "?": () => help(),
};

function help() {
  const dialog = document.getElementById("help");
  if (!dialog.open) dialog.showModal();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    for (const open of document.querySelectorAll(".corner details[open], details.reject[open]")) open.open = false;
    return;
  }
  // Enter on a ticked box would press the first button that works, and approve all that is ticked.
  if (event.key === "Enter" && event.target.matches("input[type=checkbox][form=many], #many input[type=checkbox]")) event.preventDefault();
  // A key held down comes again and again, after an answer on the next card.
  if (event.repeat && !["j", "k"].includes(event.key)) return;
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.matches("input:not([type=checkbox]):not([type=radio]), textarea, select")) return;
  const act = ACTS[event.key];
  if (!act) return;
  event.preventDefault();
  // On the page of one intent there is no doubt which is meant; in the queue the last one left may be news.
  act(document.activeElement?.closest("[data-card]") ?? document.querySelector(".cards.single [data-card]"));
});

// --- clicks ---

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-help]")) help();
  if (event.target.closest("[data-refresh]")) htmx.trigger("#live", "refresh");
  for (const open of document.querySelectorAll(".corner details[open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-all]")) return;
  for (const box of document.querySelectorAll("input[name=item][type=checkbox]")) box.checked = event.target.checked;
});

localTimes(document);
document.querySelector(".pages [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
if (document.body.dataset.stream) listen();
