// Keeps the page's files, so that it opens without a network. The version is of their contents.
const prefix = "fdht " + self.registration.scope + " ";
const name = prefix + "VERSION";
const engine = new URL(self.location).searchParams.get("engine");
const files = [];

self.addEventListener("install", (event) => event.waitUntil(keep()));
self.addEventListener("activate", (event) => event.waitUntil(forget()));
self.addEventListener("fetch", (event) => event.respondWith(answer(event.request)));

// The first time, what the browser has just loaded serves again; later that may be what another version left.
async function keep() {
  const others = (await caches.keys()).some((key) => key.startsWith(prefix));
  const cache = await caches.open(name);
  await cache.addAll([...files, engine].map((file) => new Request(file, { cache: others ? "reload" : "force-cache" })));
  await self.skipWaiting();
}

async function forget() {
  for (const key of await caches.keys()) if (key.startsWith(prefix) && key !== name) await caches.delete(key);
  await self.clients.claim();
}

async function answer(request) {
  const kept = await caches.open(name);
  const found = await kept.match(request.mode === "navigate" ? "./" : request, { ignoreSearch: true });
  return found ?? fetch(request);
}
