import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const root = new URL("../../", import.meta.url);
const page = readFileSync(new URL("SECURITY.md", root), "utf8");

/** Each link to a test file, with the titles that follow it in typographic quotes. */
const claims = [...page.matchAll(/\[`(test\/[^`]+)`\]\(([^)]+)\): ((?:“[^”]+”(?:,\s+(?=“))?)+)/g)].map(
  ([, file = "", link = "", titles = ""]) => ({
    file,
    link,
    titles: [...titles.matchAll(/“([^”]+)”/g)].map(([, title = ""]) => title),
  }),
);

describe("every sentence of SECURITY.md is shown by a test that exists:", () => {
  test.each(claims)("$file", ({ file, link, titles }) => {
    expect(link).toBe(file);
    expect(existsSync(new URL(file, root))).toBe(true);
    const source = readFileSync(new URL(file, root), "utf8");
    const missing = titles.filter((title) => !source.includes(`(${JSON.stringify(title)}`));
    expect(missing).toEqual([]);
  });

  test("no link to a test is left without a title", () => {
    expect(claims.length).toBe([...page.matchAll(/\]\(test\//g)].length);
    expect(claims.length).toBeGreaterThan(30);
  });
});
