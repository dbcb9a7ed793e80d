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

/** `metadata.name=web,status.phase!=Running`: any scalar field of the object. */
export function fieldSelector(selector: string): Predicate {
  const tests = split(selector).map((term) => {
    const [, path = "", sign = "", value = ""] = /^([\w.]+)\s*(==|=|!=)\s*(.*)$/.exec(term) ?? [];
    if (sign === "") throw badRequest(`invalid selector: '${term}'; can't understand '${term}'`);
    return (object: KubeObject) =>
      (text(path.split(".").reduce<unknown>((at, part) => fields(at)[part], object)) === value) === (sign !== "!=");
  });
  return (object) => tests.every((test) => test(object));
}

function split(selector: string): string[] {
  const terms = selector.match(/(?:[^,(]|\([^)]*\))+/g) ?? [];
  return terms.map((term) => term.trim()).filter((term) => term !== "");
}
