// Fetching plotly.js: once for all views of a page, from the server or from the browser's own store.

/** plotly.js, fetched once for all views of the page; the promise is the window's, as two versions of this file may meet. */
export function plotly(path) {
  window.gdPlotly ??= load(new URL(`.${path}`, document.baseURI)).catch((error) => {
    window.gdPlotly = undefined; // the next view tries again
    throw error;
  });
  return window.gdPlotly;
}

async function load(address) {
  // The server sends no caching headers with the file, so the browser's own store keeps it (over https and on localhost).
  const store = await window.caches?.open("gd-plotly").catch(() => undefined);
  let response = await store?.match(address);
  if (!response) {
    response = await fetch(address);
    if (!response.ok) throw new Error(`plotly.js did not arrive (${response.status})`);
    for (const old of (await store?.keys()) ?? []) await store.delete(old);
    await store?.put(address, response.clone()).catch(() => undefined); // a full store is no reason to fail
  }
  const plain = await new Response(response.body.pipeThrough(new DecompressionStream("gzip"))).blob();
  const source = URL.createObjectURL(new Blob([plain], { type: "text/javascript" }));
  await new Promise((resolve, reject) => {
    const script = document.createElement("script"); // not import(): the file is no module
    Object.assign(script, { src: source, onload: resolve, onerror: reject });
    document.head.append(script);
  });
  URL.revokeObjectURL(source);
  return window.Plotly;
}
