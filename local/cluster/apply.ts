import { isFields, same, type Fields, type KubeObject, type ManagedFields } from "./object.ts";
import { mergeKey } from "./patch.ts";
import { StatusError } from "./status.ts";

/** Who writes, as `managedFields` records it. */
export interface Writer {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly subresource?: string;
  readonly time: string;
}

/** A path of FieldsV1 elements joined by NUL: `f:spec\0f:containers\0k:{"name":"web"}\0f:image`. */
type Path = string;

/**
 * Server-side apply: the object a manager's full intent makes of the live one. Fields it applied before and left out now are
 * removed unless somebody else owns them; a field of another manager with another value is a conflict unless forced.
 */
export function applyIntent(
  live: KubeObject | null,
  intent: KubeObject,
  writer: Writer,
  options: { force: boolean },
): KubeObject {
  const owned = pathsOf(intent);
  const entries = live?.metadata.managedFields ?? [];
  const mine = entries.find((entry) => isWriter(entry, writer));
  const others = entries.filter((entry) => entry !== mine).map((entry) => ({ entry, paths: decode(entry.fieldsV1) }));

  const conflicts = others.flatMap(({ entry, paths }) =>
    [...paths]
      .filter((path) => owned.has(path) && !path.endsWith("\0.") && !same(valueAt(live, path), valueAt(intent, path)))
      .map((path) => ({ entry, path })),
  );
  const appliedBefore = writer.manager === "kubectl" ? lastApplied(live) : null;
  const serious = conflicts.filter(
    ({ path }) => appliedBefore === null || !same(valueAt(live, path), valueAt(appliedBefore, path)),
  );
  if (serious.length > 0 && !options.force) throw conflictError(serious);
  for (const { entry, path } of conflicts) others.find((other) => other.entry === entry)?.paths.delete(path);

  const next = merge(live === null ? {} : structuredClone(live), intent) as KubeObject;
  const left = [...decode(mine?.fieldsV1 ?? {})].filter(
    (path) => !owned.has(path) && !others.some(({ paths }) => paths.has(path)),
  );
  // Deepest first, so that a list item goes after what it holds; and only where nobody owns anything below it.
  for (const path of left.sort((a, b) => b.split("\0").length - a.split("\0").length)) {
    const below = path.endsWith("\0.") ? path.slice(0, -1) : `${path}\0`;
    const kept = [...owned, ...others.flatMap(({ paths }) => [...paths])].some((other) => other.startsWith(below));
    if (!kept) remove(next, path);
  }
  next.metadata.managedFields = [
    ...others.filter(({ paths }) => paths.size > 0).map(({ entry, paths }) => ({ ...entry, fieldsV1: encode(paths) })),
    entryFor(mine, owned, writer, intent.apiVersion),
  ];
  return next;
}

/**
 * What a plain `kubectl apply` left: where the object still is as it says, kubectl may go on with server-side apply whoever owns
 * the field by now (k8s.io/apimachinery pkg/util/managedfields/internal/lastappliedmanager.go).
 */
function lastApplied(live: KubeObject | null): KubeObject | null {
  const text = live?.metadata.annotations?.["kubectl.kubernetes.io/last-applied-configuration"];
  return text === undefined ? null : (JSON.parse(text) as KubeObject); // kubectl's own writing
}

/** After a create, an update or a patch: what changed now belongs to the writer, and to nobody else. */
export function recordUpdate(before: KubeObject | null, after: KubeObject, writer: Writer): void {
  const old = before === null ? new Set<Path>() : pathsOf(before);
  const now = pathsOf(after);
  const changed = new Set(
    [...now].filter((path) => !old.has(path) || !same(valueAt(before, path), valueAt(after, path))),
  );
  // A client may move ownership itself, as kubectl does when it takes up server-side apply: what it writes is what holds.
  const told = after.metadata.managedFields ?? before?.metadata.managedFields;
  const entries = (told ?? []).map((entry) => ({ entry, paths: decode(entry.fieldsV1) }));
  const removed = [...old].filter((path) => !now.has(path));
  if (changed.size === 0 && removed.length === 0) {
    if (told !== undefined) after.metadata.managedFields = told;
    return;
  }
  const mine = entries.find(({ entry }) => isWriter(entry, writer));
  for (const { entry, paths } of entries) {
    for (const path of removed) paths.delete(path);
    if (entry !== mine?.entry) for (const path of changed) if (!path.endsWith("\0.")) paths.delete(path);
  }
  const owned = new Set([...(mine?.paths ?? []), ...changed]);
  // A Scale of zero has no `replicas` in it, so nobody owns them afterwards: the next server-side apply may set them unopposed.
  if (writer.subresource === "scale" && after.spec?.["replicas"] === 0) owned.delete("f:spec\0f:replicas");
  after.metadata.managedFields = [
    ...entries
      .filter(({ entry, paths }) => entry !== mine?.entry && paths.size > 0)
      .map(({ entry, paths }) => ({ ...entry, fieldsV1: encode(paths) })),
    ...(owned.size === 0 ? [] : [entryFor(mine?.entry, owned, writer, after.apiVersion)]),
  ];
}

function isWriter(entry: ManagedFields, writer: Writer): boolean {
  return (
    entry.manager === writer.manager && entry.operation === writer.operation && entry.subresource === writer.subresource
  );
}

function entryFor(
  before: ManagedFields | undefined,
  paths: Set<Path>,
  writer: Writer,
  apiVersion: string,
): ManagedFields {
  const fieldsV1 = encode(paths);
  const time = before !== undefined && same(before.fieldsV1, fieldsV1) ? before.time : writer.time;
  const { manager, operation, subresource } = writer;
  return {
    manager,
    operation,
    apiVersion,
    time,
    fieldsType: "FieldsV1",
    fieldsV1,
    ...(subresource === undefined ? {} : { subresource }),
  };
}

function conflictError(conflicts: readonly { entry: ManagedFields; path: Path }[]): StatusError {
  const causes = conflicts.map(({ entry, path }) => ({
    reason: "FieldManagerConflict",
    message: `conflict with ${holder(entry)}`,
    field: readable(path),
  }));
  const byManager = new Map<string, string[]>();
  for (const { message, field } of causes) byManager.set(message, [...(byManager.get(message) ?? []), field]);
  const [only] = causes.length === 1 ? causes : [];
  const list = [...byManager]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([message, where]) => [`${message.replace("conflict", "conflicts")}:`, ...where.map((field) => `- ${field}`)]);
  const told =
    only === undefined
      ? `${causes.length} conflicts: ${list.flat().join("\n")}`
      : `1 conflict: ${only.message}: ${only.field}`;
  return new StatusError(409, "Conflict", `Apply failed with ${told}`, { causes });
}

function holder({ manager, subresource, operation, apiVersion }: ManagedFields): string {
  const part = subresource === undefined ? "" : ` with subresource ${JSON.stringify(subresource)}`;
  return `${JSON.stringify(manager)}${part}${operation === "Update" ? ` using ${apiVersion}` : ""}`;
}

function readable(path: Path): string {
  return path
    .split("\0")
    .map((part) => {
      if (part.startsWith("f:")) return `.${part.slice(2)}`;
      if (!part.startsWith("k:")) return "";
      const key = Object.entries(JSON.parse(part.slice(2)) as Fields); // written by listKey below
      return `[${key.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(",")}]`;
    })
    .join("");
}

// --- Field sets ------------------------------------------------------------------------------------------------------

const identity = new Set(["apiVersion", "kind", "status"]);
const serverMetadata = new Set([
  "name",
  "namespace",
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "managedFields",
  "generateName",
]);

function pathsOf(object: KubeObject): Set<Path> {
  const paths = new Set<Path>();
  for (const [key, value] of Object.entries(object))
    if (!identity.has(key) && key !== "metadata") collect(value, `f:${key}`, "", key, paths);
  for (const [key, value] of Object.entries(object.metadata)) {
    if (!serverMetadata.has(key)) collect(value, `f:metadata\0f:${key}`, "metadata", key, paths);
  }
  return paths;
}

function collect(value: unknown, path: Path, parent: string, key: string, paths: Set<Path>): void {
  if (value === null || value === undefined) return;
  if (Array.isArray(value)) {
    if (value.length === 0) return void paths.add(path);
    const kept = value.map((item) => listKey(parent, key, item));
    if (kept.includes(null)) return void paths.add(path); // an atomic list has one owner
    for (const [position, item] of value.entries()) {
      const itemPath = `${path}\0${kept[position]}`;
      paths.add(isFields(item) ? `${itemPath}\0.` : itemPath);
      if (isFields(item))
        for (const [name, field] of Object.entries(item)) collect(field, `${itemPath}\0f:${name}`, key, name, paths);
    }
    return;
  }
  if (!isFields(value) || atomicMaps.has(key) || Object.keys(value).length === 0) return void paths.add(path);
  for (const [name, field] of Object.entries(value)) collect(field, `${path}\0f:${name}`, key, name, paths);
}

/** `x-kubernetes-map-type: atomic` of the kinds served here. */
const atomicMaps = new Set([
  "selector",
  "configMapKeyRef",
  "secretKeyRef",
  "fieldRef",
  "resourceFieldRef",
  "podSelector",
  "namespaceSelector",
]);

/** `x-kubernetes-list-map-keys`; null: the list is atomic. */
function listKey(parent: string, list: string, item: unknown): string | null {
  if (list === "finalizers") return `v:${JSON.stringify(item)}`;
  if (!isFields(item)) return null;
  const by = mergeKey(parent, list);
  if (by === null || item[by] === undefined) return null;
  const key: Fields = { [by]: item[by] };
  if (list === "ports") key["protocol"] = item["protocol"] ?? "TCP";
  if (list === "topologySpreadConstraints") key["whenUnsatisfiable"] = item["whenUnsatisfiable"];
  return `k:${JSON.stringify(key)}`;
}

function encode(paths: Set<Path>): Fields {
  const root: Fields = {};
  for (const path of [...paths].sort()) {
    let node = root;
    for (const part of path.split("\0")) {
      const existing = node[part];
      const next = isFields(existing) ? existing : {};
      node[part] = next;
      node = next;
    }
  }
  return root;
}

function decode(node: Fields, prefix = ""): Set<Path> {
  const paths = new Set<Path>();
  for (const [part, below] of Object.entries(node)) {
    const path = prefix === "" ? part : `${prefix}\0${part}`;
    if (!isFields(below) || Object.keys(below).length === 0) paths.add(path);
    else for (const deeper of decode(below, path)) paths.add(deeper);
  }
  return paths;
}

// --- Values ----------------------------------------------------------------------------------------------------------

function merge(live: unknown, intent: unknown, parent = "", key = ""): unknown {
  if (Array.isArray(intent)) {
    if (!Array.isArray(live) || intent.some((item) => listKey(parent, key, item) === null)) return intent;
    const byKey = (item: unknown) => listKey(parent, key, item);
    const wanted = intent.map((item) => {
      const match = live.find((candidate) => byKey(candidate) === byKey(item));
      return match === undefined ? item : merge(match, item, parent, key);
    });
    const names = new Set(intent.map((item) => byKey(item)));
    return [...wanted, ...live.filter((item) => !names.has(byKey(item)))];
  }
  if (!isFields(intent) || !isFields(live) || atomicMaps.has(key)) return intent;
  const merged: Fields = { ...live };
  for (const [name, value] of Object.entries(intent)) {
    if (value !== null && name !== "managedFields") merged[name] = merge(live[name], value, key, name);
  }
  return merged;
}

function valueAt(object: KubeObject | null, path: Path): unknown {
  return step(object, path)?.value;
}

function step(
  object: unknown,
  path: Path,
): { parent: unknown; value: unknown; last: string; list: string } | undefined {
  let parent: unknown = undefined;
  let value: unknown = object;
  let last = "";
  const trail = ["", ""];
  for (const part of path.split("\0")) {
    if (part === ".") continue;
    if (value === undefined) return undefined;
    parent = value;
    last = part;
    if (part.startsWith("f:")) {
      const name = part.slice(2);
      trail.push(name);
      value = isFields(value) ? value[name] : undefined;
    } else {
      const [list = "", outer = ""] = [trail.at(-1), trail.at(-2)];
      value = Array.isArray(value) ? value.find((item) => listKey(outer, list, item) === part) : undefined;
    }
  }
  return { parent, value, last, list: trail.at(-1) ?? "" };
}

function remove(object: KubeObject, path: Path): void {
  const found = step(object, path);
  if (found === undefined || found.value === undefined) return;
  if (Array.isArray(found.parent)) found.parent.splice(found.parent.indexOf(found.value), 1);
  else if (isFields(found.parent)) delete found.parent[found.last.slice(2)];
}
