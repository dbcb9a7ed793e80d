import type { Parameter } from "@aws-sdk/client-cloudformation";
import type { Template, TemplateParameter } from "./template.ts";

export interface ParameterSources {
  readonly template: Template;
  /** From flags and the file; null: back to the template's default. */
  readonly wanted: Readonly<Record<string, string | null>>;
  /** What the stack has; a hidden value (NoEcho) reads as asterisks. Empty where there is no stack yet. */
  readonly present: Readonly<Record<string, string>>;
  /** Worked out by the deploy itself, from the code and from other parameters. */
  readonly derived: Readonly<Record<string, string>>;
  /** The parameters that are, whether or not that was possible: nobody is asked for one, and nobody may set one. */
  readonly isDerived: (name: string) => boolean;
}

export interface ResolvedParameters {
  /** As CloudFormation is told. */
  readonly parameters: readonly Parameter[];
  /** What each comes to; hidden ones that stay are left out. */
  readonly values: Readonly<Record<string, string>>;
  /** Sentences: nothing may be deployed while there are any. */
  readonly problems: readonly string[];
}

/**
 * Each parameter's value: worked out by the deploy, else wanted, else what the stack has, else the template's default.
 * What nobody mentions any more therefore stays as it is; it goes back to its default when it is set to nothing (`Name:`).
 */
export function resolveParameters(sources: ParameterSources): ResolvedParameters {
  const { template, wanted, isDerived } = sources;
  const parameters: Parameter[] = [];
  const values: Record<string, string> = {};
  const problems = Object.keys(wanted).flatMap((name) => misplaced(name, template, isDerived));
  for (const [name, rule] of Object.entries(template.parameters)) {
    const choice = choose(name, rule, sources);
    if (choice.kind === "missing" && !isDerived(name))
      problems.push(`${name} is missing: ${rule.Description ?? "it has no default"}`);
    if (choice.kind === "hidden" || choice.kind === "kept")
      parameters.push({ ParameterKey: name, UsePreviousValue: true });
    if (choice.kind === "given") parameters.push({ ParameterKey: name, ParameterValue: choice.value });
    if (!("value" in choice)) continue;
    values[name] = choice.value;
    problems.push(...broken(name, choice.value, rule));
  }
  return { parameters, values, problems };
}

type Choice =
  | { readonly kind: "given"; readonly value: string }
  | { readonly kind: "kept"; readonly value: string }
  | { readonly kind: "default"; readonly value: string }
  | { readonly kind: "hidden" }
  | { readonly kind: "missing" };

function choose(name: string, rule: TemplateParameter, { wanted, present, derived }: ParameterSources): Choice {
  const given = derived[name] ?? wanted[name];
  const kept = present[name];
  if (typeof given === "string")
    return given === kept ? { kind: "kept", value: kept } : { kind: "given", value: given };
  if (given === undefined && kept !== undefined)
    return rule.NoEcho === true ? { kind: "hidden" } : { kind: "kept", value: kept };
  return rule.Default === undefined ? { kind: "missing" } : { kind: "default", value: String(rule.Default) };
}

function misplaced(name: string, { parameters }: Template, isDerived: (name: string) => boolean): string[] {
  if (isDerived(name)) return [`${name} is worked out by the deploy: leave it out`];
  if (parameters[name] !== undefined) return [];
  const known = Object.keys(parameters).filter((parameter) => !isDerived(parameter));
  const near = known.find((parameter) => distance(parameter.toLowerCase(), name.toLowerCase()) <= 2);
  return [
    `${name} is no parameter of this version: ${near === undefined ? `there are ${known.sort().join(", ")}` : `did you mean ${near}?`}`,
  ];
}

/** How many letters have to be added, left out or changed to make one word the other. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(
        (next[j - 1] ?? 0) + 1,
        (row[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The same rules as CloudFormation's own, which would answer one at a time and only once the stack is under way. */
function broken(name: string, value: string, rule: TemplateParameter): string[] {
  const shown = rule.NoEcho === true ? "has a value that is not allowed" : `is "${value}"`;
  const items = /^(CommaDelimitedList|List<)/.test(rule.Type) ? value.split(",").map((item) => item.trim()) : [value];
  if (items.every((item) => fits(item, rule))) return [];
  return [`${name} ${shown}: ${rule.ConstraintDescription ?? expectation(rule)}`];
}

function fits(value: string, rule: TemplateParameter): boolean {
  const isNumber = rule.Type === "Number";
  const number = Number(value);
  return (
    (rule.AllowedValues === undefined || rule.AllowedValues.some((allowed) => String(allowed) === value)) &&
    (rule.AllowedPattern === undefined || new RegExp(`^(?:${rule.AllowedPattern})$`).test(value)) &&
    value.length >= (rule.MinLength ?? 0) &&
    value.length <= (rule.MaxLength ?? Number.POSITIVE_INFINITY) &&
    (!isNumber || (value.trim() !== "" && Number.isFinite(number))) &&
    (!isNumber || (number >= (rule.MinValue ?? -Infinity) && number <= (rule.MaxValue ?? Infinity)))
  );
}

function expectation(rule: TemplateParameter): string {
  if (rule.AllowedValues !== undefined) return `it is one of ${rule.AllowedValues.join(", ")}`;
  if (rule.Type === "Number") return `it is a number from ${rule.MinValue ?? "any"} to ${rule.MaxValue ?? "any"}`;
  if (rule.AllowedPattern !== undefined) return `it must match ${rule.AllowedPattern}`;
  return `it has ${rule.MinLength ?? 0} to ${rule.MaxLength ?? "any number of"} characters`;
}
