import { kindNamed, kinds, resourceName, type Kind } from "./kinds.ts";
import { fields, items, text, type Fields, type KubeObject } from "./object.ts";
import { formatQuantity, parseQuantity } from "./quantity.ts";
import { forbidden } from "./status.ts";
import type { ObjectStore } from "./store.ts";

type Usage = Record<string, number>;

/** LimitRange, type Container: fills in what the container leaves open, then refuses what is out of bounds. */
export function limitPod(store: ObjectStore, pod: KubeObject): void {
  const limits = store
    .list(kindNamed("LimitRange"), pod.metadata.namespace)
    .flatMap((range) => items(range.spec?.["limits"]));
  for (const limit of limits.filter(({ type }) => type === "Container")) {
    for (const container of items(pod.spec?.["containers"])) {
      const resources = fields(container["resources"]);
      const given = fields(resources["limits"]);
      const defaults = fields(limit["default"] ?? limit["max"]);
      const max: Fields = { ...defaults, ...given };
      const request: Fields = {
        ...max,
        ...fields(limit["defaultRequest"]),
        ...given,
        ...fields(resources["requests"]),
      };
      container["resources"] = {
        ...resources,
        ...(Object.keys(max).length > 0 ? { limits: max } : {}),
        ...(Object.keys(request).length > 0 ? { requests: request } : {}),
      };
      for (const [name, most] of Object.entries(fields(limit["max"]))) {
        if (parseQuantity(max[name]) > parseQuantity(most)) {
          throw forbidden(
            kindNamed("Pod"),
            pod.metadata.name,
            `maximum ${name} usage per Container is ${text(most)}, but limit is ${text(max[name])}`,
          );
        }
      }
      for (const [name, least] of Object.entries(fields(limit["min"]))) {
        if (parseQuantity(request[name]) < parseQuantity(least)) {
          throw forbidden(
            kindNamed("Pod"),
            pod.metadata.name,
            `minimum ${name} usage per Container is ${text(least)}, but request is ${text(request[name])}`,
          );
        }
      }
    }
  }
}

/** Throws what the real quota admission answers, which the ReplicaSet controller then shows as FailedCreate. */
export function enforceQuota(store: ObjectStore, kind: Kind, object: KubeObject): void {
  const { namespace, name } = object.metadata;
  const wanted = usageOf(kind, object);
  for (const quota of store.list(kindNamed("ResourceQuota"), namespace)) {
    const hard = fields(quota.spec?.["hard"]);
    const unset = kind.kind === "Pod" ? computeKeys.filter((key) => key in hard && !(key in wanted)).sort() : [];
    if (unset.length > 0) {
      const containers = items(object.spec?.["containers"]).map((container) => text(container["name"]));
      throw forbidden(
        kind,
        name,
        `failed quota: ${quota.metadata.name}: must specify ${unset.map((key) => `${key} for: ${containers.join(",")}`).join("; ")}`,
      );
    }
    const used = usedIn(store, namespace, hard);
    const over = Object.keys(hard)
      .filter((key) => (wanted[key] ?? 0) > 0 && (used[key] ?? 0) + (wanted[key] ?? 0) > parseQuantity(hard[key]))
      .sort();
    if (over.length === 0) continue;
    const list = (value: (key: string) => string) => over.map((key) => `${key}=${value(key)}`).join(",");
    const [requested, current, limited] = [
      list((key) => formatQuantity(wanted[key] ?? 0)),
      list((key) => formatQuantity(used[key] ?? 0)),
      list((key) => text(hard[key])),
    ];
    throw forbidden(
      kind,
      name,
      `exceeded quota: ${quota.metadata.name}, requested: ${requested}, used: ${current}, limited: ${limited}`,
    );
  }
}

/** The status that the quota controller would write. */
export function quotaStatus(store: ObjectStore, quota: KubeObject): Fields {
  const hard = fields(quota.spec?.["hard"]);
  const used = usedIn(store, quota.metadata.namespace, hard);
  return { hard, used: Object.fromEntries(Object.keys(hard).map((key) => [key, formatQuantity(used[key] ?? 0)])) };
}

export function countsInQuota(kind: Kind): boolean {
  return kind.kind === "Pod" || countKeys(kind).length > 0;
}

function usedIn(store: ObjectStore, namespace: string | undefined, hard: Fields): Usage {
  const total: Usage = {};
  for (const kind of kinds) {
    if (!kind.namespaced || (!countKeys(kind).some((key) => key in hard) && kind.kind !== "Pod")) continue;
    for (const object of store.list(kind, namespace)) {
      const phase = object.status?.["phase"];
      if (kind.kind === "Pod" && (phase === "Succeeded" || phase === "Failed")) continue;
      for (const [key, value] of Object.entries(usageOf(kind, object))) total[key] = (total[key] ?? 0) + value;
    }
  }
  return total;
}

function usageOf(kind: Kind, object: KubeObject): Usage {
  const usage: Usage = Object.fromEntries(countKeys(kind).map((key) => [key, 1]));
  if (kind.kind !== "Pod") return usage;
  for (const container of items(object.spec?.["containers"])) {
    const resources = fields(container["resources"]);
    for (const part of ["requests", "limits"]) {
      for (const [name, value] of Object.entries(fields(resources[part]))) {
        for (const key of part === "requests" ? [`requests.${name}`, name] : [`limits.${name}`])
          usage[key] = (usage[key] ?? 0) + parseQuantity(value);
      }
    }
  }
  return usage;
}

const computeKeys = ["requests.cpu", "requests.memory", "cpu", "memory", "limits.cpu", "limits.memory"];
const shortCounts = new Set(["pods", "services", "configmaps", "secrets", "resourcequotas"]);

function countKeys(kind: Kind): string[] {
  if (kind.kind === "Event" || kind.kind === "Namespace" || kind.kind === "Node") return [];
  const count = `count/${resourceName(kind)}`;
  return shortCounts.has(kind.plural) ? [kind.plural, count] : [count];
}
