import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { fillTemplate, parseTemplate } from "../../src/core/template.ts";
import { hostileText, runs } from "./arbitrary.ts";

const template = parseTemplate(
  "test",
  `metadata:
  name: \${name}
  labels:
    within: before-\${name}-after
spec:
  - \${name}
  - fixed
  - a: \${name}
    b: 1
`,
);

describe("a value put into a template", () => {
  test("stands where its placeholder stood, as the text it is, and adds nothing", () => {
    fc.assert(
      fc.property(hostileText, (name) => {
        const filled = fillTemplate(template, { name });
        expect(filled).toEqual({
          metadata: { name, labels: { within: `before-${name}-after` } },
          spec: [name, "fixed", { a: name, b: 1 }],
        });
      }),
      runs(3_000),
    );
  });

  test("is not looked through for placeholders, nor for names that every object has", () => {
    for (const name of ["${secret}", "$${secret}", "${__proto__}", "$&", "$1", "$`", "$'"])
      expect(fillTemplate(template, { name, secret: "canary" })).toMatchObject({
        metadata: { name, labels: { within: `before-${name}-after` } },
      });
    const inherited = parseTemplate("test", "a: ${constructor}\n");
    expect(() => fillTemplate(inherited, {})).toThrow("nothing fills ${constructor}");
  });

  test("comes back the same from YAML, should anybody write it there", () => {
    const wellFormed = hostileText.filter((text) => text.isWellFormed());
    fc.assert(
      fc.property(wellFormed, (name) => {
        const filled = fillTemplate(template, { name });
        expect(parse(stringify(filled))).toEqual(filled);
      }),
      runs(500),
    );
  });
});

test("a template that could not be filled safely is refused when it is read", () => {
  for (const text of [
    "a: &x 1\nb: *x\n",
    "${key}: 1\n",
    "a: ${open\n",
    "a: 1\na: 2\n",
    "a: [1\n",
    "a: !!js/function x\n",
  ])
    expect(() => parseTemplate("test", text)).toThrow("template test");
});
