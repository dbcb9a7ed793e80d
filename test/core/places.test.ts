import * as fc from "fast-check";
import { expect, test } from "vitest";
import { defaultService } from "../../src/core/config-defaults.ts";
import { previewHost, previewNamespaceName, serviceHosts } from "../../src/core/places.ts";

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

test.for<[owner: string, repo: string, number: number, name: string]>([
  ["acme", "shop", 7, "acme-shop-pr-7"],
  ["Acme", "Shop", 7, "acme-shop-pr-7"],
  ["acme", "shop-api", 7, "acme-shop-api-pr-7"],
])("%s/%s#%i lives in %s", ([owner, repo, number, name]) => {
  expect(previewNamespaceName({ owner, repo, number })).toBe(name);
});

test.for<[owner: string, repo: string, name: RegExp]>([
  ["acme", "shop.api", /^acme-shop-api-pr-7-[0-9a-f]{8}$/],
  ["acme", ".github", /^acme--github-pr-7-[0-9a-f]{8}$/],
  ["acme-labs", "shop", /^acme-labs-shop-pr-7-[0-9a-f]{8}$/],
  ["acme", "x".repeat(100), /^acme-x{49}-[0-9a-f]{8}$/],
])("%s/%s needs a hash to be told from its neighbours", ([owner, repo, name]) => {
  expect(previewNamespaceName({ owner, repo, number: 7 })).toMatch(name);
});

const login = fc.stringMatching(/^[a-c][a-c-]{0,6}[a-c]$/);
const repository = fc.stringMatching(/^[a-cA-C._-]{1,80}$/);
const place = fc.record({ owner: login, repo: repository, number: fc.integer({ min: 1, max: 120 }) });

test("two pull requests never share a namespace, and every name is a DNS label", () => {
  fc.assert(
    fc.property(place, place, (a, b) => {
      const [one, other] = [a, b].map(previewNamespaceName);
      expect(one).toMatch(LABEL);
      const same = JSON.stringify(a).toLowerCase() === JSON.stringify(b).toLowerCase();
      expect(one === other).toBe(same);
    }),
    { numRuns: 2000 },
  );
});

test("names that only a hyphen moves apart stay apart", () => {
  expect(previewNamespaceName({ owner: "a-b", repo: "c", number: 1 })).not.toBe(
    previewNamespaceName({ owner: "a", repo: "b-c", number: 1 }),
  );
});

test.for<[pattern: string, host: string | RegExp]>([
  ["pr-{n}-{repo}.{domain}", "pr-7-shop.preview.example"],
  ["pr-{n}.{domain}", "pr-7.preview.example"],
  ["{n}.{repo}.{owner}.example", "7.shop.acme.example"],
])("%s becomes %s", ([pattern, host]) => {
  expect(previewHost(pattern, { n: 7, repo: "Shop", owner: "acme", domain: "preview.example" })).toBe(host);
});

test("a repository's name is made to fit a host, and still names only that repository", () => {
  const host = (repo: string): string =>
    previewHost("pr-{n}-{repo}.{domain}", { n: 7, repo, owner: "acme", domain: "preview.example" });
  expect(host("shop.api")).toMatch(/^pr-7-shop-api-[0-9a-f]{8}\.preview\.example$/);
  expect(new Set(["shop.api", "shop_api", "shop-api"].map(host)).size).toBe(3);
  fc.assert(
    fc.property(repository, (repo) => {
      for (const part of host(repo).split(".")) expect(part).toMatch(LABEL);
    }),
  );
});

test("the first exposed service has the host, the others stand beside it under the same wildcard", () => {
  const services = [{ ...defaultService("worker"), expose: false }, defaultService("web"), defaultService("api")];
  expect(serviceHosts(services, "pr-7-shop.preview.example")).toEqual({
    web: "pr-7-shop.preview.example",
    api: "api-pr-7-shop.preview.example",
  });
  expect(serviceHosts(services, null)).toEqual({});
});

test("a service's host keeps within a DNS label", () => {
  const { api = "" } = serviceHosts([defaultService("web"), defaultService("api")], `${"x".repeat(62)}.example`);
  expect(api).toMatch(/^api-x{50}-[0-9a-f]{8}\.example$/);
});
