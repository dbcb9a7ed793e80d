import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { parseDocument } from "yaml";
import { TEMPLATE_NAMES } from "../../src/core/manifests.ts";
import { fillTemplate, parseTemplate } from "../../src/core/template.ts";
import type { Values } from "../../src/core/template.ts";
import { loadTemplates, readTemplates } from "../../src/templates.ts";

const fill = (text: string, values: Values) => fillTemplate(parseTemplate("t", text), values);

test("a scalar that is one placeholder takes the value's type, inside text it becomes text", () => {
  expect(fill("a: ${n}\nb: port ${n} of ${name}\nc: ${list}\n", { n: 3, name: "web", list: [{ x: 1 }] })).toEqual({
    a: 3,
    b: "port 3 of web",
    c: [{ x: 1 }],
  });
});

test("null leaves the entry or the item out", () => {
  expect(fill("a: ${none}\nb: [x, '${none}']\n", { none: null })).toEqual({ b: ["x"] });
});

test.for([
  "x\n  injected: true",
  "x: {y: z}",
  "- item",
  '"}\n---\nkind: ClusterRole',
  "*alias",
  "!!js/function x",
  "# comment",
  "${other}",
  "$&$1$$",
  "\u2028key: value",
  "null",
  "true",
])("the value %j stays one text", (value) => {
  const filled = fill("a: ${v}\nb: before ${v} after\nlist:\n  - ${v}\n", { v: value, other: "leaked" });
  expect(filled).toEqual({ a: value, b: `before ${value} after`, list: [value] });
});

test.for<[why: string, text: string, values: Values, message: string]>([
  ["an unknown placeholder", "a: ${oops}\n", {}, "template t: nothing fills ${oops}"],
  ["one inside text", "a: x ${oops}\n", {}, "nothing fills ${oops}"],
  ["an inherited name", "a: ${constructor}\n", {}, "nothing fills ${constructor}"],
  ["one that never ends", "a: ${oops\n", { oops: "x" }, "a placeholder without an end"],
  ["an object inside text", "a: x ${o}\n", { o: {} }, "${o} stands inside longer text"],
  ["null inside text", "a: x ${o}\n", { o: null }, "${o} stands inside longer text"],
  ["a placeholder in a key", "${k}: 1\n", { k: "x" }, "only values are filled in"],
  ["an alias", "a: &x 1\nb: *x\n", {}, "aliases are not read"],
  ["two documents", "a: 1\n---\nb: 1\n", {}, "template t:"],
  ["no YAML", "a: [\n", {}, "template t:"],
])("%s is an error", ([, text, values, message]) => {
  expect(() => fill(text, values)).toThrow(message);
});

const folder = new URL("../../templates/", import.meta.url);

test("Proa loads every file of templates/", () => {
  // What a cluster's owner applies, in `cluster/`, is not rendered.
  const files = readdirSync(folder).filter((file) => file.endsWith(".yaml"));
  expect(files.toSorted()).toEqual(TEMPLATE_NAMES.map((name) => `${name}.yaml`).toSorted());
});

test.for(TEMPLATE_NAMES)("%s.yaml is one plain document and names an object", (name) => {
  const document = parseDocument(readFileSync(new URL(`${name}.yaml`, folder), "utf8"));
  expect([...document.errors, ...document.warnings]).toEqual([]);
  expect(document.toJS()).toMatchObject({
    apiVersion: expect.any(String),
    kind: expect.any(String),
    metadata: { name: expect.any(String) },
  });
});

test("templates that the build has parsed are the same", (t) => {
  const dir = mkdtempSync(join(tmpdir(), "proa-templates-"));
  t.onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, "templates.json");
  writeFileSync(file, JSON.stringify(loadTemplates()));
  expect(readTemplates(pathToFileURL(file))).toEqual(loadTemplates());
});
