// Turns Web Push on and off for this browser, and says once a day that its person is still here.
"use strict";

(() => {
  const own = document.body.dataset.push;
  if (!own || !("serviceWorker" in navigator) || !("PushManager" in window)) return;

  const SEEN = "remit-push-seen";
  const DAY_MS = 24 * 60 * 60 * 1000;
  const place = document.querySelector("[data-push-here]");

  function bytes(text) {
    const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(plain, (char) => char.charCodeAt(0));
  }

  function csrf() {
    return JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRF-Token"];
  }

  async function send(address, fields) {
    const answer = await fetch(address, {
      method: "POST",
      headers: { "X-CSRF-Token": csrf() },
      body: new URLSearchParams(fields),
    });
    if (!answer.ok) throw new Error(`it was answered ${answer.status}`);
  }

  async function subscribed() {
    const found = await navigator.serviceWorker.getRegistration("/console/");
    return found ? found.pushManager.getSubscription() : null;
  }

  async function tell(subscription) {
    const { endpoint, keys } = subscription.toJSON();
    await send("/console/telling/browsers", { endpoint, p256dh: keys.p256dh, auth: keys.auth });
    localStorage.setItem(SEEN, `${own} ${Date.now()}`);
  }

  async function turnOn() {
    if ((await Notification.requestPermission()) !== "granted") throw new Error("this browser shows nothing");
    const worker = await navigator.serviceWorker.register("/console/worker.js", { scope: "/console/" });
    await navigator.serviceWorker.ready;
    // One that was made for another key takes nothing of ours.
    await (await worker.pushManager.getSubscription())?.unsubscribe();
    const asked = { userVisibleOnly: true, applicationServerKey: bytes(own.split(" ")[0]) };
    await tell(await worker.pushManager.subscribe(asked));
  }

  // As the server calls this browser: by the hash of where it is told.
  async function name(endpoint) {
    const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint));
    return Array.from(new Uint8Array(hash, 0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  async function turnOff() {
    const subscription = await subscribed();
    localStorage.removeItem(SEEN);
    if (!subscription) return;
    await subscription.unsubscribe();
    await send(`/console/telling/browsers/${await name(subscription.endpoint)}/remove`, {});
  }

  function show(isOn) {
    place.querySelector("[data-push-on]").hidden = isOn;
    place.querySelector("[data-push-off]").hidden = !isOn;
    place.hidden = false;
  }

  function on(name, act) {
    const told = place.querySelector("[role=status]");
    place.querySelector(name).addEventListener("click", async () => {
      try {
        await act();
        window.location.reload();
      } catch (error) {
        told.textContent = `That did not work: ${error.message}.`;
      }
    });
  }

  // Whoever turned it on is told until thirty days after they were last here.
  async function stayOn() {
    const [seenBy, at] = (localStorage.getItem(SEEN) || "").split(/ (?=[0-9]+$)/);
    if (seenBy !== own || Date.now() - Number(at) < DAY_MS) return;
    const subscription = await subscribed();
    if (subscription) await tell(subscription);
  }

  if (place) {
    on("[data-push-on]", turnOn);
    on("[data-push-off]", turnOff);
    const isMine = () => (localStorage.getItem(SEEN) || "").startsWith(`${own} `);
    subscribed().then((subscription) => show(Boolean(subscription) && isMine()));
  }
  stayOn().catch(() => {});
})();
