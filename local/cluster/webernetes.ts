import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

import type { WorldClock } from "../clock.ts";
import type { KubeObject } from "./object.ts";

/**
 * The simulator, as far as we use it. Its published typings do not resolve in Node's module system, and several of these
 * classes are internal to it, so this file names exactly what we rely on; the version is pinned exactly in package.json.
 */
export interface Webernetes {
  readonly Cluster: new (options: { nodes: number }) => SimulatedCluster;
  readonly CoreV1Api: { readonly prototype: CoreV1Api };
  readonly Store: StoreClass;
  readonly ServiceStore: StoreClass;
  readonly PodStore: StoreClass;
  readonly DeploymentStore: StoreClass;
  readonly ReplicaSetStore: StoreClass;
  readonly NodeStore: StoreClass;
  readonly EventStore: StoreClass;
  readonly EndpointSliceStore: StoreClass;
  readonly NamespaceStore: StoreClass;
}

export interface SimulatedCluster {
  readonly ctx: unknown;
  readonly clock: WorldClock;
  readonly etcd: Etcd;
  readonly servers: readonly Server[];
  readonly imageRegistry: { register(image: ImageConstructor): void; has(reference: string): boolean };
  readonly nodePortRange: unknown;
  readonly api: {
    readonly corev1: DeleteCalls & CoreV1Api;
    readonly appsv1: DeleteCalls;
    readonly discoveryv1: DeleteCalls;
  };
  init(): Promise<void>;
  close(): Promise<void>;
}

type DeleteCalls = Readonly<Record<string, (request: object) => Promise<unknown>>>;

export interface CoreV1Api {
  createNamespacedPod: (this: CoreV1Api, request: { namespace: string; body: object }) => Promise<unknown>;
}

export interface Etcd {
  get(key: string): { exec(): Promise<{ header: { revision: string } }> };
  put(key: string): { value(value: string): PromiseLike<unknown> };
  if(
    key: string,
    target: "Version",
    comparator: "==",
    value: number,
  ): { then(...operations: unknown[]): { commit(): Promise<unknown> } };
  watch(): { prefix(prefix: string): { withPreviousKV(): { create(): Promise<EtcdWatcher> } } };
  readonly kv: { compact(request: { revision: number }): Promise<unknown> };
  readonly stateRef: { revision: number };
}

interface EtcdWatcher {
  on(event: "put" | "delete", handler: (kv: KeyValue, previous: KeyValue | null) => void): void;
}

export interface KeyValue {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly mod_revision: string;
}

/** The simulator's storage of one kind: name checks, allocation of cluster IPs, compare-and-swap on resourceVersion. */
export interface Store {
  readonly etcd: Etcd;
  readonly opts: { readonly kind: string };
  create(object: object): Promise<Stored>;
  update(name: string, object: object, options?: { skipValidateUpdate: boolean }): Promise<Stored>;
  delete(name: string, namespace?: string): Promise<boolean>;
  bind: (this: Store, name: string, namespace: string, binding: { target: { name: string } }) => Promise<Stored>;
  beginCreate: (this: Store, object: KubeObject) => Promise<Finish>;
  beginUpdate: (this: Store, object: KubeObject, existing: KubeObject) => Promise<Finish>;
}

export type Finish = (success: boolean) => void | Promise<void>;
type Stored = { readonly metadata: { readonly resourceVersion: string } };

interface StoreClass {
  new (ctx: unknown, etcd: Etcd, options?: object): Store;
  readonly prototype: Store;
}

export interface Server {
  readonly name: string;
  readonly runtime: {
    containerStatus(
      ctx: unknown,
      id: string,
      ...rest: unknown[]
    ): Promise<[{ status: ContainerStatus } | undefined, Error | undefined]>;
    pullImage(
      ctx: unknown,
      image: { image: string },
      ...rest: unknown[]
    ): Promise<[reference: string, error: Error | undefined]>;
  };
  readonly kubelet: {
    readonly probeManager: {
      readonly prober: {
        readonly http: {
          probe(
            origin: unknown,
            request: { url: URL; header: Record<string, string[]> },
            timeoutMs: number,
          ): Promise<Probed>;
        };
        readonly tcp: { probe(host: string, port: number, timeoutMs: number): Probed | Promise<Probed> };
      };
    };
    makeEnvironmentVariables(
      ctx: unknown,
      pod: unknown,
      container: unknown,
      ...ips: unknown[]
    ): Promise<[environment: { name: string; value: string }[], error: Error | undefined]>;
  };
}

export interface ContainerStatus {
  readonly state: string;
  readonly exitCode?: number;
  reason?: string;
}

export type Probed = [result: "success" | "failure", output: string, error: undefined];

export interface ImageConstructor {
  new (): ImageDefinition;
  readonly imageName: string;
  readonly imageVersion: string;
}

export interface ImageDefinition {
  exec(context: ProcessContext, argv: readonly string[]): Promise<number>;
  signalHandler?(context: ProcessContext, signal: "SIGTERM" | "SIGKILL"): Promise<void>;
}

export interface ProcessContext {
  readonly env: ReadonlyMap<string, string>;
  readonly pod: { readonly uid: string; readonly name: string; readonly namespace: string; readonly ip: string };
  readonly container: {
    readonly name: string;
    readonly restartCount: number;
    readonly command: readonly string[];
    readonly args: readonly string[];
    readonly ports: readonly { readonly containerPort: number }[];
    readonly config: { readonly workingDir?: string };
  };
  waitUntilKilled(): Promise<number>;
}

/**
 * Loads the simulator. Its modules import each other without file extensions, which Node refuses, so it is bundled once per
 * version (and per change of this entry) into the packages' cache folder.
 */
export async function loadWebernetes(): Promise<Webernetes> {
  const packageFile = findPackageFile();
  const key = createHash("sha256").update(readFileSync(packageFile)).update(entry).digest("hex").slice(0, 12);
  const folder = join(packageFile, "../../../.cache/proa");
  const bundle = join(folder, `webernetes-${key}.mjs`);
  if (!existsSync(bundle)) {
    const { build, stop } = await import("esbuild");
    mkdirSync(folder, { recursive: true });
    const partial = `${bundle}.${process.pid}`;
    await build({
      stdin: { contents: entry, resolveDir: dirname(packageFile) },
      outfile: partial,
      bundle: true,
      format: "esm",
      platform: "neutral",
      mainFields: ["module", "main"],
      logLevel: "silent",
    });
    await stop(); // else its service process stays for as long as this one
    renameSync(partial, bundle); // atomic: test files run side by side
  }
  return (await import(/* @vite-ignore */ pathToFileURL(bundle).href)) as Webernetes;
}

const entry = `export { Cluster, CoreV1Api } from "./dist/index.js";\nexport * from "./dist/cluster/storage/index.js";\n`;

function findPackageFile(): string {
  const paths = createRequire(import.meta.url).resolve.paths("@ngrok/webernetes") ?? [];
  const found = paths.map((path) => join(path, "@ngrok/webernetes/package.json")).find((file) => existsSync(file));
  if (found === undefined) throw new Error("the package @ngrok/webernetes is not installed: run `npm ci`");
  return found;
}
