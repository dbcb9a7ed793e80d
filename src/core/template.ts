import { isAlias, isScalar, parseDocument, visit } from "yaml";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A manifest as it stands in `templates/`: parsed once, its placeholders still text inside scalars. */
export interface Template {
  readonly name: string;
  readonly content: Json;
}

/** null: the entry or item that consists of this placeholder alone is left out. */
export type Values = Readonly<Record<string, Json>>;

/** Any name counts, so that a misspelt one is an error and not text. */
const PLACEHOLDER = /\$\{([^}]*)\}/g;

/** Throws on a file that is no plain YAML: templates come with Proa or from whoever runs it, never from a repository. */
export function parseTemplate(name: string, text: string): Template {
  const document = parseDocument(text);
  const [error] = [...document.errors, ...document.warnings];
  if (error !== undefined) throw new Error(`template ${name}: ${error.message}`);
  visit(document, (key, node) => {
    if (isAlias(node)) throw new Error(`template ${name}: aliases are not read; write the value out`);
    if (isScalar(node) && String(node.value).replaceAll(PLACEHOLDER, "").includes("${")) {
      throw new Error(`template ${name}: "${String(node.value)}" has a placeholder without an end`);
    }
    if (key === "key" && isScalar(node) && String(node.value).includes("${")) {
      throw new Error(`template ${name}: the key "${String(node.value)}" has a placeholder; only values are filled in`);
    }
  });
  return { name, content: asJson(document.toJS() as unknown) };
}

/**
 * Fills placeholders inside scalars of the parsed tree, so a value can never add a key, an item or a document: structure is
 * decided before any value is seen. A scalar that is one placeholder takes the value as it is, of whatever type; inside longer
 * text only strings and numbers make sense. Values are not searched for placeholders again.
 */
export function fillTemplate(template: Template, values: Values): Json {
  const valueOf = (placeholder: string): Json => {
    const value = Object.hasOwn(values, placeholder) ? values[placeholder] : undefined;
    if (value === undefined) throw new Error(`template ${template.name}: nothing fills \${${placeholder}}`);
    return value;
  };
  const fill = (node: Json): Json => {
    if (typeof node === "string") {
      const whole = /^\$\{([^}]*)\}$/.exec(node)?.[1];
      return whole === undefined
        ? node.replaceAll(PLACEHOLDER, (_, placeholder: string) => asText(valueOf(placeholder), placeholder))
        : valueOf(whole);
    }
    if (typeof node !== "object" || node === null) return node;
    if (isList(node)) return node.map(fill).filter((item) => item !== null);
    return Object.fromEntries(
      Object.entries(node)
        .map(([key, value]) => [key, fill(value)] as const)
        .filter(([, value]) => value !== null),
    );
  };
  const asText = (value: Json, placeholder: string): string => {
    if (typeof value === "string" || typeof value === "number") return String(value);
    throw new Error(
      `template ${template.name}: \${${placeholder}} stands inside longer text, so it takes a string or a number`,
    );
  };
  return fill(template.content);
}

/** YAML's core schema yields nothing but JSON, except numbers that JSON cannot say. */
function asJson(value: unknown): Json {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (Array.isArray(value)) return value.map(asJson);
  if (typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, asJson(inner)]));
  throw new Error("a template holds a number that JSON cannot say");
}

const isList = (node: Json): node is readonly Json[] => Array.isArray(node);
