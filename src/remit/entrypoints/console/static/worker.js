// Shows what is told by Web Push, and opens where it leads. It reads and keeps nothing, and answers nothing.
"use strict";

const QUEUE = "/console/queue";

function said(event) {
  try {
    return event.data.json();
  } catch {
    return {};
  }
}

// A page of this console, wherever a message would lead.
function place(url) {
  try {
    const found = new URL(url, self.location.origin);
    return found.origin === self.location.origin && found.pathname.startsWith("/console/") ? found.href : QUEUE;
  } catch {
    return QUEUE;
  }
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  const { id, title, text, url } = said(event);
  const shown = { body: String(text || ""), tag: String(id || "remit"), data: { url: place(url) } };
  event.waitUntil(self.registration.showNotification(String(title || "Something needs your eye"), shown));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(event.notification.data.url));
});
