import type { WorldClock } from "../clock.ts";
import { applyIntent, recordUpdate, type Writer } from "./apply.ts";
import { apiVersionOf, kindNamed, type Kind } from "./kinds.ts";
import { fields, isFields, same, text, wholeSeconds, type Fields, type KubeObject } from "./object.ts";
import { jsonPatch, mergePatch, strategicMergePatch } from "./patch.ts";
import { decode } from "./schema.ts";
import {
  alreadyExists,
  badRequest,
  conflict,
  forbidden,
  invalid,
  notFound,
  StatusError,
  type Cause,
} from "./status.ts";
import type { ObjectStore } from "./store.ts";
import { refuseName } from "./validation.ts";
import type { SimulatedCluster } from "./webernetes.ts";

export interface Place {
  readonly kind: Kind;
  readonly namespace: string | undefined;
}

export interface WriteOptions {
  readonly manager: string;
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly fieldValidation: string;
  readonly subresource: string | undefined;
  /** Receives what should be said to the client in Warning headers. */
  readonly warn: (text: string) => void;
}

export interface DeleteOptions {
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly propagationPolicy?: string;
  readonly orphanDependents?: boolean;
  readonly gracePeriodSeconds?: number;
  readonly dryRun?: readonly string[];
}

/** What the API server's handlers do to objects, for every kind alike. */
export interface Resources {
  read(place: Place, name: string): KubeObject;
  create(place: Place, body: Fields, options: WriteOptions): Promise<KubeObject>;
  replace(place: Place, name: string, body: Fields, options: WriteOptions): Promise<KubeObject>;
  patch(
    place: Place,
    name: string,
    patch: { type: string; body: unknown },
    options: WriteOptions,
  ): Promise<{ object: KubeObject; created: boolean }>;
  remove(place: Place, name: string, options: DeleteOptions): Promise<KubeObject | "gone">;
}

const namespaceKind = kindNamed("Namespace");
const scale = { group: "autoscaling", kind: "Scale" };
const patchOptions = { group: "meta.k8s.io", kind: "PatchOptions" };
const retries = 10;

export function newResources({
  store,
  cluster,
  clock,
}: {
  store: ObjectStore;
  cluster: SimulatedCluster;
  clock: WorldClock;
}): Resources {
  const now = () => wholeSeconds(new Date(clock.nowMs()).toISOString());
  return { read, create, replace, patch, remove };

  function read({ kind, namespace }: Place, name: string): KubeObject {
    const object = store.get(kind, namespace, name);
    if (object === undefined) throw notFound(kind, name);
    return object;
  }

  async function create(place: Place, body: Fields, options: WriteOptions): Promise<KubeObject> {
    const { kind } = place;
    const object = accept(place, body, options);
    if (object.metadata.resourceVersion !== undefined)
      throw new StatusError(500, "", "resourceVersion should not be set on objects to be created");
    const { generateName } = object.metadata;
    if ((object.metadata.name ?? "") === "" && generateName !== undefined)
      object.metadata.name = `${generateName}${randomSuffix()}`;
    const refusals = refuseName(kind, object.metadata.name ?? "");
    if (refusals.length > 0) throw invalid(kind, object.metadata.name ?? "", refusals);
    insideLivingNamespace(place, object.metadata.name);
    for (const set of ["uid", "creationTimestamp", "deletionTimestamp", "generation", "managedFields"])
      delete object.metadata[set];
    if (kind.subresources.includes("status")) delete object.status;
    recordUpdate(null, object, writer(options, "Update"));
    return await insert(kind, object, options);
  }

  async function insert(kind: Kind, object: KubeObject, options: WriteOptions): Promise<KubeObject> {
    if (!options.dryRun) return await store.create(kind, object);
    if (store.get(kind, object.metadata.namespace, object.metadata.name) !== undefined) {
      throw alreadyExists(kind, object.metadata.name);
    }
    await store.admit(kind, object, null);
    return {
      ...object,
      metadata: { ...object.metadata, uid: "00000000-0000-4000-8000-000000000000", creationTimestamp: now() },
    };
  }

  async function replace(place: Place, name: string, body: Fields, options: WriteOptions): Promise<KubeObject> {
    if (options.subresource === "scale") return await scaleTo(place, name, () => body, options);
    const object = accept(place, body, options);
    named(object, name);
    const { uid } = object.metadata;
    const unlessAnother = (live: KubeObject): KubeObject => {
      // Of a whole object the uid is a precondition; a patch that names another one tries to change it.
      if (uid !== undefined && uid !== live.metadata.uid)
        throw conflict(place.kind, name, storageError(place, live, uid));
      return structuredClone(object);
    };
    return await change(place, name, unlessAnother, options);
  }

  async function patch(
    place: Place,
    name: string,
    { type, body }: { type: string; body: unknown },
    options: WriteOptions,
  ): ReturnType<Resources["patch"]> {
    if (type === "application/apply-patch+yaml") return await serverSideApply(place, name, fields(body), options);
    const patched = patcher(type, body);
    const object =
      options.subresource === "scale"
        ? await scaleTo(place, name, patched, options)
        : await change(place, name, (live) => acceptPatched(place, live, patched, options), options);
    return { object, created: false };
  }

  async function serverSideApply(
    place: Place,
    name: string,
    body: Fields,
    options: WriteOptions,
  ): ReturnType<Resources["patch"]> {
    const intent = accept(place, body, { ...options, fieldValidation: "Apply" });
    if (options.manager === "")
      throw invalid(patchOptions, "", [
        {
          field: "fieldManager",
          message: "Required value: is required for apply patch",
          reason: "FieldValueRequired",
        },
      ]);
    if (intent.metadata.managedFields !== undefined) throw badRequest("metadata.managedFields must be nil");
    intent.metadata.name ??= name;
    named(intent, name);
    const by = writer(options, "Apply");
    if (store.get(place.kind, place.namespace, name) === undefined && options.subresource === undefined) {
      const { uid } = intent.metadata;
      // A uid must not make another object; a resourceVersion alone does, on the real server as well.
      if (uid !== undefined) throw conflict(place.kind, name, nobodysUid(uid));
      delete intent.metadata.resourceVersion;
      insideLivingNamespace(place, name);
      const refusals = refuseName(place.kind, name);
      if (refusals.length > 0) throw invalid(place.kind, name, refusals);
      return { object: await insert(place.kind, applyIntent(null, intent, by, options), options), created: true };
    }
    const object = await change(place, name, (live) => preconditioned(applyIntent(live, intent, by, options), intent), {
      ...options,
      applied: true,
    });
    return { object, created: false };
  }

  /** Read, change, compare, swap. Retried while somebody else is quicker, unless the caller named a resourceVersion. */
  async function change(
    { kind, namespace }: Place,
    name: string,
    make: (live: KubeObject) => KubeObject,
    options: WriteOptions & { applied?: boolean; recordAs?: "scale" },
  ): Promise<KubeObject> {
    for (let attempt = 1; ; attempt += 1) {
      const live = read({ kind, namespace }, name);
      const next = make(live);
      const { uid, resourceVersion } = next.metadata;
      if (resourceVersion !== undefined && resourceVersion !== live.metadata.resourceVersion)
        throw conflict(kind, name);
      if (uid !== undefined && uid !== live.metadata.uid)
        throw invalid(kind, name, [immutableUid(uid), immutableUid(uid)]); // the real server looks twice, and says so twice
      keepServerFields(kind, live, next, options.subresource);
      if (options.applied !== true)
        recordUpdate(
          live,
          next,
          writer({ ...options, subresource: options.recordAs ?? options.subresource }, "Update"),
        );
      if (options.dryRun) await store.admit(kind, next, live);
      if (same(next, live) || options.dryRun) return options.dryRun ? next : live;
      try {
        return await store.update(kind, next);
      } catch (error) {
        const retry = error instanceof StatusError && error.reason === "Conflict" && attempt < retries;
        if (!retry) throw error;
      }
    }
  }

  async function scaleTo(
    place: Place,
    name: string,
    make: (scale: KubeObject) => Fields,
    options: WriteOptions,
  ): Promise<KubeObject> {
    const updated = await change(
      place,
      name,
      (live) => {
        const wanted = fields(make(scaleOf(live))["spec"])["replicas"] ?? 0;
        if (typeof wanted !== "number" || wanted < 0) {
          throw invalid(scale, name, [
            {
              field: "spec.replicas",
              message: `Invalid value: ${text(wanted)}: must be greater than or equal to 0`,
              reason: "FieldValueInvalid",
            },
          ]);
        }
        return { ...structuredClone(live), spec: { ...structuredClone(live.spec), replicas: wanted } };
      },
      { ...options, subresource: undefined, recordAs: "scale" },
    );
    return scaleOf(updated);
  }

  async function remove(place: Place, name: string, options: DeleteOptions): Promise<KubeObject | "gone"> {
    const { kind, namespace } = place;
    const live = read(place, name);
    const { uid, resourceVersion } = options.preconditions ?? {};
    if (uid !== undefined && uid !== live.metadata.uid)
      throw kind === namespaceKind
        ? conflict(kind, name, otherUid(uid, live.metadata.uid ?? ""))
        : undeletable(kind, name, uidMismatch(uid, live.metadata.uid ?? ""));
    if (resourceVersion !== undefined && resourceVersion !== live.metadata.resourceVersion) {
      throw undeletable(
        kind,
        name,
        `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${live.metadata.resourceVersion}). The object might have been modified`,
      );
    }
    if (kind === namespaceKind && ["default", "kube-system"].includes(name))
      throw forbidden(kind, name, "this namespace may not be deleted");
    if ((options.dryRun ?? []).length > 0) return live;
    if (kind.home === "simulator" && kind !== namespaceKind) await simulatedDelete(place, name, options);
    else if (kind === namespaceKind || (live.metadata.finalizers ?? []).length > 0) await markDeleted(place, name);
    else await store.delete(kind, namespace, name);
    return store.get(kind, namespace, name) ?? "gone";
  }

  async function markDeleted(place: Place, name: string): Promise<void> {
    const live = read(place, name);
    if (live.metadata.deletionTimestamp !== undefined) return;
    const next = structuredClone(live);
    next.metadata.deletionTimestamp = now();
    next.metadata["deletionGracePeriodSeconds"] = 0;
    if (place.kind === namespaceKind) next.status = { ...next.status, phase: "Terminating" };
    await store.update(place.kind, next);
  }

  /** The simulator's own deletion: grace periods of pods, foreground and orphan finalizers for its garbage collector. */
  async function simulatedDelete({ kind, namespace }: Place, name: string, options: DeleteOptions): Promise<void> {
    const group =
      kind.group === "apps" ? cluster.api.appsv1 : kind.group === "" ? cluster.api.corev1 : cluster.api.discoveryv1;
    const method = `delete${kind.namespaced ? "Namespaced" : ""}${kind.kind}`;
    const { propagationPolicy, orphanDependents, gracePeriodSeconds } = options;
    const body = JSON.parse(JSON.stringify({ propagationPolicy, orphanDependents, gracePeriodSeconds })) as object; // without the undefined ones
    try {
      await (group as Record<string, (request: object) => Promise<unknown>>)[method]?.({
        name,
        namespace,
        body,
        ...body,
      });
    } catch (error) {
      if (!(error instanceof Error && "code" in error && typeof error.code === "number")) throw error;
      if (error.code === 404) return; // gone meanwhile: what was asked for
      throw error.code === 409 ? conflict(kind, name) : new StatusError(error.code, "InternalError", error.message);
    }
  }

  function insideLivingNamespace({ kind, namespace }: Place, name: string): void {
    if (!kind.namespaced) return;
    const holder = store.get(namespaceKind, undefined, namespace ?? "");
    if (holder === undefined) throw notFound(namespaceKind, namespace ?? "");
    if (holder.metadata.deletionTimestamp === undefined) return;
    throw forbidden(
      kind,
      name,
      `unable to create new content in namespace ${namespace} because it is being terminated`,
      [
        {
          reason: "NamespaceTerminating",
          message: `namespace ${namespace} is being terminated`,
          field: "metadata.namespace",
        },
      ],
    );
  }

  function writer(options: WriteOptions, operation: Writer["operation"]): Writer {
    const { manager, subresource } = options;
    return { manager, operation, time: now(), ...(subresource === undefined ? {} : { subresource }) };
  }
}

/** From a request's body to an object: right kind, right place, known fields of the right types. */
function accept({ kind, namespace }: Place, body: Fields, options: WriteOptions): KubeObject {
  const apiVersion = apiVersionOf(kind);
  if (body["apiVersion"] === apiVersion && body["kind"] !== kind.kind) {
    const [wrong, right] = [`${kind.version}.${text(body["kind"])}`, `${kind.group || "core"}.${kind.kind}`];
    throw badRequest(
      `${text(body["kind"])} in version "${kind.version}" cannot be handled as a ${kind.kind}: converting (${wrong}) to (${right}): unknown conversion`,
    );
  }
  if (body["apiVersion"] !== undefined && body["apiVersion"] !== apiVersion) {
    throw badRequest(
      `${text(body["kind"])} in version "${text(body["apiVersion"])}" cannot be handled as a ${kind.kind}: the API version in the data (${text(body["apiVersion"])}) does not match the expected API version (${apiVersion})`,
    );
  }
  const unknown = decode(kind, body);
  if (unknown.length > 0) {
    const list = unknown.map((field) => `unknown field "${field}"`);
    if (options.fieldValidation === "Apply") {
      throw new StatusError(
        500,
        "",
        `failed to create typed patch object (${namespace ?? ""}/${text(fields(body["metadata"])["name"])}; ${apiVersion}, Kind=${kind.kind}): ${unknown.map((field) => `.${field}: field not declared in schema`).join(", ")}`,
      );
    }
    if (options.fieldValidation === "Strict") {
      throw badRequest(
        `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: strict decoding error: ${list.join(", ")}`,
      );
    }
    if (options.fieldValidation !== "Ignore") for (const line of list) options.warn(line);
  }
  const metadata = fields(body["metadata"]);
  if (kind.namespaced && metadata["namespace"] !== undefined && metadata["namespace"] !== namespace) {
    throw badRequest(`the namespace of the provided object does not match the namespace sent on the request`);
  }
  const object = withoutNulls({
    ...body,
    apiVersion,
    kind: kind.kind,
    metadata: { ...metadata, ...(namespace === undefined ? {} : { namespace }) },
  });
  return object as KubeObject; // decode has checked it against the API's own schema
}

function named(object: KubeObject, name: string): KubeObject {
  if (object.metadata.name === name) return object;
  throw badRequest(`the name of the object (${object.metadata.name}) does not match the name on the URL (${name})`);
}

/** Where the result of a patch cannot be decoded, it is the patch that is invalid. */
function acceptPatched(
  place: Place,
  live: KubeObject,
  patched: (live: KubeObject) => Fields,
  options: WriteOptions,
): KubeObject {
  const { name } = live.metadata;
  const result = patched(structuredClone(live));
  try {
    return named(accept(place, result, options), name);
  } catch (error) {
    const undecodable = error instanceof StatusError ? /: (json: .*)$/s.exec(error.message)?.[1] : undefined;
    if (undecodable === undefined) throw error;
    const message = `Invalid value: ${JSON.stringify(JSON.stringify(result))}: ${undecodable}`;
    const causes = [{ reason: "FieldValueInvalid", message, field: "patch" }];
    throw new StatusError(422, "Invalid", ` "" is invalid: patch: ${message}`, { causes });
  }
}

/** The API stores no nulls: a null in a manifest is a field left out. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item));
  if (!isFields(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => (item === null ? [] : [[key, withoutNulls(item)]])),
  );
}

/** What a client may not change by writing, and what belongs to the other side of the status subresource. */
function keepServerFields(kind: Kind, live: KubeObject, next: KubeObject, subresource: string | undefined): void {
  const { uid, creationTimestamp, deletionTimestamp, generation, resourceVersion, deletionGracePeriodSeconds } =
    live.metadata;
  const kept = { uid, creationTimestamp, deletionTimestamp, generation, resourceVersion, deletionGracePeriodSeconds };
  if (subresource === "status") {
    const { status } = next;
    for (const key of Object.keys(next)) delete next[key];
    Object.assign(next, structuredClone(live), status === undefined ? {} : { status });
  } else if (kind.subresources.includes("status")) {
    if (live.status === undefined) delete next.status;
    else next.status = live.status;
  }
  if (kind.kind === "Namespace" && subresource !== "finalize" && live.spec !== undefined) next.spec = live.spec;
  next.metadata = { ...next.metadata, name: live.metadata.name };
  for (const [field, value] of Object.entries(kept)) {
    if (value === undefined) delete next.metadata[field];
    else next.metadata[field] = value;
  }
  // Once deletion has begun, finalizers may only go.
  if (
    deletionTimestamp !== undefined &&
    (next.metadata.finalizers ?? []).some((finalizer) => live.metadata.finalizers?.includes(finalizer) !== true)
  ) {
    throw invalid(kind, live.metadata.name, [
      {
        field: "metadata.finalizers",
        message: "Forbidden: no new finalizers can be added if the object is being deleted",
        reason: "FieldValueForbidden",
      },
    ]);
  }
}

function preconditioned(next: KubeObject, intent: KubeObject): KubeObject {
  const { uid, resourceVersion } = intent.metadata;
  for (const [field, value] of Object.entries({ uid, resourceVersion })) {
    if (value === undefined) delete next.metadata[field];
    else next.metadata[field] = value;
  }
  return next;
}

function patcher(type: string, body: unknown): (live: KubeObject) => Fields {
  switch (type) {
    case "application/json-patch+json":
      return (live) => jsonPatch(live, body);
    case "application/merge-patch+json":
      return (live) => fields(mergePatch(live, body));
    case "application/strategic-merge-patch+json":
      return (live) => strategicMergePatch(live, fields(body));
    default:
      throw new StatusError(
        415,
        "UnsupportedMediaType",
        `the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml`,
      );
  }
}

export function scaleOf(object: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const labels = Object.entries(fields(fields(object.spec?.["selector"])["matchLabels"]));
  const replicas = object.spec?.["replicas"] ?? 1;
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: JSON.parse(
      JSON.stringify({ name, namespace, uid, resourceVersion, creationTimestamp }),
    ) as KubeObject["metadata"], // without the undefined ones
    spec: replicas === 0 ? {} : { replicas },
    status: {
      replicas: object.status?.["replicas"] ?? 0,
      selector: labels.map(([key, value]) => `${key}=${text(value)}`).join(","),
    },
  };
}

function immutableUid(uid: string): Required<Cause> {
  const message = `Invalid value: ${JSON.stringify(uid)}: field is immutable`;
  return { field: "metadata.uid", message, reason: "FieldValueInvalid" };
}

function nobodysUid(wanted: string): string {
  return `uid mismatch: the provided object specified uid ${wanted}, and no existing object was found`;
}

function otherUid(wanted: string, actual: string): string {
  return `Precondition failed: UID in precondition: ${wanted}, UID in object meta: ${actual}`;
}

function storageError(
  { kind, namespace }: Place,
  { metadata: { name, uid = "" } }: KubeObject,
  wanted: string,
): string {
  const key = ["/registry", kind.plural, ...(namespace === undefined ? [] : [namespace]), name].join("/");
  return `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ${otherUid(wanted, uid)}`;
}

/** Deletion names the kind where every other conflict names the resource: apiserver/pkg/registry/generic/registry/store.go. */
function undeletable(kind: Kind, name: string, why: string): StatusError {
  const group = kind.group === "" ? {} : { group: kind.group };
  const what = kind.group === "" ? kind.kind : `${kind.kind}.${kind.group}`;
  const details = { name, ...group, kind: kind.kind };
  return new StatusError(409, "Conflict", `Operation cannot be fulfilled on ${what} "${name}": ${why}`, details);
}

function uidMismatch(wanted: string, actual: string): string {
  return `the UID in the precondition (${wanted}) does not match the UID in record (${actual}). The object might have been deleted and then recreated`;
}

function randomSuffix(): string {
  const letters = "bcdfghjklmnpqrstvwxz2456789"; // as apimachinery's rand: no vowels, so no words
  return Array.from({ length: 5 }, () => letters[Math.floor(Math.random() * letters.length)]).join("");
}
