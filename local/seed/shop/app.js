import { createServer } from "node:http";
import { page } from "./page.js";

/** The shop's web server, not yet listening. */
export function createApp({ catalogue, version, commit, log = console.log }) {
  return createServer((req, res) => {
    const { pathname } = new URL(req.url, "http://shop");
    const { status, type, body } = answer(pathname, { catalogue, version, commit });
    res.writeHead(status, { "content-type": type }).end(body);
    if (pathname !== "/healthz") log(`${req.method} ${pathname} ${status}`);
  });
}

function answer(pathname, shop) {
  switch (pathname) {
    case "/":
      return { status: 200, type: "text/html; charset=utf-8", body: page(shop) };
    case "/version":
      return json(200, { version: shop.version, commit: shop.commit });
    case "/healthz":
      return shop.catalogue.isReady()
        ? json(200, { ok: true })
        : json(503, { ok: false, because: "the catalogue is loading" });
    default:
      return json(404, { error: `there is nothing at ${pathname}` });
  }
}

const json = (status, body) => ({ status, type: "application/json", body: JSON.stringify(body) });
