import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

/** A folder for one test file, gone when it ends; gives paths in it. */
export function newFolder(): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), "proa-test-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return (name) => join(folder, name);
}
