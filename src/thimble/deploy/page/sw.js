// Keeps every file of the bundle on the device, so that the page works without a network, and sends the headers that threads need.
// Registered as sw.js?v=HASH of the manifest: another bundle is another cache.
const CACHE = `thimble-${new URL(location).searchParams.get("v")}`;
const HEADERS = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

oninstall = (event) =>
  event.waitUntil(
    (async () => {
      const manifest = await (await fetch("manifest.json", { cache: "no-store" })).json();
      const cache = await caches.open(CACHE);
      await cache.addAll(["./", "manifest.json", ...manifest.files.map((file) => file.path)]);
      await skipWaiting();
    })(),
  );

onactivate = (event) =>
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) if (name.startsWith("thimble-") && name !== CACHE) await caches.delete(name);
      await clients.claim();
    })(),
  );

onfetch = (event) => {
  if (event.request.method === "GET") event.respondWith(answer(event.request));
};

async function answer(request) {
  const found = (await (await caches.open(CACHE)).match(request, { ignoreSearch: true })) ?? (await fetch(request));
  if (!found.ok || found.type === "opaque") return found;
  const headers = new Headers(found.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  return new Response(found.body, { status: found.status, statusText: found.statusText, headers });
}
