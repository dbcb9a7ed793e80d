import type { ConfigProblem } from "./config.ts";
import { nearest } from "./config-nearest.ts";
import { lineOf, printable } from "./config-yaml.ts";
import type { Entry, Node } from "./config-yaml.ts";

/** Where a value stands (`services.web.port`) and where mistakes about it go. */
export interface Place {
  readonly path: string;
  readonly problems: ConfigProblem[];
}

/** undefined: what stands there is wrong, and has been reported at its place. */
export type Read<T> = (node: Node, at: Place) => T | undefined;

/** One map of the file, read key by key; `finish` reports the keys that nobody asked for. */
export interface Section {
  readonly at: Place;
  readonly line: number;
  optional<T, D>(key: string, read: Read<T>, otherwise: D): T | D;
  /** undefined: missing or wrong, and reported. */
  required<T>(key: string, read: Read<T>, remedy: string): T | undefined;
  has(key: string): boolean;
  /** Line of a key, or of the section where the key is absent. */
  lineOf(key: string): number;
  finish(): void;
}

export function section(node: Node, at: Place): Section {
  const entries = entriesOf(node, at);
  const asked = new Set<string>();
  const find = (key: string): Entry | undefined => {
    asked.add(key);
    return entries.find((entry) => entry.key === key);
  };
  return {
    at,
    line: node.line,
    optional: (key, read, otherwise) => {
      const entry = find(key);
      return entry === undefined ? otherwise : (read(entry.value, child(at, key)) ?? otherwise);
    },
    required: (key, read, remedy) => {
      const entry = find(key);
      if (entry !== undefined) return read(entry.value, child(at, key));
      return report(at, node.line, `has no \`${key}\``, remedy);
    },
    has: (key) => entries.some((entry) => entry.key === key),
    lineOf: (key) => lineOf(node, key),
    finish: () => {
      const known = [...asked];
      for (const entry of entries.filter(({ key }) => !asked.has(key))) {
        const similar = nearest(entry.key, known);
        report(
          child(at, entry.key),
          entry.line,
          "is not a key that Proa knows",
          similar === null ? `remove it; the keys here are ${names(known.toSorted())}` : `did you mean \`${similar}\`?`,
        );
      }
    },
  };
}

/** A map whose keys the author chooses: services, environments, variables. In the order of the file. */
export const record =
  <T>(
    readKey: Read<string>,
    read: (node: Node, at: Place, key: string) => T | undefined,
  ): Read<readonly (readonly [string, T])[]> =>
  (node, at) =>
    entriesOf(node, at).flatMap((entry): (readonly [string, T])[] => {
      const place = child(at, entry.key);
      const key = readKey({ kind: "scalar", line: entry.line, value: entry.key, text: entry.key }, place);
      const value = read(entry.value, place, entry.key);
      return key === undefined || value === undefined ? [] : [[key, value]];
    });

export const list =
  <T>(read: Read<T>): Read<readonly T[]> =>
  (node, at) => {
    if (node.kind !== "list")
      return report(at, node.line, is(node, "a list"), "write `[one, two]`, or one `- item` per line");
    return node.items.flatMap((item, index) => {
      const value = read(item, { ...at, path: `${at.path}[${index}]` });
      return value === undefined ? [] : [value];
    });
  };

/** `null` and nothing at all mean "none" where the type allows it. */
export const orNull =
  <T>(read: Read<T>): Read<T | null> =>
  (node, at) =>
    node.kind === "nothing" ? null : read(node, at);

export const flag: Read<boolean> = (node, at) =>
  node.kind === "scalar" && typeof node.value === "boolean"
    ? node.value
    : report(at, node.line, is(node, "true or false"), "write `true` or `false`, without quotes");

export const integer =
  (range: { readonly min: number; readonly max: number }): Read<number> =>
  (node, at) => {
    const value = node.kind === "scalar" ? node.value : undefined;
    if (typeof value === "number" && Number.isInteger(value) && value >= range.min && value <= range.max) return value;
    const wanted = `a whole number from ${range.min} to ${range.max}`;
    return report(
      at,
      node.line,
      is(node, wanted),
      `write ${wanted}${typeof value === "string" ? ", without quotes" : ""}`,
    );
  };

export const oneOf =
  <T extends string>(...words: readonly T[]): Read<T> =>
  (node, at) => {
    const text = node.kind === "scalar" ? node.text : "";
    const word = words.find((known) => known === text);
    if (word !== undefined) return word;
    const similar = nearest(text, words);
    return report(
      at,
      node.line,
      is(node, `one of ${names(words)}`),
      similar === null ? `write ${words.map((known) => `\`${known}\``).join(" or ")}` : `did you mean \`${similar}\`?`,
    );
  };

/** `500ms`, `60s`, `2m`, `12h`, `14d`, in milliseconds. */
export const duration =
  (range: { readonly minMs: number; readonly maxMs: number; readonly words: string }): Read<number> =>
  (node, at) => {
    const [, digits = "", unit = ""] =
      (node.kind === "scalar" ? /^([0-9]{1,9})(ms|s|m|h|d)$/.exec(node.text) : null) ?? [];
    const ms = Number(digits) * (UNIT_MS[unit] ?? Number.NaN);
    if (Number.isNaN(ms)) {
      const example =
        node.kind === "scalar" && /^[0-9]+$/.test(node.text)
          ? `such as \`${node.text}s\` or \`${node.text}m\``
          : "such as `90s`";
      return report(at, node.line, is(node, "a duration"), `write a whole number and ms, s, m, h or d, ${example}`);
    }
    if (ms >= range.minMs && ms <= range.maxMs) return ms;
    return report(at, node.line, `is ${shown(node)}, which is not ${range.words}`, `write a duration ${range.words}`);
  };

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Text that a rule accepts. `what` and `remedy` finish the sentences "is …, not" and "write". */
export interface TextRule {
  readonly what: string;
  readonly remedy: string | ((text: string) => string);
  readonly accepts: (text: string) => boolean;
}

/** Numbers and booleans count as the text they were written as: `1.10` is a fine value for a variable. */
export const text =
  (rule: TextRule): Read<string> =>
  (node, at) => {
    if (node.kind === "scalar" && rule.accepts(node.text)) return node.text;
    const remedy = typeof rule.remedy === "string" ? rule.remedy : rule.remedy(node.kind === "scalar" ? node.text : "");
    return report(at, node.line, is(node, rule.what), remedy);
  };

/** Always undefined, so that a reader can end with it. */
export function report(at: Place, line: number, message: string, remedy: string): undefined {
  at.problems.push({
    line,
    message: at.path === "" ? `\`.proa.yml\` ${message}` : `\`${at.path}\` ${message}`,
    remedy,
  });
}

export const child = (at: Place, key: string): Place => ({
  ...at,
  path: at.path === "" ? printable(key) : `${at.path}.${printable(key)}`,
});

const entriesOf = (node: Node, at: Place): readonly Entry[] => {
  if (node.kind === "map") return node.entries;
  // `web:` with nothing after it is a service with every default.
  if (node.kind !== "nothing")
    report(at, node.line, is(node, "a map"), "write `key: value` lines below it, or `{key: value}`");
  return [];
};

function is(node: Node, wanted: string): string {
  return node.kind === "nothing" ? `has no value; it takes ${wanted}` : `is ${shown(node)}, not ${wanted}`;
}

function shown(node: Node): string {
  if (node.kind === "scalar")
    return typeof node.value === "string" ? `"${printable(node.value)}"` : printable(node.text);
  return node.kind === "nothing" ? "nothing" : `a ${node.kind}`;
}

const names = (words: readonly string[]): string => words.map((word) => `\`${word}\``).join(", ");
