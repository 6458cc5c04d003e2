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
// Without a stream they look by themselves, and ask for one again now and then.

const COLLECT_MS = 400;
const LOOK_MS = 10_000;
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
    if (source.readyState !== EventSource.CLOSED) return;
    happened();
    setTimeout(listen, LOOK_MS);
  });
}

// Somebody in the middle of an answer is told instead of interrupted.
function isBusy(live) {
  return Boolean(
    live.querySelector("details.reject[open], form.edit") ||
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
  const since = document.getElementById("since");
  if (since) since.hidden = false;
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

// --- what moved or changed takes no answer for a second: the hand may be on its way to what was there ---

const SETTLE_MS = 1000;
let places = null;

const guarded = () => [...document.querySelectorAll("#live [data-card], #live [data-guarded]")];

// With what it offers: a card that offers something else is another one.
function nameOf(card) {
  return `${card.dataset.card ?? card.dataset.guarded} ${card.querySelector("[name=shown]")?.value ?? ""}`;
}

function settle(card) {
  for (const button of card.querySelectorAll("form button:not(:disabled)")) {
    button.disabled = true;
    button.dataset.settling = "";
  }
  clearTimeout(card.settling);
  card.settling = setTimeout(() => {
    for (const button of card.querySelectorAll("[data-settling]")) {
      button.disabled = false;
      delete button.dataset.settling;
    }
  }, SETTLE_MS);
}

function watch() {
  const now = new Map(guarded().map((card) => [nameOf(card), card.getBoundingClientRect().top + scrollY]));
  if (places) {
    for (const card of guarded()) {
      const before = places.get(nameOf(card));
      if (before === undefined || Math.abs(before - now.get(nameOf(card))) > 2) settle(card);
    }
  }
  places = now;
}

// What was answered stays where it stood, as high as it was, and is not to be ticked any more.
document.addEventListener("htmx:oobBeforeSwap", ({ detail: { target } }) => {
  const card = target.matches(".answers") ? target.closest(".card") : null;
  if (card) card.style.minHeight = `${card.getBoundingClientRect().height}px`;
});

function tidy() {
  for (const ended of document.querySelectorAll(".answers.ended")) {
    ended.closest(".card")?.querySelector("input[name=item][type=checkbox]")?.remove();
  }
}

// Nor does the stop switch change while somebody writes in it.
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target } = event.detail;
  if (target.id === "switch-body" && target.contains(document.activeElement)) event.detail.shouldSwap = false;
});

// A part of the page that did not come is said, not swallowed; the news looks again by itself.
function trouble(event) {
  const { elt, xhr, requestConfig } = event.detail;
  if (elt?.id === "live" || requestConfig?.triggeringEvent?.type === "happened") return;
  const told = document.getElementById("trouble");
  told.textContent = xhr?.status
    ? `That did not work (${xhr.status}). Reload the page and look before you do it again.`
    : "The server does not answer. Look again in a moment before you do it again.";
  told.hidden = false;
}
document.addEventListener("htmx:responseError", trouble);
document.addEventListener("htmx:sendError", trouble);

// --- the focus stays on the card that had it, and goes on after an answer from the keyboard ---

let place = null;
let byKey = false;
document.addEventListener("keydown", () => { byKey = true; }, true);
document.addEventListener("pointerdown", () => { byKey = false; }, true);

const cardOf = (element) => element?.closest?.("[data-card]");

document.addEventListener("htmx:beforeSwap", () => {
  place = cardOf(document.activeElement)?.dataset.card ?? null;
});

document.addEventListener("htmx:afterSwap", () => {
  localTimes(document);
  for (const id of ["since", "trouble"]) {
    const told = document.getElementById(id);
    if (told) told.hidden = true;
  }
});

document.addEventListener("htmx:afterRequest", (event) => {
  localTimes(document);
  tidy();
  watch();
  if (!event.detail.successful) return;
  if (event.detail.elt.id === "many") event.detail.elt.reset();
  const all = cards();
  const same = all.find((card) => card.dataset.card === place);
  if (!same || same.contains(document.activeElement)) {
    place = null;
    if (!same || event.detail.requestConfig.verb !== "post") return;
  }
  const answered = event.detail.requestConfig.verb === "post" && same.querySelector(".answers.ended");
  const next = answered && byKey ? all.slice(all.indexOf(same)).find((card) => !card.querySelector(".answers.ended")) : same;
  next?.focus({ preventScroll: true });
  if (answered && byKey) next?.scrollIntoView({ block: "nearest" });
  place = null;
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
watch();
new ResizeObserver(watch).observe(document.body);
document.querySelector(".pages [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
if (document.body.dataset.stream) listen();
