import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { kindNamed, kinds, type Kind } from "./kinds.ts";
import type { KubeObject } from "./object.ts";
import { etcdKey, type ObjectStore } from "./store.ts";
import type { SimulatedCluster } from "./webernetes.ts";

interface Saved {
  readonly revision: number;
  /** How far the world's clock had been moved ahead of the real one. */
  readonly aheadMs: number;
  readonly objects: readonly KubeObject[];
}

export interface Persistence {
  /** Saves once more, and never again: what the cluster's own end does to its objects is not what it comes back as. */
  close(): void;
}

const saveAfterMs = 100;
/** Made anew by the simulator at every start. */
const rebuilt = new Set(["Pod", "Event", "EndpointSlice", "Node"]);

export function readSaved(dir: string): Saved | undefined {
  const file = join(dir, "objects.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Saved) : undefined; // written below
}

/** Puts the objects back as they were, uid and all, at once: a controller that saw half of them would act on it. */
export async function restore(
  saved: Saved,
  cluster: SimulatedCluster,
  createService: (service: KubeObject) => Promise<unknown>,
): Promise<void> {
  const { etcd } = cluster;
  // Resource versions go on counting, so that a watch from before the restart is told that it is too old.
  etcd.stateRef.revision = Math.max(etcd.stateRef.revision, saved.revision + 1_000);
  const [services, others] = [
    saved.objects.filter(({ kind }) => kind === "Service"),
    saved.objects.filter(({ kind }) => kind !== "Service"),
  ];
  const puts = others.map((object) =>
    etcd.put(etcdKey(kindNamed(object.kind), object)).value(JSON.stringify(withoutVersion(object))),
  );
  await etcd
    .if("/registry/restored", "Version", "==", 0)
    .then(...puts)
    .commit();
  // Through the simulator's storage, because a service's cluster IP is booked there; then its times are put right.
  for (const service of services) {
    await createService(withoutVersion(service));
    await etcd.put(etcdKey(kindNamed("Service"), service)).value(JSON.stringify(withoutVersion(service)));
  }
}

function withoutVersion(object: KubeObject): KubeObject {
  const { resourceVersion: _resourceVersion, ...metadata } = object.metadata;
  return { ...object, metadata };
}

export function keepSaved(dir: string, store: ObjectStore, cluster: SimulatedCluster): Persistence {
  const file = join(dir, "objects.json");
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  const following = store.follow(store.revision(), ({ kind, object }) => {
    if (!closed && isKept(kind, object)) timer ??= setTimeout(save, saveAfterMs);
  });
  if (following === "gone") throw new Error("the store has no history yet");
  return {
    close() {
      closed = true;
      save();
    },
  };

  function save(): void {
    clearTimeout(timer);
    timer = undefined;
    const objects = kinds.flatMap((kind) => store.list(kind).filter((object) => isKept(kind, object)));
    const saved: Saved = {
      revision: store.revision(),
      aheadMs: Math.max(0, cluster.clock.nowMs() - Date.now()),
      objects,
    };
    writeFileSync(`${file}.partial`, JSON.stringify(saved), { mode: 0o600 }); // holds Secrets
    renameSync(`${file}.partial`, file);
  }
}

function isKept(kind: Kind, { metadata }: KubeObject): boolean {
  return !rebuilt.has(kind.kind) && metadata.namespace !== "kube-system";
}
