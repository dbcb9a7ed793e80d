import { assert, integer, oneof, property, stringMatching } from "fast-check";
import { describe, expect, test } from "vitest";
import {
  parseDigest,
  parseRepoId,
  parseRepoName,
  parseSha,
  short,
  splitRepo,
  statusContext,
  type Target,
  targetId,
  topicId,
} from "../../src/core/names.ts";
import { isEnvironmentName, parseTargetId } from "../../src/core/target-names.ts";
import { preview, repo, repoId, sha, staging } from "./decision-fixture.ts";

describe("what comes in is named only if it is exactly that", () => {
  const rows: [string, (value: unknown) => unknown, readonly unknown[], readonly unknown[]][] = [
    [
      "a commit",
      parseSha,
      ["a".repeat(40), "0".repeat(64)],
      ["a".repeat(39), "A".repeat(40), "g".repeat(40), ` ${"a".repeat(40)}`, `${"a".repeat(40)}\n`, 7, null],
    ],
    [
      "a digest",
      parseDigest,
      [`sha256:${"a".repeat(64)}`],
      ["a".repeat(64), `sha512:${"a".repeat(64)}`, `sha256:${"a".repeat(63)}`, `sha256:${"A".repeat(64)}`, {}],
    ],
    ["a repository's number", parseRepoId, [1, 2 ** 53 - 1], [0, -1, 1.5, Number.NaN, 2 ** 53, "1", null]],
    [
      "a repository's name",
      parseRepoName,
      ["acme/shop", "a-b/.github", "A/b_c.d"],
      ["acme", "acme/", "/shop", "acme/shop/x", "acme/..", "acme/.", "-a/b", "a b/c", "acme/shop\n"],
    ],
  ];
  test.each(rows)("%s", (_, parse, good, bad) => {
    for (const value of good) expect(parse(value)).toBe(value);
    for (const value of bad) expect(parse(value)).toBeNull();
  });

  test("an environment", () => {
    for (const name of ["staging", "a", "eu-1", "a".repeat(32)]) expect(isEnvironmentName(name)).toBe(true);
    for (const name of ["", "preview", "-a", "a-", "Staging", "a_b", "a/b", "a".repeat(33)])
      expect(isEnvironmentName(name)).toBe(false);
  });
});

describe("a target's id", () => {
  test("is read back as the target it was made of", () => {
    const number = integer({ min: 1, max: 9_999_999_999 });
    const environment = stringMatching(/^[a-z][a-z0-9]{0,20}$/).filter((name) => name !== "preview");
    const target = oneof(
      number.map((n): Target => ({ kind: "preview", repoId, number: n })),
      environment.map((name): Target => ({ kind: "env", repoId, environment: name })),
    );
    assert(
      property(target, (one) => {
        expect(parseTargetId(targetId(one))).toEqual(one);
      }),
    );
  });

  test("has one spelling: whatever else is written names nothing", () => {
    expect([targetId(preview), targetId(staging)]).toEqual(["preview/12/7", "env/12/staging"]);
    const wrong = [
      "",
      "preview/12",
      "preview/12/0",
      "preview/12/07",
      "preview/12/7/8",
      "preview/x/7",
      "preview/0xc/7",
      "preview/1e1/7",
      "preview/012/7",
      "preview/ 12/7",
      "env/12/preview",
      "env/12/",
      "cluster/12/a",
      7,
      null,
    ];
    expect(wrong.filter((text) => parseTargetId(text) !== null)).toEqual([]);
  });

  test("and what is shown on GitHub for it", () => {
    expect([statusContext(preview), statusContext(staging)]).toEqual(["proa/preview", "proa/staging"]);
  });
});

test("topics are named after what they are about", () => {
  expect(topicId({ kind: "commit", repoId, sha: sha("a") })).toBe(`commit/12/${"a".repeat(40)}`);
  expect(topicId({ kind: "repo", repoId })).toBe("repo/12");
  expect(topicId({ kind: "image", repository: "acme/shop-web", tag: "t" })).toBe("image/acme/shop-web/t");
});

test("a name falls into owner and repository, a commit into its first seven characters", () => {
  expect(splitRepo(repo)).toEqual({ owner: "acme", repo: "shop" });
  expect(short(sha("a"))).toBe("aaaaaaa");
});
