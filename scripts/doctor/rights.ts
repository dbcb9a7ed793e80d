import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";

const FOLDER = fileURLToPath(new URL("../../templates/cluster", import.meta.url));

/** One rule of `templates/cluster/`, taken apart: what Kubernetes can be asked about. */
export interface Right {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  /** null: whatever its name. */
  readonly name: string | null;
}

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

interface Document {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules?: readonly Rule[];
}

/** What a cluster's administrator applies, read from the very files. */
export function clusterTemplates(): readonly Document[] {
  return globSync("*.yaml", { cwd: FOLDER })
    .sort()
    .flatMap((file) =>
      parseAllDocuments(readFileSync(join(FOLDER, file), "utf8")).map((each) => each.toJS() as Document),
    );
}

export const namesOf = (kind: string): string[] =>
  clusterTemplates()
    .filter((document) => document.kind === kind)
    .map(({ metadata }) => metadata.name);

export const rulesOf = (role: string): readonly Rule[] =>
  clusterTemplates().find(({ kind, metadata }) => kind.endsWith("Role") && metadata.name === role)?.rules ?? [];

/** Every single right that the role gives. */
export const rightsOf = (role: string): Right[] => rulesOf(role).flatMap(apart);

export function apart({ apiGroups, resources, resourceNames, verbs }: Rule): Right[] {
  const names = resourceNames ?? [null];
  return apiGroups.flatMap((group) =>
    resources.flatMap((resource) => names.flatMap((name) => verbs.map((verb) => ({ verb, group, resource, name })))),
  );
}

/** `create rolebindings.rbac.authorization.k8s.io` */
export const rightText = ({ verb, group, resource, name }: Right): string =>
  `${verb} ${resource}${group === "" ? "" : `.${group}`}${name === null ? "" : ` ${name}`}`;
