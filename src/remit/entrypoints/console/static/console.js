// What a page does beside htmx: live news, the keyboard, and times in the viewer's zone.
"use strict";

// --- times: written in UTC, shown in the zone of whoever looks; the exact one stands in the title ---

const near = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const fromNow = new Intl.RelativeTimeFormat(undefined, { style: "narrow", numeric: "always" });
const SPANS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];
const SOON_S = 600;

function localTimes(within) {
  for (const time of within.querySelectorAll("time[datetime]:not([data-local])")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.valueOf())) continue;
    if ("due" in time.dataset) due(time, moment);
    else time.textContent = near.format(moment);
    time.dataset.local = "";
  }
}

function due(time, moment) {
  const left = (moment - Date.now()) / 1000;
  const [unit, seconds] = SPANS.find(([, length]) => Math.abs(left) >= length) ?? SPANS.at(-1);
  time.textContent = fromNow.format(Math.trunc(left / seconds), unit);
  time.classList.toggle("soon", left < SOON_S);
}

setInterval(() => {
  for (const time of document.querySelectorAll("time[data-due]")) due(time, new Date(time.dateTime));
}, 30_000);

// --- live: the stream says that something happened; pages fetch themselves again, soon but not for each event ---
// Without a stream they look by themselves, and ask for one again now and then.

const COLLECT_MS = 400;
const LOOK_MS = 10_000;
let pending = null;
let told = -Infinity;

// The first of several at once, and then what was collected meanwhile.
function happened() {
  pending ??= setTimeout(() => {
    pending = null;
    told = performance.now();
    document.body.dispatchEvent(new Event("happened"));
  }, Math.max(0, told + COLLECT_MS - performance.now()));
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

// Where it stands in the page, or in the list that scrolls by itself.
const topOf = (card) => card.getBoundingClientRect().top + scrollY + (card.closest(".list")?.scrollTop ?? 0);

// With what it offers: a card that offers something else is another one.
function nameOf(card) {
  return `${card.dataset.card ?? card.dataset.guarded} ${card.querySelector("[name=shown]")?.value ?? ""}`;
}

function settle(card) {
  for (const button of card.querySelectorAll("form:not(.undo) button:not(:disabled)")) {
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
  const now = new Map(guarded().map((card) => [nameOf(card), topOf(card)]));
  if (places) {
    for (const card of guarded()) {
      const before = places.get(nameOf(card));
      if (before === undefined || Math.abs(before - now.get(nameOf(card))) > 2) settle(card);
    }
  }
  places = now;
}

// What was answered is not to be ticked any more; nor is what waits again after an undo lost from the bar's count.
function tidy() {
  for (const card of cards()) {
    const box = card.querySelector(".line input[type=checkbox]");
    if (!box) continue;
    const over = isOver(card);
    if (over) box.checked = false;
    box.disabled = over;
    box.hidden = over;
  }
  countChosen();
}

const isOver = (card) => Boolean(card.querySelector(".answers.ended"));

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

document.addEventListener("htmx:afterSwap", (event) => {
  localTimes(document);
  for (const id of ["since", "trouble"]) {
    const told = document.getElementById(id);
    if (told) told.hidden = true;
  }
  const form = event.detail.target?.querySelector?.(".in-place");
  (form?.querySelector('.field [name^="parameters"]') ?? form?.querySelector(".field [name]"))?.focus();
});

document.addEventListener("htmx:afterRequest", (event) => {
  localTimes(document);
  tidy();
  countDown();
  watch();
  if (!event.detail.successful) return;
  if (event.detail.elt.id === "many") {
    event.detail.elt.reset();
    clearChosen();
  }
  const all = cards();
  const same = all.find((card) => card.dataset.card === place);
  if (!same || same.contains(document.activeElement)) {
    place = null;
    if (!same || event.detail.requestConfig.verb !== "post") return;
  }
  const answered = event.detail.requestConfig.verb === "post" && isOver(same);
  const next = answered && byKey ? all.slice(all.indexOf(same)).find((card) => !isOver(card)) ?? same : same;
  next?.focus({ preventScroll: true });
  if (answered && byKey) next?.scrollIntoView({ block: "nearest" });
  place = null;
});

// --- the list and what stands beside it: the one that had the focus last ---

const AHEAD = 3;

function look(card) {
  for (const other of document.querySelectorAll("[data-focused]")) {
    if (other !== card) delete other.dataset.focused;
  }
  card.dataset.focused = "";
  const kept = document.querySelector("#live [name=focused]");
  if (kept) kept.value = card.dataset.card;
  // Those that come next are fetched ahead: who answers one after the other waits for none.
  const all = cards();
  for (const each of all.slice(all.indexOf(card)).slice(0, AHEAD + 1)) {
    const detail = each.querySelector(".detail[hx-get]");
    if (detail && !isOver(each)) htmx.trigger(detail, "look");
  }
}

document.addEventListener("focusin", (event) => {
  const card = cardOf(event.target);
  if (card?.matches(".row") && !("focused" in card.dataset)) look(card);
});

// --- what is selected, and what it comes to ---

const chosen = () => [...document.querySelectorAll(".row .line input[name=item]:checked")];

function clearChosen() {
  for (const box of document.querySelectorAll("input[form=many]")) box.checked = false;
  countChosen();
}

// In whole ten-thousandths, as amounts are counted everywhere.
function tenThousandths(text) {
  const [whole, part = ""] = text.split(".");
  return BigInt(whole + part.padEnd(4, "0"));
}

function inMoney(sum, unit) {
  const part = (sum % 10_000n).toString().padStart(4, "0").replace(/0{1,2}$/, "");
  return `${(sum / 10_000n).toLocaleString("en")}.${part} ${unit}`;
}

function sums(rows) {
  const found = new Map();
  for (const { amount, unit } of rows.map((row) => row.dataset)) {
    if (amount) found.set(unit, (found.get(unit) ?? 0n) + tenThousandths(amount));
  }
  return [...found].map(([unit, sum]) => inMoney(sum, unit));
}

function countChosen() {
  const bar = document.getElementById("many");
  if (!bar) return;
  const rows = chosen().map((box) => box.closest(".row"));
  bar.hidden = !rows.length;
  const all = sums(rows);
  const without = all.length ? rows.filter((row) => !row.dataset.amount).length : 0;
  bar.querySelector(".chosen").textContent = [rows.length, ...all, ...(without ? [`${without} without a sum`] : [])].join(" · ");
  bar.querySelector(".how-many").textContent = rows.length;
}

// --- undo: for as many seconds as the server gave ---

function countDown() {
  for (const form of document.querySelectorAll("form.undo[data-seconds]")) {
    form.over ??= performance.now() + 1000 * Number(form.dataset.seconds);
    const left = Math.ceil((form.over - performance.now()) / 1000);
    const shown = form.querySelector(".left");
    if (left <= 0) form.hidden = true;
    else if (shown && shown.textContent !== `(${left})`) shown.textContent = `(${left})`;
  }
}

setInterval(countDown, 250);

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
  A: () => document.querySelector("#many:not([hidden]) button.go")?.click(),
  u: () => {
    const button = lastUndo();
    cardOf(button)?.focus();
    button?.click();
  },
  n: () => document.querySelector(".news:not([hidden]) button")?.click(),
  d: (card) => card?.querySelector("[data-dismiss]")?.click(),
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

function lastUndo() {
  const open = [...document.querySelectorAll("form.undo:not([hidden])")].filter((form) => form.over > performance.now());
  open.sort((one, other) => other.over - one.over || (other.id === "undo-all") - (one.id === "undo-all"));
  return open[0]?.querySelector("button");
}

function dismiss(row) {
  const all = cards();
  const next = all[all.indexOf(row) + 1] ?? all[all.indexOf(row) - 1];
  const had = row.contains(document.activeElement) || "focused" in row.dataset;
  if (!isOver(row)) {
    // What still waits loses only what was said of it.
    for (const said of row.querySelectorAll(".became-of > :not(input)")) said.remove();
    return;
  }
  row.remove();
  if (had) next?.focus({ preventScroll: true });
  watch();
}

function help() {
  const dialog = document.getElementById("help");
  if (!dialog.open) dialog.showModal();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    for (const open of document.querySelectorAll(".corner details[open], details.reject[open], details.pick[open]")) open.open = false;
    const card = cardOf(event.target);
    card?.querySelector(".in-place button.leave")?.click();
    card?.focus({ preventScroll: true });
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
  if (event.target.closest("[data-unselect]")) clearChosen();
  const dismissed = event.target.closest("[data-dismiss]");
  if (dismissed) dismiss(cardOf(dismissed));
  if (event.target.closest("[data-refresh]")) htmx.trigger("#live", "refresh");
  for (const open of document.querySelectorAll(".corner details[open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-all]")) {
    for (const box of document.querySelectorAll(".row .line input[name=item]:enabled")) box.checked = event.target.checked;
  }
  countChosen();
});

// --- views that somebody keeps: the address of a filtered list under a name, in this browser alone ---

function keptViews(nav) {
  try {
    return JSON.parse(localStorage.getItem(nav.dataset.views)) ?? [];
  } catch {
    return [];
  }
}

function keepViews(nav, views) {
  localStorage.setItem(nav.dataset.views, JSON.stringify(views));
  showViews(nav);
}

function showViews(nav) {
  for (const old of nav.querySelectorAll("[data-kept]")) old.remove();
  const form = nav.querySelector("[data-keep-view]");
  form.hidden = !location.search;
  for (const { name, query } of keptViews(nav)) {
    const link = Object.assign(document.createElement("a"), { href: nav.dataset.views + query, textContent: name });
    if (query === location.search) link.setAttribute("aria-current", "page");
    const forget = Object.assign(document.createElement("button"), { type: "button", className: "plain forget", textContent: "×" });
    forget.setAttribute("aria-label", `Forget the view ${name}`);
    forget.addEventListener("click", () => keepViews(nav, keptViews(nav).filter((each) => each.name !== name)));
    for (const made of [link, forget]) {
      made.dataset.kept = "";
      form.before(made);
    }
  }
}

for (const nav of document.querySelectorAll("[data-views]")) {
  showViews(nav);
  nav.querySelector("[data-keep-view]").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = new FormData(event.target).get("name").trim();
    if (name) keepViews(nav, [...keptViews(nav).filter((each) => each.name !== name), { name, query: location.search }]);
    event.target.reset();
  });
}

localTimes(document);
countChosen();
watch();
const changed = new ResizeObserver(watch);
changed.observe(document.body);
changed.observe(document.getElementById("main"));
document.querySelector(".pages [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
if (document.body.dataset.stream) listen();
