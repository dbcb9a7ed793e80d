import { expect, test } from "vitest";
import { isAllowedImage, isTag, parseImageName, withDigest, withTag } from "../../src/core/image.ts";
import { parseDigest } from "../../src/core/names.ts";

test.each([
  ["registry.example/acme/shop-web", { host: "registry.example", repository: "acme/shop-web" }],
  ["localhost:5000/shop", { host: "localhost:5000", repository: "shop" }],
  ["localhost/shop", { host: "localhost", repository: "shop" }],
  [
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b__c/d.e",
    { host: "123456789012.dkr.ecr.eu-west-1.amazonaws.com", repository: "a/b__c/d.e" },
  ],
])("%s is a host and a repository", (text, name) => {
  expect(parseImageName(text)).toEqual(name);
});

test.each<[unknown, string]>([
  ["acme/shop", "no host: Docker Hub to one, a mirror to another"],
  ["shop", "no host"],
  ["registry.example/", "no repository"],
  ["registry.example/acme/shop:v1", "a tag"],
  [`registry.example/acme/shop@sha256:${"a".repeat(64)}`, "a digest"],
  ["registry.example/Acme/shop", "upper case"],
  ["Registry.example/acme/shop", "upper case in the host"],
  ["registry.example/acme//shop", "an empty segment"],
  ["registry.example/../shop", "a way out"],
  ["https://registry.example/acme/shop", "a URL"],
  ["registry.example/acme/shop\n", "a line break"],
  [`registry.example/${"a".repeat(255)}`, "too long"],
  [7, "not text"],
])("%s is no image name: %s", (text) => {
  expect(parseImageName(text)).toBe(null);
});

test.each([
  ["registry.example/acme/shop", ["registry.example/acme/*"], true],
  ["registry.example/acme/team/shop", ["registry.example/acme/*"], false],
  ["registry.example/acme/team/shop", ["registry.example/acme/**"], true],
  ["registry.example/acme/shop-web", ["registry.example/acme/shop-*"], true],
  ["registryXexample/acme/shop", ["registry.example/acme/*"], false],
  ["evil.example/registry.example/acme/shop", ["registry.example/acme/*"], false],
  ["registry.example/acme/shop", ["registry.example/acme/shop"], true],
  ["registry.example/acme/shop", ["other.example/**", "registry.example/**"], true],
  ["registry.example:5000/acme/shop", ["registry.example/**"], false],
  ["registry.example/acme/shop:v1", ["**"], false],
  ["registry.example/acme/shop", [], false],
])("%s under %j: %s", (image, allowed, verdict) => {
  expect(isAllowedImage(image, allowed)).toBe(verdict);
});

test("tags are what the distribution specification calls tags", () => {
  expect(["v1", "_a", "a".repeat(128), "1.2-rc_3"].map(isTag)).toEqual([true, true, true, true]);
  expect(["", "-a", ".a", "a/b", "a:b", "a".repeat(129)].map(isTag)).toEqual([
    false,
    false,
    false,
    false,
    false,
    false,
  ]);
});

test("an image is named by tag or by digest", () => {
  const digest = parseDigest(`sha256:${"a".repeat(64)}`);
  if (digest === null) throw new Error("the fixture is no digest");
  expect(withTag("registry.example/acme/shop", "v1")).toBe("registry.example/acme/shop:v1");
  expect(withDigest("registry.example/acme/shop", digest)).toBe(`registry.example/acme/shop@${digest}`);
});
