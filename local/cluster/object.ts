export type Fields = Record<string, unknown>;

/** A Kubernetes object as it is stored: plain JSON, its times as text. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: Metadata;
  spec?: Fields;
  status?: Fields;
  [field: string]: unknown;
}

export interface Metadata {
  name: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: { uid: string; kind: string; name: string; controller?: boolean }[];
  managedFields?: ManagedFields[];
  [field: string]: unknown;
}

export interface ManagedFields {
  manager: string;
  operation: "Apply" | "Update";
  apiVersion: string;
  time: string;
  fieldsType: "FieldsV1";
  fieldsV1: Fields;
  subresource?: string;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A field that the schema says is an object; absent counts as empty. */
export function fields(value: unknown): Fields {
  return isFields(value) ? value : {};
}

export function items(value: unknown): Fields[] {
  return Array.isArray(value) ? value.filter((item) => isFields(item)) : [];
}

/** A scalar field for people to read; what is no scalar counts as absent. */
export function text(value: unknown, otherwise = ""): string {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : otherwise;
}

/** Deep equality that does not look at the order of keys and treats null like absent, as the API server stores it. */
export function same(left: unknown, right: unknown): boolean {
  if (left === right || ((left ?? null) === null && (right ?? null) === null)) return true;
  if (Array.isArray(left)) {
    return (
      Array.isArray(right) && left.length === right.length && left.every((item, index) => same(item, right[index]))
    );
  }
  if (!isFields(left) || !isFields(right)) return false;
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].every((key) => same(left[key], right[key]));
}

/** The API's times have whole seconds (metav1.Time); MicroTime fields keep their fraction. */
export function wholeSeconds(time: string): string {
  return time.replace(/\.\d+Z$/, "Z");
}

/** JSON from the simulator with its milliseconds cut off, except in MicroTime fields. */
export function parseStored(text: string): KubeObject {
  return JSON.parse(text, (key, value: unknown) =>
    typeof value === "string" && timeKey.test(key) && !microTimes.has(key) ? wholeSeconds(value) : value,
  ) as KubeObject; // written by our own store or the simulator's, never by a client directly
}

const timeKey = /(Time|Timestamp|startedAt|finishedAt)$/;
const microTimes = new Set(["eventTime", "renewTime", "acquireTime", "lastObservedTime"]);

/** As Go writes it: a counter of zero is left out, so a client that takes absent for unknown shows it here too. */
export function served(object: KubeObject): KubeObject {
  const { kind, status } = object;
  if (status === undefined || (kind !== "Deployment" && kind !== "ReplicaSet")) return object;
  // Of all these counters, only a ReplicaSet's `replicas` has no `omitempty`: k8s.io/api/apps/v1/types.go.
  const said = Object.entries(status).filter(
    ([key, value]) => value !== 0 || (kind === "ReplicaSet" && key === "replicas"),
  );
  return { ...object, status: Object.fromEntries(said) };
}
