import { randomUUID } from "node:crypto";

import { apiVersionOf, kinds, type Kind } from "./kinds.ts";
import { parseStored, same, type KubeObject } from "./object.ts";
import { alreadyExists, conflict, invalid, notFound, StatusError } from "./status.ts";
import type { Finish, KeyValue, SimulatedCluster, Store, Webernetes } from "./webernetes.ts";

export interface Change {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly kind: Kind;
  readonly object: KubeObject;
  readonly previous: KubeObject | null;
  readonly revision: number;
}

/** Looks at an object before it is stored and may complete or refuse it; what it returns runs when the write is over. */
export type Admission = (
  kind: Kind,
  object: KubeObject,
  existing: KubeObject | null,
) => Promise<(() => void) | undefined>;

export interface ObjectStore {
  get(kind: Kind, namespace: string | undefined, name: string): KubeObject | undefined;
  /** In the order of their keys, as etcd lists. */
  list(kind: Kind, namespace?: string): KubeObject[];
  revision(): number;
  create(kind: Kind, object: KubeObject): Promise<KubeObject>;
  /** Compare-and-swap on `metadata.resourceVersion`. */
  update(kind: Kind, object: KubeObject): Promise<KubeObject>;
  delete(kind: Kind, namespace: string | undefined, name: string): Promise<void>;
  /** Completes or refuses as a write would, and stores nothing. */
  admit(kind: Kind, object: KubeObject, existing: KubeObject | null): Promise<void>;
  /** Every change after `since`, then those to come, in order; "gone" where they are no longer kept. */
  follow(since: number, listener: (change: Change) => void): (() => void) | "gone";
  /** Whoever asks for changes before now is told that they are gone. */
  startHistory(): void;
}

const keptChanges = 5_000;

/**
 * The simulator's etcd with a cache in front. Etcd publishes a write before the write's promise resolves, so the cache never
 * lags behind what a caller has just written. Controllers write through the same storage classes, so `generation` and
 * admission are added there, once, for everybody.
 */
export async function openStore(
  simulator: Webernetes,
  cluster: SimulatedCluster,
  admit: Admission,
): Promise<ObjectStore> {
  const { etcd } = cluster;
  const cache = new Map(kinds.map((kind) => [kind, new Map<string, KubeObject>()]));
  const stores = new Map(kinds.map((kind) => [kind, newStore(simulator, cluster, kind)]));
  const listeners = new Set<(change: Change) => void>();
  let changes: Change[] = [];
  let oldest = 0;
  let latest = 0;

  const watcher = await etcd.watch().prefix("/registry/").withPreviousKV().create();
  watcher.on("put", (kv, previous) => {
    const place = locate(kv.key.toString());
    if (place !== undefined) remember(place, previous === null ? "ADDED" : "MODIFIED", kv);
  });
  watcher.on("delete", (kv) => {
    const place = locate(kv.key.toString());
    if (place !== undefined) remember(place, "DELETED", kv);
  });
  watchWrites(simulator, cluster, admit);

  return {
    get: (kind, namespace, name) => cache.get(kind)?.get(keyOf(namespace, name)),
    list(kind, namespace) {
      const prefix = namespace === undefined ? "" : `${namespace}/`;
      const found = [...(cache.get(kind) ?? [])].filter(([key]) => key.startsWith(prefix));
      return found.sort(([left], [right]) => (left < right ? -1 : 1)).map(([, object]) => object);
    },
    revision: () => Math.max(latest, etcd.stateRef.revision),
    async create(kind, object) {
      const { name, namespace } = object.metadata;
      const there = cache.get(kind)?.get(keyOf(namespace, name));
      if (there !== undefined) throw alreadyExists(kind, name, there.metadata.deletionTimestamp !== undefined);
      await translate(kind, object, () => storeOf(kind).create(object));
      return stored(kind, namespace, name);
    },
    async update(kind, object) {
      const { name, namespace } = object.metadata;
      const before = stored(kind, namespace, name);
      const written = await translate(kind, object, () =>
        storeOf(kind).update(name, object, { skipValidateUpdate: kind.kind === "Pod" }),
      );
      // Removing the last finalizer deletes at once; the answer is then the object as it was written.
      return (
        cache.get(kind)?.get(keyOf(namespace, name)) ?? {
          ...object,
          metadata: { ...before.metadata, ...object.metadata, resourceVersion: written.metadata.resourceVersion },
        }
      );
    },
    async delete(kind, namespace, name) {
      if (!(await storeOf(kind).delete(name, namespace))) throw notFound(kind, name);
    },
    async admit(kind, object, existing) {
      (await admit(kind, object, existing))?.();
    },
    follow(since, listener) {
      if (since < oldest) return "gone";
      for (const change of changes) if (change.revision > since) listener(change);
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    startHistory() {
      changes = [];
      oldest = Math.max(latest, etcd.stateRef.revision);
    },
  };

  function storeOf(kind: Kind): Store {
    const store = stores.get(kind);
    if (store === undefined) throw new Error(`no storage for ${kind.kind}`);
    return store;
  }

  function stored(kind: Kind, namespace: string | undefined, name: string): KubeObject {
    const object = cache.get(kind)?.get(keyOf(namespace, name));
    if (object === undefined) throw notFound(kind, name);
    return object;
  }

  function remember({ kind, key }: { kind: Kind; key: string }, type: Change["type"], kv: KeyValue): void {
    const ofKind = cache.get(kind);
    const object = parseStored(kv.value.toString());
    object.metadata.resourceVersion = kv.mod_revision;
    const previous = ofKind?.get(key) ?? null;
    if (type === "DELETED") ofKind?.delete(key);
    else ofKind?.set(key, object);
    latest = Number(kv.mod_revision);
    const change: Change = { type, kind, object, previous, revision: latest };
    if (oldest === 0) oldest = latest - 1;
    changes.push(change);
    if (changes.length > 2 * keptChanges) {
      changes = changes.slice(-keptChanges);
      oldest = (changes[0]?.revision ?? latest) - 1;
      // Etcd keeps every revision until told otherwise; the simulator's own watches are never this far behind.
      void etcd.kv.compact({ revision: oldest });
    }
    for (const listener of listeners) listener(change);
  }
}

const kindByRegistry = new Map(kinds.map((kind) => [kind.registry, kind]));

function locate(etcdKey: string): { kind: Kind; key: string } | undefined {
  const [first = "", second = "", ...rest] = etcdKey.slice("/registry/".length).split("/");
  const bare = kindByRegistry.get(first);
  if (bare !== undefined) return { kind: bare, key: bare.namespaced ? `${second}/${rest.join("/")}` : `/${second}` };
  const grouped = kindByRegistry.get(`${first}/${second}`);
  if (grouped === undefined) return undefined;
  return { kind: grouped, key: grouped.namespaced ? rest.join("/") : `/${rest.join("/")}` };
}

function keyOf(namespace: string | undefined, name: string): string {
  return `${namespace ?? ""}/${name}`;
}

export function etcdKey(kind: Kind, object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return kind.namespaced
    ? `/registry/${kind.registry}/${namespace ?? ""}/${name}`
    : `/registry/${kind.registry}/${name}`;
}

function newStore(simulator: Webernetes, { ctx, etcd, nodePortRange }: SimulatedCluster, kind: Kind): Store {
  switch (kind.kind) {
    case "Namespace":
      return new simulator.NamespaceStore(ctx, etcd);
    case "Node":
      return new simulator.NodeStore(ctx, etcd);
    case "Pod":
      return new simulator.PodStore(ctx, etcd);
    case "Service":
      return new simulator.ServiceStore(ctx, etcd, { nodePortRange });
    case "Event":
      return new simulator.EventStore(ctx, etcd);
    case "Deployment":
      return new simulator.DeploymentStore(ctx, etcd);
    case "ReplicaSet":
      return new simulator.ReplicaSetStore(ctx, etcd);
    case "EndpointSlice":
      return new simulator.EndpointSliceStore(ctx, etcd);
    default:
      return new simulator.Store(ctx, etcd, {
        apiVersion: apiVersionOf(kind),
        kind: kind.kind,
        defaultQualifiedResource: kind.registry,
        singularQualifiedResource: kind.kind.toLowerCase(),
        namespaced: kind.namespaced,
      });
  }
}

// --- What every write goes through -------------------------------------------------------------------------------------

const admissions = new WeakMap<object, Admission>();
const prepared = new WeakSet<object>();

/** The storage classes are shared by all simulated clusters of the process, hence prepared once and looked up by etcd. */
function watchWrites(simulator: Webernetes, cluster: SimulatedCluster, admit: Admission): void {
  admissions.set(cluster.etcd, admit);
  for (const { prototype } of [simulator.Store, simulator.ServiceStore]) {
    if (prepared.has(prototype)) continue;
    prepared.add(prototype);
    const { beginCreate, beginUpdate } = prototype;
    prototype.beginCreate = async function (this: Store, object: KubeObject) {
      // Controllers leave the uid to the simulator, whose ids are not UUIDs; a restored object arrives with its own.
      if (!uuid.test(object.metadata.uid ?? "")) object.metadata.uid = randomUUID();
      if (hasGeneration.has(this.opts.kind)) object.metadata.generation ??= 1;
      const done = await admitWrite(this, object, null);
      return chain(await guard(done, () => beginCreate.call(this, object)), done);
    };
    prototype.beginUpdate = async function (this: Store, object: KubeObject, existing: KubeObject) {
      const done = await admitWrite(this, object, existing);
      const finish = await guard(done, () => beginUpdate.call(this, object, existing));
      if (hasGeneration.has(this.opts.kind)) {
        const unchanged = same(counted(object), counted(existing));
        object.metadata.generation = (existing.metadata.generation ?? 1) + (unchanged ? 0 : 1);
      }
      return chain(finish, done);
    };
  }
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-/;
const hasGeneration = new Set([
  "Deployment",
  "ReplicaSet",
  "Pod",
  "Ingress",
  "NetworkPolicy",
  "HorizontalPodAutoscaler",
  "PodDisruptionBudget",
]);

async function admitWrite(
  store: Store,
  object: KubeObject,
  existing: KubeObject | null,
): Promise<(() => void) | undefined> {
  const kind = kinds.find((candidate) => candidate.kind === store.opts.kind);
  return kind === undefined ? undefined : await admissions.get(store.etcd)?.(kind, object, existing);
}

async function guard<T>(done: (() => void) | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    done?.();
    throw error;
  }
}

function chain(finish: Finish, done: (() => void) | undefined): Finish {
  return async (success) => {
    await finish(success);
    done?.();
  };
}

/**
 * What `generation` counts changes of: the spec, and a Deployment's annotations, since its ReplicaSets get them too
 * (k8s.io/kubernetes pkg/registry/apps/deployment/strategy.go). The controller's own come by way of the status.
 */
function counted({ kind, metadata, spec }: KubeObject): object {
  const annotations = Object.entries((kind === "Deployment" ? metadata.annotations : undefined) ?? {});
  return [spec, Object.fromEntries(annotations.filter(([key]) => !key.startsWith("deployment.kubernetes.io/")))];
}

/** The simulator's plain errors as the API server's answers. */
async function translate<T>(kind: Kind, object: KubeObject, write: () => Promise<T>): Promise<T> {
  const { name } = object.metadata;
  try {
    return await write();
  } catch (error) {
    if (!(error instanceof Error) || error instanceof StatusError) throw error;
    if (/already exists/.test(error.message)) throw alreadyExists(kind, name);
    if (error.name === "Conflict") throw conflict(kind, name);
    if (error.name === "NotFound") throw notFound(kind, name);
    const [, field = "metadata", message = error.message] = /is invalid: ([\w.[\]]+): (.*)$/s.exec(error.message) ?? [];
    throw invalid(kind, name, [
      { field, message, reason: message.startsWith("Required") ? "FieldValueRequired" : "FieldValueInvalid" },
    ]);
  }
}
