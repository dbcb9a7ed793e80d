import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseAllDocuments } from "yaml";
import type { YAMLError } from "yaml";
import type { ConfigProblem } from "./config.ts";

/** A piece of the file with the line it starts on: what the readers in `config-read.ts` work on. */
export type Node =
  | { readonly kind: "map"; readonly line: number; readonly entries: readonly Entry[] }
  | { readonly kind: "list"; readonly line: number; readonly items: readonly Node[] }
  /** `text`: a string's value, or a number or boolean as it was written (`1.10` stays `1.10`). */
  | { readonly kind: "scalar"; readonly line: number; readonly value: string | number | boolean; readonly text: string }
  | { readonly kind: "nothing"; readonly line: number };

export interface Entry {
  readonly key: string;
  readonly line: number;
  readonly value: Node;
}

/** More than any real file needs; what is larger is not a configuration and costs parse time. */
const MAX_CHARACTERS = 65_536;
/** Keys of one map or items of one list: whoever looks at each of them beside each other stays quick. */
const MAX_ENTRIES = 300;
/** Twice what any part of the file needs; what reads it calls itself once per level. */
const MAX_DEPTH = 10;

/** YAML's syntax only: one document, plain data, every key once. What the keys mean is not looked at. */
export function readYaml(text: string): { readonly root: Node } | { readonly problems: readonly ConfigProblem[] } {
  if (text.length > MAX_CHARACTERS) {
    return refuse(1, `the file has ${text.length} characters`, `keep it under ${MAX_CHARACTERS}`);
  }
  const lines = new LineCounter();
  // uniqueKeys off: we report a repeated key ourselves, with the line of the first one.
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  const documents = Array.isArray(parsed) ? parsed : [];
  const lastLine = text.trimEnd().split("\n").length;
  // An unclosed bracket is only noticed at the end of the file, which may be past the last line with text.
  const lineAt = (offset: number): number => Math.min(Math.max(lines.linePos(offset).line, 1), lastLine);

  // The first syntax error only: those after it are mostly its echo.
  const [error] = documents.flatMap((document) => [...document.errors, ...document.warnings]);
  if (error !== undefined)
    return refuse(lineAt(error.pos[0]), `this is not valid YAML: ${error.message}`, remedyFor(error));

  const [document, second] = documents;
  if (second !== undefined) {
    return refuse(
      lineAt(second.contents?.range?.[0] ?? second.range[0]),
      "a second YAML document starts here",
      "keep one document and remove the `---` or `...` before this line",
    );
  }
  if (document === undefined || document.contents === null) return { root: { kind: "nothing", line: 1 } };

  const problems: ConfigProblem[] = [];
  const root = convert(document.contents, { line: 1, depth: 1, lineAt, problems });
  return problems.length > 0 ? { problems } : { root };
}

interface Conversion {
  /** Line of what contains the node, for a value that is not written at all. */
  readonly line: number;
  readonly depth: number;
  readonly lineAt: (offset: number) => number;
  readonly problems: ConfigProblem[];
}

function convert(node: unknown, into: Conversion): Node {
  const { lineAt, problems } = into;
  if (isAlias(node)) {
    // Nothing a deployment needs is worth "billion laughs": aliases are refused instead of counted.
    problems.push({
      line: node.range ? lineAt(node.range[0]) : into.line,
      message: `\`*${node.source}\` refers to an anchor; anchors and aliases are not read`,
      remedy: "write the value out here",
    });
    return { kind: "nothing", line: into.line };
  }
  if (isMap(node)) {
    const line = node.range ? lineAt(node.range[0]) : into.line;
    if (isTooLarge(node.items, line, into)) return { kind: "nothing", line };
    const within = { ...into, depth: into.depth + 1 };
    const entries: Entry[] = [];
    for (const { key, value } of node.items) {
      const entry = convertKey(key, { ...into, line });
      if (entry === null) continue;
      const first = entries.find((other) => other.key === entry.key);
      if (first !== undefined) {
        problems.push({
          line: entry.line,
          message: `\`${printable(entry.key)}\` is written twice, first on line ${first.line}`,
          remedy: "keep one of the two",
        });
      }
      entries.push({ ...entry, value: convert(value, { ...within, line: entry.line }) });
    }
    return { kind: "map", line, entries };
  }
  if (isSeq(node)) {
    const line = node.range ? lineAt(node.range[0]) : into.line;
    if (isTooLarge(node.items, line, into)) return { kind: "nothing", line };
    const within = { ...into, line, depth: into.depth + 1 };
    return { kind: "list", line, items: node.items.map((item) => convert(item, within)) };
  }
  if (!isScalar(node)) return { kind: "nothing", line: into.line };
  const line = node.range ? lineAt(node.range[0]) : into.line;
  const { value } = node;
  if (typeof value === "string") return { kind: "scalar", line, value, text: value };
  if (typeof value === "number" || typeof value === "boolean") {
    return { kind: "scalar", line, value, text: node.source ?? String(value) };
  }
  // A key without a value has no position of its own worth showing.
  return { kind: "nothing", line: into.line };
}

/** Reported where it begins; what is in it is then not looked at. */
function isTooLarge(items: readonly unknown[], line: number, { depth, problems }: Conversion): boolean {
  if (depth > MAX_DEPTH) {
    problems.push({ line, message: `this is nested more than ${MAX_DEPTH} levels deep`, remedy: "nest less deeply" });
  } else if (items.length > MAX_ENTRIES) {
    const message = `this has ${items.length} entries`;
    problems.push({ line, message, remedy: `keep it to ${MAX_ENTRIES}` });
  } else return false;
  return true;
}

function convertKey(key: unknown, into: Conversion): { key: string; line: number } | null {
  const line = isNode(key) && key.range ? into.lineAt(key.range[0]) : into.line;
  if (
    isScalar(key) &&
    (typeof key.value === "string" || typeof key.value === "number" || typeof key.value === "boolean")
  ) {
    return { key: typeof key.value === "string" ? key.value : (key.source ?? String(key.value)), line };
  }
  into.problems.push({ line, message: "a key is not a plain word", remedy: "write `key: value`" });
  return null;
}

/** Line of a value's key, as deep as the path can be followed. */
export function lineOf(node: Node, ...path: readonly string[]): number {
  const [key, ...rest] = path;
  const entry = node.kind === "map" ? node.entries.find((other) => other.key === key) : undefined;
  if (entry === undefined) return node.line;
  return rest.length === 0 || entry.value.kind !== "map" ? entry.line : lineOf(entry.value, ...rest);
}

/** What the author wrote, safe to show: one line, no control characters, no Markdown fences, not too long. */
export function printable(text: string): string {
  const line = text.replace(/[\p{C}\p{Z}`]+/gu, " ").trim();
  return line.length > 60 ? `${line.slice(0, 57)}…` : line;
}

function remedyFor(error: YAMLError): string {
  switch (error.code) {
    case "TAB_AS_INDENT":
      return "indent with spaces";
    case "RESOURCE_EXHAUSTION":
      return "nest less deeply; no part of the file needs more than five levels";
    case "TAG_RESOLVE_FAILED":
      return "remove the `!tag` and write the plain value";
    case "BLOCK_AS_IMPLICIT_KEY":
    case "MULTILINE_IMPLICIT_KEY":
    case "BAD_INDENT":
      return "check the indentation of this line and the brackets above it; a value that contains `: ` needs quotes";
    case "MISSING_CHAR":
      return "close the quote or bracket";
    case "BAD_SCALAR_START":
      return "put the value in quotes";
    case "BAD_DIRECTIVE":
      return "remove the line";
    default:
      return "check quotes, brackets and indentation around this line";
  }
}

function refuse(line: number, message: string, remedy: string): { problems: ConfigProblem[] } {
  return { problems: [{ line, message, remedy }] };
}
