import type { Kind } from "./kinds.ts";
import { fields, text, type KubeObject } from "./object.ts";
import { badRequest } from "./status.ts";

export type Predicate = (object: KubeObject) => boolean;

/** `app=web,tier!=db,env in (a,b),!legacy` */
export function labelSelector(selector: string): Predicate {
  const tests = split(selector).map((term): ((labels: Record<string, string>) => boolean) => {
    const [, setKey, operator, list] = /^([^\s!=,()]+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(term) ?? [];
    if (setKey !== undefined) {
      const values = (list ?? "").split(",").map((value) => value.trim());
      return (labels) => (labels[setKey] !== undefined && values.includes(labels[setKey])) === (operator === "in");
    }
    const [, key = "", sign = "", value = ""] = /^([^\s!=]+)\s*(==|=|!=)\s*(\S*)$/.exec(term) ?? [];
    if (sign !== "") return (labels) => (labels[key] === value) === (sign !== "!=");
    const [, not, bare = ""] = /^(!?)\s*([\w./-]+)$/.exec(term) ?? [];
    if (bare === "") throw badRequest(`unable to parse requirement: found '${term}'`);
    return (labels) => bare in labels === (not !== "!");
  });
  return ({ metadata: { labels = {} } }) => tests.every((test) => test(labels));
}

/** Kinds that can be selected by more than name and namespace; here by any scalar field. */
const selectable = new Set(["Event", "Namespace", "Node", "Pod", "ReplicaSet", "Secret"]);

/** `metadata.name=web,status.phase!=Running` */
export function fieldSelector({ kind }: Kind, selector: string): Predicate {
  const tests = split(selector).map((term) => {
    const [, path = "", sign = "", value = ""] = /^([\w.]+)\s*(==|=|!=)\s*(.*)$/.exec(term) ?? [];
    if (sign === "") throw badRequest(`invalid selector: '${term}'; can't understand '${term}'`);
    if (!selectable.has(kind) && path !== "metadata.name" && path !== "metadata.namespace")
      throw badRequest(`"${path}" is not a known field selector: only "metadata.name", "metadata.namespace"`);
    return (object: KubeObject) =>
      (text(path.split(".").reduce<unknown>((at, part) => fields(at)[part], object)) === value) === (sign !== "!=");
  });
  return (object) => tests.every((test) => test(object));
}

function split(selector: string): string[] {
  const terms = selector.match(/(?:[^,(]|\([^)]*\))+/g) ?? [];
  return terms.map((term) => term.trim()).filter((term) => term !== "");
}
