import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { defaultService } from "../../src/core/config-defaults.ts";
import { parseRepoName, type RepoName, splitRepo, type Target, targetId } from "../../src/core/names.ts";
import { isEnvironmentName, parseTargetId } from "../../src/core/target-names.ts";
import { previewHost, previewNamespaceName, serviceHosts } from "../../src/core/places.ts";
import { DNS_LABEL, HOSTILE, hostileText, runs } from "./arbitrary.ts";

/** A name GitHub could give, close to others: case, hyphens, dots and underscores are where names run together. */
const owner = fc.oneof(fc.stringMatching(/^[aA][a-bA-B-]{0,5}[aB]$/), fc.stringMatching(/^[a-zA-Z0-9]{39}$/));
const repo = fc.oneof(
  fc.stringMatching(/^[aAbB._-]{1,8}$/),
  fc.stringMatching(/^[a-zA-Z0-9._-]{60,100}$/),
  // As if the end of a namespace's name were part of the repository's.
  fc.tuple(fc.constantFrom("a", "b"), fc.nat(20)).map(([name, n]) => `${name}-pr-${n}`),
  fc.constantFrom("con", "nul", "xn--a", "aaa", "AAA", "a.git", "a_a", "-", "--", "0", "_"),
);
const named = fc
  .tuple(owner, repo)
  .map(([of, name]) => parseRepoName(`${of}/${name}`))
  .filter((name): name is RepoName => name !== null);
const number = fc.oneof(fc.integer({ min: 1, max: 130 }), fc.integer({ min: 1, max: 9_999_999_999 }));
const pull = fc.record({ name: named, number });

const same = (a: { name: string; number: number }, b: { name: string; number: number }): boolean =>
  a.name.toLowerCase() === b.name.toLowerCase() && a.number === b.number;

describe("two pull requests", () => {
  test("of any repositories of any owners share a namespace only if they are one", () => {
    const namespace = ({ name, number: n }: { name: RepoName; number: number }): string =>
      previewNamespaceName({ ...splitRepo(name), number: n });
    fc.assert(
      fc.property(pull, pull, (one, other) => {
        expect(namespace(one)).toMatch(DNS_LABEL);
        expect(namespace(one) === namespace(other)).toBe(same(one, other));
      }),
      runs(5_000),
    );
  });

  test("share a host only if they are one, where the pattern says all that tells them apart", () => {
    const host = ({ name, number: n }: { name: RepoName; number: number }): string => {
      const { owner: of, repo: repository } = splitRepo(name);
      const parts = { n, repo: repository, owner: of, domain: "preview.example" };
      return previewHost("pr-{n}.{repo}.{owner}.{domain}", parts);
    };
    fc.assert(
      fc.property(pull, pull, (one, other) => {
        for (const part of host(one).split(".")) expect(part).toMatch(DNS_LABEL);
        expect(host(one).endsWith(".preview.example")).toBe(true);
        expect(host(one) === host(other)).toBe(same(one, other));
      }),
      runs(5_000),
    );
  });

  test("of one owner share no host under the standard pattern either", () => {
    const host = (name: string, n: number): string =>
      previewHost("pr-{n}-{repo}.{domain}", { n, repo: name, owner: "acme", domain: "preview.example" });
    fc.assert(
      fc.property(repo, number, repo, number, (one, n, other, m) => {
        expect(host(one, n).split(".")[0]).toMatch(DNS_LABEL);
        expect(host(one, n) === host(other, m)).toBe(one.toLowerCase() === other.toLowerCase() && n === m);
      }),
      runs(5_000),
    );
  });
});

test("services of one target have a host each", () => {
  const service = fc.stringMatching(/^[a-c](?:[a-c-]{0,38}[a-c])?$/);
  fc.assert(
    fc.property(fc.uniqueArray(service, { maxLength: 6 }), fc.stringMatching(/^[a-z]{1,63}$/), (names, first) => {
      const hosts = Object.values(serviceHosts(names.map(defaultService), `${first}.preview.example`));
      expect(new Set(hosts).size).toBe(names.length);
      for (const host of hosts) expect(host.split(".")[0]).toMatch(DNS_LABEL);
    }),
    runs(2_000),
  );
});

describe("what is no name", () => {
  test("of a repository is refused: no part of one is a way up, a query or another script's letter", () => {
    fc.assert(
      fc.property(hostileText, hostileText, (of, name) => {
        const parsed = parseRepoName(`${of}/${name}`);
        const parts = parsed === null ? [] : Object.values(splitRepo(parsed));
        expect(parts.filter((part) => !/^[A-Za-z0-9._-]+$/.test(part) || /^\.{1,2}$/.test(part))).toEqual([]);
        expect([null, parts.join("/")]).toContain(parsed);
      }),
      runs(5_000),
    );
  });

  test("of an environment is refused: every one can be part of a key, a path and a label", () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        expect(!isEnvironmentName(text) || DNS_LABEL.test(text)).toBe(true);
      }),
      runs(5_000),
    );
  });

  test("of a target is refused, and every name names one target", () => {
    const part = fc.oneof(fc.constantFrom("preview", "env", "12", "7", "staging", ...HOSTILE), hostileText);
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
        const text = parts.join("/");
        const target = parseTargetId(text);
        expect([null, text]).toContain(target && targetId(target));
      }),
      runs(5_000),
    );
    const target = fc.oneof(
      number.map((n): unknown => ({ kind: "preview", repoId: 12, number: n })),
      fc.stringMatching(/^[a-z0-9]{1,5}$/).map((environment): unknown => ({ kind: "env", repoId: 12, environment })),
    ) as fc.Arbitrary<Target>;
    fc.assert(
      fc.property(target, target, (one, other) => {
        expect(targetId(one) === targetId(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
      }),
      runs(5_000),
    );
  });
});
