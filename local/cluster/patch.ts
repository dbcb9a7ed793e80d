import { isFields, items, same, type Fields } from "./object.ts";
import { badRequest, StatusError } from "./status.ts";

/** RFC 7386. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch;
  const merged: Fields = isFields(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}

/** RFC 6902; a failed `test` or a path that is not there is one and the same answer on a real API server. */
export function jsonPatch(target: Fields, patch: unknown): Fields {
  if (!Array.isArray(patch))
    throw badRequest(
      "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
    );
  const root = { root: structuredClone(target) as unknown };
  for (const operation of items(patch)) {
    const path = pointer(operation["path"]);
    switch (operation["op"]) {
      case "add":
        add(root, path, operation["value"]);
        break;
      case "remove":
        take(root, path);
        break;
      case "replace":
        set(root, path, operation["value"]); // the library of the real server makes what is not there, against the RFC
        break;
      case "move":
        add(root, path, take(root, pointer(operation["from"])));
        break;
      case "copy":
        add(root, path, structuredClone(read(root, pointer(operation["from"]))));
        break;
      case "test":
        if (!same(read(root, path, { absent: null }), operation["value"])) throw refusedPatch();
        break;
      default:
        throw refusedPatch();
    }
  }
  if (!isFields(root.root)) throw refusedPatch();
  return root.root;
}

function refusedPatch(): StatusError {
  // apiserver/pkg/endpoints/handlers/patch.go hands the cause to NewGenericServerResponse, which drops it.
  return new StatusError(422, "Invalid", "the server rejected our request due to an error in our request", {});
}

function pointer(path: unknown): string[] {
  if (typeof path !== "string" || (path !== "" && !path.startsWith("/"))) throw refusedPatch();
  const parts = path.split("/").slice(1);
  return ["root", ...parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))];
}

function parentOf(root: Fields, path: readonly string[]): Fields | unknown[] {
  let parent: unknown = root;
  for (const part of path.slice(0, -1)) parent = child(parent, part);
  if (!isFields(parent) && !Array.isArray(parent)) throw refusedPatch();
  return parent;
}

function child(parent: unknown, part: string): unknown {
  if (Array.isArray(parent)) return parent[index(part, parent.length - 1)];
  return isFields(parent) ? parent[part] : undefined;
}

function index(part: string, last: number): number {
  if (!/^(0|[1-9]\d*)$/.test(part) || Number(part) > last) throw refusedPatch();
  return Number(part);
}

function read(root: Fields, path: readonly string[], options?: { absent: null }): unknown {
  const value = child(parentOf(root, path), path.at(-1) ?? "");
  if (value === undefined && options === undefined) throw refusedPatch();
  return value ?? null;
}

function add(root: Fields, path: readonly string[], value: unknown): void {
  const parent = parentOf(root, path);
  const last = path.at(-1) ?? "";
  if (Array.isArray(parent)) parent.splice(last === "-" ? parent.length : index(last, parent.length), 0, value);
  else parent[last] = value;
}

function set(root: Fields, path: readonly string[], value: unknown): void {
  const parent = parentOf(root, path);
  const last = path.at(-1) ?? "";
  if (Array.isArray(parent)) parent[index(last, parent.length - 1)] = value;
  else parent[last] = value;
}

function take(root: Fields, path: readonly string[]): unknown {
  const value = read(root, path);
  const parent = parentOf(root, path);
  const last = path.at(-1) ?? "";
  if (Array.isArray(parent)) parent.splice(index(last, parent.length - 1), 1);
  else delete parent[last];
  return value;
}

/**
 * Strategic merge patch: lists of named things merge by their key instead of replacing each other. Directives: `$patch`,
 * `$deleteFromPrimitiveList/…`; `$setElementOrder/…` orders the merged list; `$retainKeys` clears the rest of an object.
 */
export function strategicMergePatch(target: unknown, patch: Fields, parent = ""): Fields {
  if (patch["$patch"] === "replace") return without(patch, "$patch");
  const merged: Fields = isFields(target) ? { ...target } : {};
  const retain = patch["$retainKeys"];
  if (Array.isArray(retain)) for (const key of Object.keys(merged)) if (!retain.includes(key)) delete merged[key];
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith("$deleteFromPrimitiveList/")) {
      const list = key.slice(key.indexOf("/") + 1);
      merged[list] = asList(merged[list]).filter((item) => !asList(value).includes(item));
    } else if (key.startsWith("$")) {
      continue;
    } else if (value === null) {
      delete merged[key];
    } else if (Array.isArray(value)) {
      merged[key] = mergeList(merged[key], value, { key, parent, order: patch[`$setElementOrder/${key}`] });
    } else {
      merged[key] = isFields(value) ? strategicMergePatch(merged[key], value, key) : value;
    }
  }
  return merged;
}

function mergeList(target: unknown, patch: unknown[], at: { key: string; parent: string; order: unknown }): unknown[] {
  if (setLists.has(at.key)) return [...new Set([...asList(target), ...patch])];
  const by = mergeKey(at.parent, at.key);
  if (by === null) return patch;
  let merged = items(target);
  const patches = items(patch);
  if (patches.some((item) => item["$patch"] === "replace"))
    return patches.filter((item) => item["$patch"] === undefined);
  for (const item of patches) {
    const at0 = merged.findIndex((candidate) => candidate[by] === item[by]);
    if (item["$patch"] === "delete") merged = merged.filter((candidate) => candidate[by] !== item[by]);
    else if (at0 === -1) merged.push(strategicMergePatch({}, item, at.key));
    else merged[at0] = strategicMergePatch(merged[at0], item, at.key);
  }
  const order = (Array.isArray(at.order) ? items(at.order) : patches).map((item) => item[by]);
  const named = order.flatMap((key) => merged.filter((item) => item[by] === key));
  const before = items(target).map((item) => item[by]);
  return interleave(
    merged.filter((item) => !order.includes(item[by])),
    named,
    (item) => before.indexOf(item[by]),
  );
}

/** As strategicpatch's mergeSortedSlice: what the patch does not name goes before the first named item that it stood before. */
function interleave(kept: readonly Fields[], named: readonly Fields[], place: (item: Fields) => number): Fields[] {
  const left = [...kept];
  const ordered = named.flatMap((item) => {
    const later = left.findIndex((one) => place(one) >= place(item));
    return [...left.splice(0, later === -1 ? left.length : later), item];
  });
  return [...ordered, ...left];
}

/** `patchMergeKey` of k8s.io/api, for the kinds served here. */
export function mergeKey(parent: string, list: string): string | null {
  if (list === "ports") return parent === "containers" ? "containerPort" : parent === "spec" ? "port" : null;
  return mergeKeys[list] ?? null;
}

const mergeKeys: Readonly<Record<string, string>> = {
  containers: "name",
  initContainers: "name",
  env: "name",
  volumes: "name",
  volumeMounts: "mountPath",
  imagePullSecrets: "name",
  hostAliases: "ip",
  topologySpreadConstraints: "topologyKey",
  ownerReferences: "uid",
  conditions: "type",
  secrets: "name",
};

const setLists = new Set(["finalizers"]);

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function without(value: Fields, key: string): Fields {
  const { [key]: _dropped, ...rest } = value;
  return rest;
}
