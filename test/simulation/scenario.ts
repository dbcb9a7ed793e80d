import type { Behaviour } from "./cluster.ts";
import type { CiHabits } from "./github.ts";

/** What a `.proa.yml` means, for whoever judges the end of a run without Proa's own parser. */
export interface Meaning {
  /** A mistake in it: nothing new is deployed, and what runs is left alone. */
  readonly broken: boolean;
  readonly label: string | null;
  readonly drafts: boolean;
  readonly cap: number;
  readonly approve: boolean;
  readonly bake: string;
}

export interface Plan {
  readonly repositories: readonly RepositoryPlan[];
  readonly ci: CiHabits;
  /** How long people are at work and faults happen. */
  readonly stormMs: number;
  readonly actions: number;
  /** So many pull requests are opened within two minutes: more than GitHub lets Proa speak of at once. */
  readonly crowd?: number;
}

export interface RepositoryPlan {
  readonly name: string;
  readonly services: readonly string[];
  readonly config: Meaning;
  readonly checksOn: "push" | "pull_request";
  readonly protected: boolean;
}

/** The images' registry as the installation allows it. */
export const REGISTRY = "registry.example";
export const LABEL = "preview";
export const CHECK = "test";

export const PLAIN: Meaning = { broken: false, label: null, drafts: false, cap: 20, approve: false, bake: "0s" };

export const imageOf = (repository: string, service: string): string => `${REGISTRY}/${repository}-${service}`;
/** A repository with one service is that service; with several, each has its folder. */
export const folderOf = (services: readonly string[], service: string): string =>
  services.length === 1 ? "." : `apps/${service}`;

export const namespaceOf = (repository: string, environment: string): string =>
  `${repository.split("/")[1] ?? repository}-${environment}`;

const MEANINGS = new Map<string, Meaning>();

export function configText({ name, services }: Pick<RepositoryPlan, "name" | "services">, meaning: Meaning): string {
  const { label, drafts, cap, approve, bake, broken } = meaning;
  const text = `version: 1
services:
${services.map((service, index) => `  ${service}: {path: ${folderOf(services, service)}, image: ${imageOf(name, service)}, expose: ${index === 0}}`).join("\n")}
gate: {require: [${CHECK}], quiet: 20s}
previews: {when: {base: [main], drafts: ${drafts}, label: ${label ?? "null"}}, ${broken ? "cup" : "cap"}: ${cap}}
environments:
  staging: {from: main, namespace: ${namespaceOf(name, "staging")}, bake: ${bake}, deadline: 5m}
  production: {from: staging, namespace: ${namespaceOf(name, "production")}, bake: ${bake}, deadline: 5m${
    approve ? ", approve: {permission: write, notAuthor: true}" : ""
  }}
`;
  MEANINGS.set(text, meaning);
  return text;
}

/** What the text of a file says; the simulation has written every one of them itself. */
export function meaningOf(text: string | null): Meaning {
  const meaning = text === null ? undefined : MEANINGS.get(text);
  if (meaning === undefined) throw new Error(`a .proa.yml that the simulation has not written: ${text ?? "none"}`);
  return meaning;
}

/** One seed's world. */
export function planOf(draw: () => number): Plan {
  const often = (of: number): boolean => draw() < of;
  const repositories = ["acme/shop", "acme/api", "globex/site"].slice(0, 1 + Math.floor(draw() * 3)).map((name) => ({
    name,
    services: often(0.25) ? ["web", "worker"] : ["web"],
    config: randomMeaning(draw),
    checksOn: often(0.8) ? ("push" as const) : ("pull_request" as const),
    protected: often(0.3),
  }));
  const slow = often(0.2);
  return {
    repositories,
    ci: {
      check: CHECK,
      registersAfterMs: [500, slow ? 30_000 : 5_000],
      startsAfterMs: [500, 10_000],
      takesMs: [5_000, slow ? 240_000 : 60_000],
      buildsMs: [2_000, slow ? 120_000 : 30_000],
      imageAfterChecks: 0.3,
      imageNever: often(0.3) ? 0.1 : 0,
      flaky: often(0.3) ? 0.1 : 0,
      rebuildsDiffer: 0.3,
      cancelsOlder: often(0.3) ? 0.8 : 0,
    },
    stormMs: ([10, 20, 40, 90][Math.floor(draw() * 4)] ?? 20) * 60_000,
    actions: 6 + Math.floor(draw() * 30),
    crowd: often(0.04) ? 30 : 0,
  };
}

export function randomMeaning(draw: () => number): Meaning {
  return {
    broken: false,
    label: draw() < 0.15 ? LABEL : null,
    drafts: draw() < 0.3,
    cap: draw() < 0.2 ? 1 + Math.floor(draw() * 2) : 20,
    approve: draw() < 0.25,
    bake: draw() < 0.3 ? "20s" : "0s",
  };
}

const BEHAVIOURS: readonly (readonly [Behaviour, number])[] = [
  ["good", 0.7],
  ["slow", 0.05],
  ["crashes", 0.08],
  ["stumbles", 0.03],
  ["crashes later", 0.03],
  ["never ready", 0.04],
  ["not pullable", 0.03],
  ["unschedulable", 0.04],
];

export function randomBehaviour(draw: number): Behaviour {
  let left = draw;
  for (const [behaviour, share] of BEHAVIOURS) {
    if (left < share) return behaviour;
    left -= share;
  }
  return "good";
}
