import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { type Kind, sabotaged } from "./sabotage.ts";
import { SABOTAGES } from "./sabotage-table.ts";

const read = (file: string): string => readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), "utf8");

/** `npm run sabotage` breaks each of them; here only that it still can. */
describe("the table of safeguards", () => {
  test.each(SABOTAGES)("knows where to find: $name", (sabotage) => {
    const source = read(sabotage.file);
    expect(sabotaged(sabotage, source)).not.toBe(source);
  });

  test("names each safeguard once, and at least three of every kind", () => {
    expect(new Set(SABOTAGES.map(({ name }) => name)).size).toBe(SABOTAGES.length);
    const kinds: Kind[] = ["stale state", "intermediate state", "unobserved state", "indirect"];
    for (const kind of kinds) expect(SABOTAGES.filter((row) => row.kind === kind).length).toBeGreaterThanOrEqual(3);
  });

  test("says what to do when the product's text has changed", () => {
    const [row] = SABOTAGES;
    if (row === undefined) throw new Error("the table has rows");
    expect(() => sabotaged(row, "something else")).toThrow(`correct the row in sabotage-table.ts`);
  });
});
