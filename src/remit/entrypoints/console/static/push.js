// Turns Web Push on and off for this browser, and says once a day and session that its person is still here. Nobody is
// told here once they have signed out, or somebody else has signed in.
"use strict";

(() => {
  const { push: own, session } = document.body.dataset;
  if (!own || !("serviceWorker" in navigator) || !("PushManager" in window)) return;

  const SEEN = "remit-push-seen";
  const DAY_MS = 24 * 60 * 60 * 1000;
  const SIGN_OUT_WITHIN_MS = 1000;
  const place = document.querySelector("[data-push-here]");

  function bytes(text) {
    const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(plain, (char) => char.charCodeAt(0));
  }

  function csrf() {
    return JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRF-Token"];
  }

  // Who turned it on here, and when they were last here, in which session.
  function seen() {
    try {
      return JSON.parse(localStorage.getItem(SEEN)) || {};
    } catch {
      return {};
    }
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
    localStorage.setItem(SEEN, JSON.stringify({ own, session, at: Date.now() }));
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
    const subscription = await forget();
    if (subscription) await send(`/console/telling/browsers/${await name(subscription.endpoint)}/remove`, {});
  }

  // From here on what is sent, or was sent and has not come yet, is not shown in this browser.
  async function forget() {
    const subscription = await subscribed();
    localStorage.removeItem(SEEN);
    await subscription?.unsubscribe();
    return subscription;
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

  // Whoever turned it on is told until some days after they were last here.
  async function stayOn() {
    const last = seen();
    if (!last.own) return;
    if (last.own !== own) return forget();
    if (last.session === session && Date.now() - last.at < DAY_MS) return;
    const subscription = await subscribed();
    if (subscription) await tell(subscription);
  }

  // The server forgets this browser with the session; this is for what is on its way.
  document.querySelector("[data-sign-out]").addEventListener("submit", async (event) => {
    event.preventDefault();
    const enough = new Promise((done) => setTimeout(done, SIGN_OUT_WITHIN_MS));
    await Promise.race([forget().catch(() => {}), enough]);
    event.target.submit();
  });

  if (place) {
    on("[data-push-on]", turnOn);
    on("[data-push-off]", turnOff);
    subscribed().then((subscription) => show(Boolean(subscription) && seen().own === own));
  }
  stayOn().catch(() => {});
})();
