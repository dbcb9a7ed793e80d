import { get } from "node:http";
import { expect, test } from "vitest";
import { type Journey, startWorld } from "../journeys/harness.ts";
import { live, previewNamespace, shopConfig, statusIs } from "../journeys/races-support.ts";
import { deliverSigned } from "./deliver.ts";
import { watchOutgoing } from "./outgoing.ts";
import { serve } from "./stub.ts";

/** Whatever is or could be an address, pointed at the canary: by how it looks, and by what GitHub calls it. */
function baited(value: unknown, canary: string, key = ""): unknown {
  if (Array.isArray(value)) return value.map((item) => baited(item, canary));
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, baited(inner, canary, name)]));
  if (/(?:^|_)(?:url|href|homepage)$/.test(key)) return `${canary}/${key}`;
  return typeof value === "string" && /^[a-z+.-]+:\/\//.test(value) ? `${canary}/${key}` : value;
}

test("no URL of a payload is ever fetched, all the way from a pull request to production", async (t) => {
  const canary = await serve((_request, response) => response.writeHead(200).end());
  t.onTestFinished(() => canary.close());
  let journey: Journey | null = null;
  let bait = 0;
  const shop = await startWorld(t, {
    deliver: async (delivery, send) => {
      if (journey === null) return send();
      const payload = baited(delivery.payload, canary.url);
      bait += JSON.stringify(payload).split(canary.url).length - 1;
      return { status: await deliverSigned(journey, { ...delivery, payload }) };
    },
  });
  journey = shop;
  const outgoing = watchOutgoing();
  t.onTestFinished(() => outgoing.stop());

  const pull = await shop.person.openPullRequest({ branch: "lamp", title: `see ${canary.url}/title` });
  await live(shop, pull.sha, "preview");
  const pushed = await shop.person.push("lamp", "good");
  await live(shop, pushed, "preview");
  await shop.person.comment(pull.number, `/deploy\n\n![](${canary.url}/comment)`);
  await shop.quiet();
  const merged = await shop.person.merge(pull.number);
  await live(shop, merged, "production");
  await shop.until(async () => (await shop.namespace(previewNamespace(1))) === null, "the preview is gone");
  await shop.quiet();

  expect(bait).toBeGreaterThan(500);
  expect(canary.asked).toEqual([]);
  // GitHub and the registry at one address, the cluster at the other, and the pods that people and probes visit.
  const { host: github } = new URL(shop.world.url);
  expect(outgoing.hosts).toContain(github);
  expect([...outgoing.hosts].filter((host) => !/^(?:127\.0\.0\.1|localhost):\d+$/.test(host))).toEqual([]);
  expect([...outgoing.hosts]).not.toContain(new URL(canary.url).host);
});

test("a registry that is not on the list is not even asked, whatever the config says", async (t) => {
  const canary = await serve((_request, response) => response.writeHead(200).end());
  t.onTestFinished(() => canary.close());
  // The local CI builds for its own registry only, so the checks are reported without it.
  const shop = await startWorld(t, { ci: "manual" });
  const image = `${new URL(canary.url).host}/acme/shop-web`;
  await shop.person.push("main", { ".proa.yml": shopConfig({ services: { web: { image } }, environments: null }) });
  const { sha } = await shop.person.openPullRequest({ branch: "lamp" });
  await shop.ci.report({ owner: shop.owner, repo: shop.name, sha }, "success");
  expect(await statusIs(shop, sha, "proa/preview", "failure")).toContain(`image ${image} of web is not on`);
  await shop.quiet();
  expect(canary.asked).toEqual([]);
});

test("what watches would have seen it", async (t) => {
  const canary = await serve((_request, response) => response.writeHead(200).end());
  t.onTestFinished(() => canary.close());
  const outgoing = watchOutgoing();
  t.onTestFinished(() => outgoing.stop());
  const { host } = new URL(canary.url);

  await (await fetch(`${canary.url}/by-fetch`)).text();
  expect([...outgoing.hosts]).toEqual([host]);
  expect(canary.asked).toEqual(["GET /by-fetch"]);

  const localhost = `http://localhost:${new URL(canary.url).port}/by-http`;
  await new Promise((done) =>
    get(
      localhost,
      { lookup: (_name, _options, found) => found(null, [{ address: "127.0.0.1", family: 4 }]) },
      (response) => response.resume().on("end", done),
    ),
  );
  expect([...outgoing.hosts]).toEqual([host, `localhost:${new URL(canary.url).port}`]);
});
