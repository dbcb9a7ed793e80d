import { randomBytes } from "node:crypto";

import {
  ApiException,
  AppsV1Api,
  CoreV1Api,
  KubeConfig,
  KubernetesObjectApi,
  NetworkingV1Api,
  type V1Status,
} from "@kubernetes/client-node";

export interface Clients {
  /** The administrator's, as text. */
  readonly kubeconfig: string;
  readonly config: KubeConfig;
  readonly core: CoreV1Api;
  readonly apps: AppsV1Api;
  readonly networking: NetworkingV1Api;
  readonly objects: KubernetesObjectApi;
}

/** A cluster that a suite runs on: the local one in `npm test`, a real API server in `npm run test:cluster`. */
export interface TestCluster extends Clients {
  /** References by digest; their containers behave as the names say. */
  readonly images: { readonly good: string; readonly alsoGood: string; readonly crashing: string };
  /** What time it is there. */
  readonly nowMs: () => number;
  /** What the ingress answers for a host; null where pods are played and answer nothing. */
  readonly page: ((host: string) => Promise<string>) | null;
  /** The namespace is not needed any more. Not waited for: it takes seconds to go. */
  abandon(namespace: string): Promise<void>;
  close(): Promise<void>;
}

export type StartCluster = () => Promise<TestCluster>;

export function clientsFor(kubeconfig: string): Clients {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  return {
    kubeconfig,
    config,
    core: config.makeApiClient(CoreV1Api),
    apps: config.makeApiClient(AppsV1Api),
    networking: config.makeApiClient(NetworkingV1Api),
    objects: KubernetesObjectApi.makeApiClient(config),
  };
}

/** A name that nobody else has: test files share the real cluster. */
export const uniqueName = (prefix: string): string => `${prefix}-${randomBytes(4).toString("hex")}`;

/** The Status an API call fails with. */
export async function refusal(call: Promise<unknown>): Promise<V1Status> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ApiException)
      return (typeof error.body === "string" ? JSON.parse(error.body) : error.body) as V1Status;
    throw error;
  }
  throw new Error("the call succeeded");
}

/** Looks until it is so; the state it last saw is in the error. */
export async function until<T>(look: () => Promise<T> | T, isSo: (seen: T) => boolean, withinMs = 120_000): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (isSo(seen)) return seen;
    if (Date.now() > deadline) throw new Error(`still not so: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
