import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { createApp } from "../app.js";

const catalogue = { products: [{ name: "Lantern", cents: 2999 }], isReady: () => true };
const app = createApp({ catalogue, version: "1.2.3", commit: "0123456789abcdef", log: () => {} });
const get = (path) => fetch(`http://127.0.0.1:${app.address().port}${path}`);

before(() => once(app.listen(0, "127.0.0.1"), "listening"));
after(() => app.close());

test("the page shows the version, the commit and what is for sale", async () => {
  const text = await (await get("/")).text();
  assert.match(text, /version 1\.2\.3 · commit 0123456/);
  assert.match(text, /Lantern/);
});

test("/version says what runs", async () => {
  assert.deepEqual(await (await get("/version")).json(), { version: "1.2.3", commit: "0123456789abcdef" });
});

test("/healthz is 200 once the catalogue is ready", async () => {
  assert.equal((await get("/healthz")).status, 200);
});
