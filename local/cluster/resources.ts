import type { WorldClock } from "../clock.ts";
import { accept, acceptPatched, named } from "./accept.ts";
import { applyIntent, recordUpdate, type Writer } from "./apply.ts";
import { kindNamed, type Kind } from "./kinds.ts";
import { fields, same, text, wholeSeconds, type Fields, type KubeObject } from "./object.ts";
import { jsonPatch, mergePatch, strategicMergePatch } from "./patch.ts";
import { immutableUid, nobodysUid, otherUid, storageError, uidMismatch, undeletable } from "./preconditions.ts";
import { alreadyExists, badRequest, conflict, forbidden, invalid, notFound, StatusError } from "./status.ts";
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

function randomSuffix(): string {
  const letters = "bcdfghjklmnpqrstvwxz2456789"; // as apimachinery's rand: no vowels, so no words
  return Array.from({ length: 5 }, () => letters[Math.floor(Math.random() * letters.length)]).join("");
}
