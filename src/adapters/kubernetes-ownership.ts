import { list, object } from "./kubernetes-json.ts";

/**
 * `managedFields` with what we own by POST and JSON Patch ("Update") moved to what we own by server-side apply ("Apply"); null where
 * nothing is to move. Without it a field that disappears from our manifest stays in the cluster for ever, held by our own Update
 * entry. The same as kubectl does: https://pkg.go.dev/k8s.io/client-go/util/csaupgrade
 */
export function adoptOwnFields(managedFields: unknown, manager: string): unknown[] | null {
  const entries = list(managedFields).map(object);
  const isOurs = (entry: Readonly<Record<string, unknown>>): boolean =>
    entry["manager"] === manager && entry["subresource"] === undefined;
  const ours = entries.filter(isOurs);
  if (!ours.some((entry) => entry["operation"] === "Update")) return null;
  const fieldsV1 = ours.map((entry) => object(entry["fieldsV1"])).reduce(union);
  return [...entries.filter((entry) => !isOurs(entry)), { ...ours[0], operation: "Apply", fieldsV1 }];
}

/** A field set is a tree of `f:name`, `k:{…}` and `v:…` keys whose leaves are empty: the union of two is the union of their keys. */
function union(
  one: Readonly<Record<string, unknown>>,
  other: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  return Object.fromEntries(keys.map((key) => [key, union(object(one[key]), object(other[key]))]));
}
