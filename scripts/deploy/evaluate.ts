import type { Template } from "./template.ts";

/** What a template's expressions can be told before anything exists. */
export interface Scope {
  readonly template: Template;
  readonly parameters: Readonly<Record<string, string>>;
  /** `AWS::Region` and the like. */
  readonly pseudo: Readonly<Record<string, string>>;
}

/** Whether a resource is made with these parameters. */
export const exists = (condition: string | undefined, scope: Scope): boolean =>
  condition === undefined || holds(scope.template.conditions[condition], scope);

/** A property's value; of what only CloudFormation knows (an ARN, a queue's URL) the name it has in the template. */
export function evaluate(value: unknown, scope: Scope): unknown {
  if (Array.isArray(value)) return value.map((item) => evaluate(item, scope)).filter((item) => item !== NOTHING);
  if (typeof value !== "object" || value === null) return value;
  const [name = "", argument] = Object.entries(value)[0] ?? [];
  if (name === "Ref") return reference(String(argument), scope);
  if (name === "Fn::GetAtt") return [argument].flat().join(".");
  if (name === "Fn::Sub") return substitute(argument, scope);
  if (name === "Fn::If") {
    const [condition, then, otherwise] = argument as [string, unknown, unknown];
    return evaluate(exists(condition, scope) ? then : otherwise, scope);
  }
  if (name === "Fn::Join") {
    const [separator, items] = argument as [string, unknown];
    const evaluated = evaluate(items, scope);
    return Array.isArray(evaluated) ? evaluated.join(separator) : evaluated;
  }
  if (name.startsWith("Fn::")) return name;
  const entries = Object.entries(value).map(([key, item]) => [key, evaluate(item, scope)] as const);
  return Object.fromEntries(entries.filter(([, item]) => item !== NOTHING));
}

/** `AWS::NoValue`: whatever it stands for is left out. */
const NOTHING = Symbol("AWS::NoValue");

function reference(name: string, { template, parameters, pseudo }: Scope): unknown {
  if (name === "AWS::NoValue") return NOTHING;
  const value = parameters[name] ?? pseudo[name];
  if (value === undefined) return name;
  const isList = /^(CommaDelimitedList|List<)/.test(template.parameters[name]?.Type ?? "");
  return isList ? value.split(",").filter((item) => item !== "") : value;
}

function substitute(argument: unknown, scope: Scope): string {
  const [text, own = {}] = [argument].flat() as [string, Readonly<Record<string, unknown>>?];
  return text.replaceAll(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) => {
    if (literal === "!") return `\${${name}}`;
    const found = own[name] === undefined ? reference(name, scope) : evaluate(own[name], scope);
    return String(found);
  });
}

function holds(condition: unknown, scope: Scope): boolean {
  const [name = "", argument] = Object.entries(condition ?? {})[0] ?? [];
  const list = [argument].flat();
  if (name === "Condition") return exists(String(argument), scope);
  if (name === "Fn::Not") return !holds(list[0], scope);
  if (name === "Fn::And") return list.every((item) => holds(item, scope));
  if (name === "Fn::Or") return list.some((item) => holds(item, scope));
  if (name === "Fn::Equals") {
    // Every parameter is a text to CloudFormation: a number's "0" equals the template's 0.
    const [a, b] = list.map((item) => String(evaluate(item, scope)));
    return a === b;
  }
  throw new Error(`a condition of the template uses ${name === "" ? "nothing" : name}, which is not known here`);
}
