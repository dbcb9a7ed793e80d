import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseConfig } from "../../src/core/config-parse.ts";
import { matchesGlob } from "../../src/core/config-glob.ts";
import { isAllowedImage, isTag, parseImageName, withDigest } from "../../src/core/image.ts";
import { digest } from "../core/decision-fixture.ts";
import { HOSTILE, hostileText, runs } from "./arbitrary.ts";

const ALLOWED = ["registry.example/acme/**", "registry.example:5000/one/*", "ghcr.io/acme/shop"];

describe("an image that only looks like an allowed one is refused:", () => {
  test.each([
    "registry.example.evil.example/acme/web",
    "evil.example/registry.example/acme/web",
    "registryXexample/acme/web",
    "registry-example/acme/web",
    "sub.registry.example/acme/web",
    "registry.example./acme/web",
    "REGISTRY.example/acme/web",
    "registry.example/ACME/web",
    "registry.examplе/acme/web",
    "registry。example/acme/web",
    "registry.example:443/acme/web",
    "registry.example:5000/acme/web",
    "registry.example@evil.example/acme/web",
    "user:pass@registry.example/acme/web",
    "https://registry.example/acme/web",
    "//registry.example/acme/web",
    "registry.example//acme/web",
    "registry.example/acme/../evil/web",
    "registry.example/acme/./web",
    "registry.example/acme/%2e%2e/evil",
    "registry.example/acme%2fweb",
    "registry.example/acme/",
    "registry.example/acme",
    "registry.example/acme-evil/web",
    "registry.example/acme/web:latest",
    "registry.example/acme/web@sha256:abc",
    "registry.example/acme/web?x=1",
    "registry.example/acme/web#x",
    "registry.example/acme/web\n",
    "registry.example/acme/web\0",
    " registry.example/acme/web",
    "registry.example\\acme\\web",
    "registry.example:5000/one/two/three",
    "registry.example:99999999/one/two",
    "ghcr.io/acme/shop2",
    "ghcr.io/acme/shop/x",
    "[::1]/acme/web",
    "localhost/acme/web",
    "169.254.169.254/acme/web",
    "acme/web",
    "web",
    "",
  ])("%j", (image) => {
    expect(isAllowedImage(image, ALLOWED)).toBe(false);
  });
});

test("and the ones that were meant are allowed", () => {
  const meant = [
    "registry.example/acme/web",
    "registry.example/acme/a/b",
    "registry.example:5000/one/web",
    "ghcr.io/acme/shop",
  ];
  expect(meant.filter((image) => !isAllowedImage(image, ALLOWED))).toEqual([]);
  expect(meant.filter((image) => isAllowedImage(image, []))).toEqual([]);
});

/** What is wrong with how a text is taken for an image. */
function faults(text: string): string[] {
  const name = parseImageName(text);
  if (name === null) return isAllowedImage(text, ["**", ...ALLOWED]) ? ["allowed without being a name"] : [];
  // As a client would build it: what is parsed is what is asked.
  const url = new URL(`https://${name.host}/v2/${name.repository}/manifests/x`);
  const beside = [url.username, url.password, url.search, url.hash].join("");
  return [
    ...(`${name.host}/${name.repository}` === text ? [] : ["another name"]),
    ...(url.pathname === `/v2/${name.repository}/manifests/x` ? [] : [`the path ${url.pathname}`]),
    ...(beside === "" ? [] : [beside]),
    ...(isAllowedImage(text, ALLOWED) && !HOSTS.includes(url.host) ? [`the host ${url.host}`] : []),
  ];
}
const HOSTS = ["registry.example", "registry.example:5000", "ghcr.io"];

test("whatever is allowed is asked for at the very host that the list names, under a path that is no way up", () => {
  const part = fc.oneof(
    fc.constantFrom("registry.example", "registry.example:5000", "ghcr.io", "acme", "one", "shop", "web", ".", ":"),
    fc.constantFrom<string>(...HOSTILE),
    hostileText,
  );
  const image = fc
    .array(part, { minLength: 1, maxLength: 4 })
    .chain((parts) => fc.constantFrom("/", "", ".", "@").map((joint) => parts.join(joint)));
  fc.assert(
    fc.property(image, (text) => {
      expect(faults(text)).toEqual([]);
    }),
    runs(6_000),
  );
});

test("a tag or digest from a file is never more than a tag or digest", () => {
  fc.assert(
    fc.property(hostileText, (text) => {
      expect(!isTag(text) || encodeURIComponent(text) === text).toBe(true);
      const parsed = parseConfig(`version: 1\nservices: {web: {tag: ${JSON.stringify(`{sha}${text}`)}}}`, "main");
      const filled = `${"a".repeat(40)}${text}`.replaceAll("{sha}", "a".repeat(40));
      expect("problems" in parsed || isTag(filled)).toBe(true);
    }),
    runs(2_000),
  );
  expect(withDigest("r.example/a/b", digest("1"))).toMatch(/^r\.example\/a\/b@sha256:1{64}$/);
});

test("a pattern of paths matches as its stars say, and is walked once", () => {
  const text = fc.stringMatching(/^[ab/]{1,12}$/);
  const glob = fc.stringMatching(/^[ab/*?]{1,10}$/);
  fc.assert(
    fc.property(glob, text, (pattern, path) => {
      const segments = pattern.split("/").map((part) => (part === "**" ? part : part.replaceAll(/\*+/g, "*")));
      // The same by a regular expression over a path that ends every segment with a slash.
      const source = segments.map((part) =>
        part === "**" ? "(?:[^/]*/)*" : `${part.replaceAll("*", "[^/]*").replaceAll("?", "[^/]")}/`,
      );
      expect(matchesGlob(pattern, path)).toBe(new RegExp(`^${source.join("")}$`).test(`${path}/`));
    }),
    runs(2_000),
  );
  expect(matchesGlob(`${"*a".repeat(150)}b`, "a".repeat(50_000))).toBe(false);
  expect(matchesGlob(`${"**/a/".repeat(50)}b`, "a/".repeat(5_000))).toBe(false);
});
