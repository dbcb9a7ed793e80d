import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  KubeConfig,
  type V1Deployment,
  type V1Namespace,
  type V1Pod,
  type V1ReplicaSet,
} from "@kubernetes/client-node";
import { kubeconfigAccess } from "../../src/adapters/kubeconfig-access.ts";
import { createCalls } from "../../src/adapters/kubernetes-calls.ts";
import { createMovedClock, type Move, type MovedClock } from "./moved-clock.ts";
import { readIngress } from "./outside-ingress.ts";
import { onItsWay } from "./outside-rest.ts";
import { createTunnels } from "./tunnels.ts";
import type { WorldCluster } from "./world-cluster.ts";

export interface OutsideClusterOptions {
  /** What of it must survive a restart: how far the world's clock was moved. */
  readonly dir: string;
  /** Of whoever owns the cluster; its current context counts. */
  readonly kubeconfig: string;
  /** Proa's own; without: the owner's. */
  readonly deployer?: string;
  /** Whose namespaces are this world's: a cluster may have other tenants. */
  readonly repositories: () => Promise<readonly number[]>;
}

export interface OutsideCluster extends WorldCluster {
  readonly clock: MovedClock;
}

/** While something moves: each look is three lists for every namespace. */
const LOOK_AGAIN_MS = 50;
/** Nothing is decided by these looks: a slow cluster is waited for. */
const PATIENCE_MS = 60_000;

/** A real cluster in the local one's place. It runs by itself; the world looks at what is its own there, as anybody could. */
export function createOutsideCluster({
  dir,
  kubeconfig,
  deployer = kubeconfig,
  repositories,
}: OutsideClusterOptions): OutsideCluster {
  mkdirSync(dir, { recursive: true });
  const movesFile = join(dir, "moves.json");
  const moves = existsSync(movesFile) ? (JSON.parse(readFileSync(movesFile, "utf8")) as Move[]) : []; // written below
  const clock = createMovedClock(moves, (made) => writeFileSync(movesFile, JSON.stringify(made)));
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  const calls = createCalls({ access: kubeconfigAccess(kubeconfig), timeoutMs: PATIENCE_MS });
  const tunnels = createTunnels(config);
  let wasBusy = false;

  /** The API server's own objects, in its client's types. */
  async function list<T>(path: string, query: Readonly<Record<string, string>> = {}): Promise<T[]> {
    return (await calls.pages(`list ${path}`, path, query)) as T[];
  }

  async function ownNamespaces(): Promise<V1Namespace[]> {
    const ids = await repositories();
    if (ids.length === 0) return [];
    return list("/api/v1/namespaces", { labelSelector: `proa.dev/repository-id in (${ids.join(",")})` });
  }

  async function isBusy(namespace: V1Namespace): Promise<boolean> {
    const at = `namespaces/${namespace.metadata?.name}`;
    const [deployments, replicaSets, pods] = await Promise.all([
      list<V1Deployment>(`/apis/apps/v1/${at}/deployments`),
      list<V1ReplicaSet>(`/apis/apps/v1/${at}/replicasets`),
      list<V1Pod>(`/api/v1/${at}/pods`),
    ]);
    return onItsWay({ namespace, deployments, replicaSets, pods }, Date.now()) !== null;
  }

  async function ingress() {
    const names = (await ownNamespaces()).map(({ metadata }) => metadata?.name ?? "");
    return readIngress(names, list);
  }

  return {
    clock,
    url: config.getCurrentCluster()?.server ?? "",
    kubeconfig: (user) => (user === "admin" ? kubeconfig : deployer),
    async route(host, path) {
      const place = (await ingress()).route(host, path);
      return place === null || place === "unavailable" ? place : { port: await tunnels.to(place) };
    },
    hosts: async () => (await ingress()).hosts(),
    async busy() {
      if (wasBusy) await delay(LOOK_AGAIN_MS);
      wasBusy = (await Promise.all((await ownNamespaces()).map(isBusy))).some(Boolean);
      return wasBusy;
    },
    async close() {
      clock.close();
      tunnels.close();
    },
  };
}
