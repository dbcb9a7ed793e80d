import { mkdirSync } from "node:fs";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { stringify } from "yaml";

import type { WorldClock } from "../clock.ts";
import { newAdmission } from "./admission.ts";
import { serverCertificate } from "./certificate.ts";
import { limitProcesses } from "./capacity.ts";
import { newFacade, type User } from "./facade.ts";
import type { Registries } from "./image.ts";
import { newIngress } from "./ingress.ts";
import { kindNamed } from "./kinds.ts";
import { attachKubelet } from "./kubelet.ts";
import { endNamespaces } from "./namespaces.ts";
import { keepSaved, readSaved, restore } from "./persistence.ts";
import { countsInQuota, quotaStatus } from "./quota.ts";
import { newResources } from "./resources.ts";
import { openStore, type ObjectStore } from "./store.ts";
import { loadWebernetes, type ProcessContext, type Webernetes } from "./webernetes.ts";

export interface LocalClusterOptions {
  /** Objects, certificate authority and unpacked images; survives restarts. */
  readonly dir: string;
  readonly port?: number;
  /** Image host → where its registry really listens. */
  readonly registries: Registries;
  readonly users: readonly User[];
  readonly log?: (line: object) => void;
}

export interface LocalCluster {
  readonly clock: WorldClock;
  readonly url: string;
  kubeconfig(user: string): string;
  route(host: string, path: string): { port: number } | "unavailable" | null;
  hosts(): string[];
  /** True while an image is pulled or a container's process does not listen yet: that takes real time, so hold the clock still. */
  busy(): boolean;
  close(): Promise<void>;
}

const nodes = 4;

export async function createLocalCluster(options: LocalClusterOptions): Promise<LocalCluster> {
  const { dir, registries, users, log = () => {} } = options;
  mkdirSync(join(dir, "images"), { recursive: true });
  const certificate = serverCertificate(dir);
  const saved = readSaved(dir);

  const simulator = await loadWebernetes();
  const simulated = new simulator.Cluster({ nodes });
  const { clock } = simulated;
  if (saved !== undefined && saved.aheadMs > 0) clock.step(saved.aheadMs);
  explainRefusals(simulator);
  const store: ObjectStore = await openStore(
    simulator,
    simulated,
    newAdmission(() => store),
  );
  const kubelet = attachKubelet({ cluster: simulated, store: () => store, registries, dir: join(dir, "images") });
  limitProcesses(simulator, simulated, store);
  const resources = newResources({ store, cluster: simulated, clock });
  const stopNamespaces = endNamespaces(store, clock, (kind, { metadata }) =>
    resources.remove({ kind, namespace: metadata.namespace }, metadata.name, {}),
  );
  simulated.imageRegistry.register(idleNamespaceController());
  await simulated.init();
  if (saved !== undefined) await restore(saved, simulated, (service) => store.create(kindNamed("Service"), service));
  store.startHistory();
  store.follow(store.revision(), ({ kind, type, object }) => {
    if (kind.kind === "Pod" && type === "DELETED") kubelet.forget(object.metadata.uid ?? "");
  });
  countQuotas(store);
  expireEvents(store);
  const persistence = keepSaved(dir, store, simulated);
  const ingress = newIngress(store, ({ metadata }, containerPort) => {
    const port = kubelet.portOf(metadata?.uid ?? "", containerPort);
    return port === undefined ? undefined : { port };
  });

  const server = newFacade({ store, resources, kubelet, clock, users, certificate, log });
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  log({ msg: "cluster ready", url });

  return {
    clock,
    url,
    kubeconfig: (user) => kubeconfig({ url, ca: certificate.ca, user: findUser(users, user) }),
    route: ingress.route,
    hosts: ingress.hosts,
    busy: () => kubelet.busy(),
    async close() {
      server.close();
      server.closeAllConnections();
      stopNamespaces();
      persistence.close();
      await kubelet.stop();
      await simulated.close();
    },
  };
}

function findUser(users: readonly User[], name: string): User {
  const user = users.find((candidate) => candidate.name === name);
  if (user === undefined) throw new Error(`the local cluster has no user ${name}`);
  return user;
}

function kubeconfig({ url, ca, user }: { url: string; ca: string; user: User }): string {
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "proa-local",
    clusters: [
      {
        name: "proa-local",
        cluster: { server: url, "certificate-authority-data": Buffer.from(ca).toString("base64") },
      },
    ],
    users: [{ name: user.name, user: { token: user.token } }],
    contexts: [{ name: "proa-local", context: { cluster: "proa-local", user: user.name } }],
  });
}

/** The simulator hides a refusal's words behind `HTTP-Code: 500`; the ReplicaSet controller shows them to people. */
function explainRefusals({ CoreV1Api: { prototype } }: Webernetes): void {
  if (explained.has(prototype)) return;
  explained.add(prototype);
  const create = prototype.createNamespacedPod;
  prototype.createNamespacedPod = async function (request) {
    try {
      return await create.call(this, request);
    } catch (error) {
      if (error instanceof Error && "body" in error) {
        error.name = ""; // printed as the message alone, as Go prints an error
        error.message = String((error.body as { message?: string }).message); // a meta/v1 Status
      }
      throw error;
    }
  };
}

const explained = new WeakSet<object>();

/** Takes the place of the simulator's namespace controller: ours knows stored kinds and finalizers. */
function idleNamespaceController() {
  return class {
    static readonly imageName = "webernetes/namespace-controller";
    static readonly imageVersion = "1.0";
    readonly defaultCommand = ["namespace-controller"];

    async exec(context: ProcessContext): Promise<number> {
      return await context.waitUntilKilled();
    }
  };
}

const keptEvents = 1_000;

/** A real server keeps an Event for an hour; here the newest ones stay, however fast the clock runs. */
function expireEvents(store: ObjectStore): void {
  const names: { namespace: string | undefined; name: string }[] = [];
  const kind = kindNamed("Event");
  store.follow(store.revision(), ({ kind: changed, type, object: { metadata } }) => {
    if (changed !== kind || type !== "ADDED") return;
    names.push({ namespace: metadata.namespace, name: metadata.name });
    const oldest = names.length > keptEvents ? names.shift() : undefined;
    if (oldest !== undefined) store.delete(kind, oldest.namespace, oldest.name).catch(() => {}); // went with its namespace
  });
}

/** Keeps `status.used` of ResourceQuotas current. */
function countQuotas(store: ObjectStore): void {
  const kind = kindNamed("ResourceQuota");
  const due = new Set<string>();
  store.follow(store.revision(), (change) => {
    const { namespace } = change.object.metadata;
    if (namespace === undefined || !countsInQuota(change.kind) || due.has(namespace)) return;
    due.add(namespace);
    setImmediate(() => {
      due.delete(namespace);
      for (const quota of store.list(kind, namespace)) {
        const status = quotaStatus(store, quota);
        if (JSON.stringify(status) === JSON.stringify(quota.status)) continue;
        store.update(kind, { ...quota, status }).catch(() => due.delete(namespace)); // changed meanwhile: that change comes by here too
      }
    });
  });
}
