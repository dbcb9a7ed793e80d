import { apart, namesOf, rightText, rulesOf } from "./rights.ts";
import { type Area, type Check, fail, type Known, ok, unknown, warn, whenKnown } from "./check.ts";
import type { ClusterFacts, EnvironmentFacts, IngressClassView, Missing } from "./cluster-facts.ts";
import { enforcement, type Enforcement } from "./network-policy.ts";

/** ValidatingAdmissionPolicy is v1 from here on. */
const OLDEST_MINOR = 30;
const APPLY = "kubectl apply -f templates/cluster/ (docs/cluster-access.md)";

export interface ClusterWish {
  /** null: the cluster's default class. */
  readonly ingressClass: string | null;
  readonly ingressLabels: Readonly<Record<string, string>>;
  /** Previews live in one of the clusters only; what serves their pages is no business of the others. */
  readonly holdsPreviews: boolean;
  /** Whether its API server can be reached from everywhere, as far as AWS says. */
  readonly endpoint: "open" | "limited";
}

export function clusterChecks(facts: ClusterFacts, wish: ClusterWish): Area {
  const { version, caller } = facts;
  const name = `Cluster ${facts.name}`;
  if (version.kind === "unknown") return { name, checks: [unreached(version.because, wish.endpoint)] };
  const checks = [
    versionCheck(version.value),
    ...whenKnown(caller, "As whom the cluster knows you", (who) => [ok(`It lets you in, as ${who}`)]),
    ...whenKnown(facts.missing, "Proa's rights", (missing) => rightsChecks(missing, "templates/cluster/", APPLY)),
    ...whenKnown(facts.roles, "The roles", rolesChecks),
    ...whenKnown(facts.absentPolicies, "The admission policies", (absent) =>
      absent.length === 0
        ? [ok("The admission policies are there")]
        : [fail(`Not there: ${absent.join(", ")}. Nothing holds Proa to its own namespaces`, APPLY)],
    ),
    ...whenKnown(facts.environments, "The environments' namespaces", (all) => all.flatMap(environmentChecks)),
    ...(wish.holdsPreviews ? previewChecks(facts, wish) : []),
  ];
  return { name, checks };
}

/** Proa's functions may well be where, or who, the caller is not. */
function unreached(because: string, endpoint: ClusterWish["endpoint"]): Check {
  if (/: 401 /.test(because))
    return {
      ...unknown("The cluster does not let you in", because),
      remedy: "look as somebody it knows, or give yourself an access entry; Proa's own are above",
    };
  if (endpoint === "limited") return unknown("The API server is not reached from here, where you are", because);
  return fail(`The API server does not answer: ${because}`, "docs/runbooks/cluster-unreachable.md");
}

function versionCheck(version: string): Check {
  const minor = Number(/^v1\.(\d+)/.exec(version)?.[1] ?? Number.NaN);
  if (Number.isNaN(minor)) return unknown("The version", `the cluster says "${version}"`);
  return minor >= OLDEST_MINOR
    ? ok(`Kubernetes ${version} answers`)
    : fail(`Kubernetes ${version} has no admission policies`, `update it to 1.${OLDEST_MINOR} or later`);
}

function rightsChecks({ subject, rights }: Missing, what: string, remedy: string): Check[] {
  const whose = subject === "proa" ? "The group proa:deployers has" : "You have";
  if (rights.length > 0) return [fail(`${whose} no right to ${rights.map(rightText).join(", ")}`, remedy)];
  if (subject === "proa") return [ok(`${whose} every right of ${what}`)];
  return [
    unknown(
      `Whether Proa has the rights of ${what}`,
      "you have them, and may not ask the cluster about others (subjectaccessreviews)",
    ),
  ];
}

function rolesChecks(roles: Readonly<Record<string, readonly object[] | null>>): Check[] {
  const absent = namesOf("ClusterRole").filter((name) => roles[name] === null || roles[name] === undefined);
  if (absent.length > 0) return [fail(`There is no ClusterRole ${absent.join(", ")}`, APPLY)];
  const outdated = namesOf("ClusterRole").filter((name) => {
    const has = new Set((roles[name] ?? []).flatMap((rule) => apart({ ...EMPTY, ...rule }).map(rightText)));
    return rulesOf(name).some((rule) => apart(rule).some((right) => !has.has(rightText(right))));
  });
  return outdated.length === 0
    ? [ok("The roles of templates/cluster/ are there, with all their rules")]
    : [warn(`Other than this version's: the ClusterRole ${outdated.join(", ")}`, APPLY)];
}

const EMPTY = { apiGroups: [], resources: [], verbs: [] };

function environmentChecks({ namespace, repositoryId, missing }: EnvironmentFacts): readonly Check[] {
  const remedy = `kubectl -n ${namespace} create rolebinding proa-deployer --clusterrole=proa-environment --group=proa:deployers`;
  return whenKnown(missing, `The rights in ${namespace}`, (found) =>
    rightsChecks(found, `proa-environment in ${namespace}, of repository ${repositoryId}`, remedy),
  );
}

function previewChecks(facts: ClusterFacts, wish: ClusterWish): readonly Check[] {
  return [
    ...whenKnown(facts.ingressClasses, "The ingress classes", (classes) => [
      ingressClassCheck(classes, wish.ingressClass),
    ]),
    ...whenKnown(facts.ingress, "The ingress controller's namespace", ({ namespaces }) => {
      const label = Object.entries(wish.ingressLabels)
        .map(([key, value]) => `${key}=${value}`)
        .join(",");
      return [
        namespaces.length > 0
          ? ok(`Previews may be reached from the namespace ${namespaces.join(", ")}`)
          : fail(
              `No namespace is labelled ${label}: nothing may reach a preview`,
              "set PROA_INGRESS_NAMESPACE_LABEL to a label of the ingress controller's namespace",
            ),
      ];
    }),
    ...policyChecks(facts),
  ];
}

function ingressClassCheck(classes: readonly IngressClassView[], wanted: string | null): Check {
  const names = classes.map(({ name }) => name).join(", ") || "none";
  if (wanted !== null)
    return classes.some(({ name }) => name === wanted)
      ? ok(`The ingress class ${wanted} is there`)
      : fail(`There is no ingress class ${wanted}, only ${names}`, "install the controller, or set PROA_INGRESS_CLASS");
  const defaults = classes.filter(({ isDefault }) => isDefault);
  const [first] = defaults;
  if (first !== undefined && defaults.length === 1) return ok(`The default ingress class is ${first.name}`);
  return fail(
    defaults.length === 0 ? `No ingress class is the default (${names})` : "More than one ingress class is the default",
    "set PROA_INGRESS_CLASS to the class of your ingress controller",
  );
}

function policyChecks({ daemons, probe }: ClusterFacts): readonly Check[] {
  const what = "Whether network policies are enforced";
  if (probe !== null) return whenKnown(probe, what, (found) => [policyCheck(what, found)]);
  return whenKnown(daemons, what, (all) => [policyCheck(what, enforcement(all))]);
}

function policyCheck(what: string, found: Enforcement): Check {
  switch (found.kind) {
    case "enforced":
      return ok(`Network policies are enforced, by ${found.by}`);
    case "stored":
      return fail(
        `Network policies are stored and not enforced: ${found.by}`,
        `${found.remedy}; until then a preview reaches whatever the cluster's pods reach`,
      );
    case "unknown":
      return unknown(what, `${found.because}. npm run proa -- doctor --probe tries it out`);
  }
}

/** Where an outside name should lead. */
export const ingressAddresses = ({ ingress }: ClusterFacts): Known<readonly string[]> =>
  ingress.kind === "known" ? { kind: "known", value: ingress.value.addresses } : ingress;
