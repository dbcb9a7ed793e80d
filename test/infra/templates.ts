import { globSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseTemplate, type Template } from "../../scripts/deploy/template.ts";

export const root = resolve(fileURLToPath(new URL("../..", import.meta.url)));

/** A template with what `npm run deploy` has no need of. */
export interface Stack extends Template {
  readonly file: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, { readonly Description?: string; readonly Value: unknown }>>;
}

/** Every template in `infra/`. */
export const stacks: readonly Stack[] = globSync("infra/*.yaml", { cwd: root }).sort().map(read);

/** Proa's own: `infra/deployer.yaml`. */
export const deployer: Stack = read("infra/deployer.yaml");

function read(file: string): Stack {
  const template = parseTemplate(readFileSync(join(root, file), "utf8"));
  const whole = JSON.parse(template.body) as { Metadata?: Stack["metadata"]; Outputs?: Stack["outputs"] };
  return { ...template, file: basename(file), metadata: whole.Metadata ?? {}, outputs: whole.Outputs ?? {} };
}

export interface Resource {
  readonly id: string;
  readonly type: string;
  readonly policies: { readonly deletion: string | null; readonly replacement: string | null };
  readonly metadata: Readonly<Record<string, string>>;
  readonly properties: Readonly<Record<string, unknown>>;
}

interface Written {
  readonly Type: string;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
  readonly Metadata?: Resource["metadata"];
  readonly Properties?: Resource["properties"];
}

/** Resources of one type, or all. */
export function resources(stack: Stack, type?: string): Resource[] {
  return Object.entries(stack.resources)
    .map(([id, written]): Resource => {
      const { Type, DeletionPolicy, UpdateReplacePolicy, Metadata, Properties } = written as Written;
      const policies = { deletion: DeletionPolicy ?? null, replacement: UpdateReplacePolicy ?? null };
      return { id, type: Type, policies, metadata: Metadata ?? {}, properties: Properties ?? {} };
    })
    .filter((resource) => type === undefined || resource.type === type);
}

export function resource(stack: Stack, id: string): Resource {
  const found = resources(stack).find((each) => each.id === id);
  if (found === undefined) throw new Error(`${stack.file} has no resource ${id}`);
  return found;
}

export interface Statement {
  readonly Sid?: string;
  readonly Effect: "Allow" | "Deny";
  readonly Action: string | readonly string[];
  readonly Resource?: unknown;
  readonly Principal?: unknown;
  readonly Condition?: Readonly<Record<string, unknown>>;
}

/** Every statement of every policy in a resource, whatever condition it depends on. */
export function statements(value: unknown): Statement[] {
  if (Array.isArray(value)) return value.flatMap(statements);
  if (typeof value !== "object" || value === null) return [];
  return "Effect" in value && "Action" in value ? [value as Statement] : Object.values(value).flatMap(statements);
}

export const actionsOf = ({ Action }: Statement): readonly string[] => [Action].flat();

/** The logical ids (or parameters) that a value is made of. */
export function references(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(references);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    if (key === "Ref") return [String(inner)];
    if (key === "Fn::GetAtt") return [String([inner].flat()[0])];
    if (key !== "Fn::Sub") return references(inner);
    const [text, own] = [inner].flat() as [string, unknown?];
    return [
      ...[...text.matchAll(/\$\{([^}!]+)\}/g)].map(([, name = ""]) => name.split(".")[0] ?? ""),
      ...references(own),
    ];
  });
}
