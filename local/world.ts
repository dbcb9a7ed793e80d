import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { kubeconfigAccess } from "../src/adapters/kubeconfig-access.ts";
import { createKubernetes } from "../src/adapters/kubernetes-client.ts";
import type { Queue } from "../src/adapters/queue.ts";
import type { Store } from "../src/adapters/store.ts";
import type { Host } from "../src/host.ts";
import type { Effects } from "../src/effects.ts";
import { createLog } from "../src/log.ts";
import { createLocalCi, type LocalCi, type LocalCiOptions } from "./ci/ci.ts";
import type { WorldClock } from "./clock.ts";
import { createLocalCluster } from "./cluster/cluster.ts";
import { createOutsideCluster } from "./cluster/outside.ts";
import type { WorldCluster } from "./cluster/world-cluster.ts";
import {
  createLocalGitHub,
  generateAppKey,
  type Delivery,
  type Exchange,
  type LocalGitHub,
  type LocalGitHubOptions,
} from "./github/server.ts";
import { createIngress } from "./ingress.ts";
import type { Invoke, LambdaHost } from "./lambda.ts";
import { createLocalProa, type DeadLetters, type Proa, type ProaSurroundings, type Said } from "./proa.ts";
import { createLocalRegistry } from "./registry.ts";
import { shopFiles, shopNamespaces } from "./seed/shop.ts";

export interface WorldOptions {
  /** Everything the world remembers. */
  readonly dir: string;
  /** 0: a free one. */
  readonly port: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: (line: string) => void;
  readonly deliver?: (delivery: Delivery, send: () => Promise<{ status: number }>) => Promise<{ status: number }>;
  readonly record?: (exchange: Exchange) => void;
  /** Serves what is neither API, git, registry, webhook nor an application: the board. */
  readonly page?: (world: World) => (req: IncomingMessage, res: ServerResponse) => void;
  /** Between the functions and the outside, for tests that make calls fail. */
  readonly interfere?: (fx: Effects) => Effects;
  /** Around each run of a function, for tests that end one in the middle. */
  readonly invoke?: Invoke;
  /** More people than the maintainer. */
  readonly people?: LocalGitHubOptions["users"];
  /** A real cluster, instead of the local one. */
  readonly cluster?: OutsideCluster;
  /** Whose continuous integration runs; without: the local one, which runs every commit's own tests. */
  readonly ci?: (options: LocalCiOptions) => LocalCi;
  /** Proa elsewhere, in real time; without: its functions run in this process. */
  readonly proa?: (surroundings: ProaSurroundings) => Promise<Proa>;
  /** What images are called by, instead of `registry.localhost`. */
  readonly registryHost?: string;
}

export interface OutsideCluster {
  /** Text of the kubeconfig of whoever owns it; its current context counts. */
  readonly kubeconfig: string;
  /** Proa's own; without: the owner's. */
  readonly deployer?: string;
  /** How an owner lets Proa into an environment's namespace; nothing where Proa has the owner's rights. */
  readonly letIn?: (namespace: string) => Promise<void>;
  /** Stands in every name this world gives, for worlds that share a cluster: lower-case letters and digits. */
  readonly apart?: string;
}

export interface World {
  readonly url: string;
  readonly clock: WorldClock;
  readonly github: LocalGitHub;
  readonly cluster: WorldCluster;
  /** A real one lives in real time, and is not moved along with the clock. */
  readonly clusterIsReal: boolean;
  /** Elsewhere it lives in real time: the clock is never moved. */
  readonly proaIsElsewhere: boolean;
  readonly ci: LocalCi;
  readonly lambda: LambdaHost;
  readonly store: Store;
  readonly queue: Queue & DeadLetters;
  readonly fx: Effects;
  readonly secrets: WorldSecrets;
  readonly repo: { readonly owner: string; readonly name: string; readonly id: number; readonly installation: number };
  /** Where the seeded repository's environments live, by their names. */
  readonly namespaces: Readonly<Record<"staging" | "production", string>>;
  sweep(kind: "overdue" | "github"): Promise<void>;
  /** True while a sweep runs. */
  sweeping(): boolean;
  /** See `Proa.said`. */
  said(): readonly Said[];
  close(): Promise<void>;
}

/** Made once, on the first start. */
export interface WorldSecrets {
  readonly appKey: string;
  readonly webhookSecret: string;
  readonly token: string;
  readonly ciToken: string;
  readonly registryToken: string;
  readonly adminToken: string;
  readonly deployerToken: string;
}

export const APP_ID = 1001;
const OWNER = "acme";
const REPO = "shop";
export const REGISTRY_HOST = "registry.localhost";

/** GitHub, CI, registry, cluster and Proa's own functions in one process behind one port, on one clock. */
export async function createWorld(options: WorldOptions): Promise<World> {
  const { dir, registryHost = REGISTRY_HOST } = options;
  mkdirSync(dir, { recursive: true });
  const secrets = readSecrets(join(dir, "secrets.json"));
  const server = createServer();
  // Longer than a client here leaves a connection unused: one that is closed while it is taken up again fails the call.
  server.keepAliveTimeout = 120_000;
  server.listen(options.port, "127.0.0.1");
  await once(server, "listening");
  const port = (server.address() as AddressInfo).port;
  const url = `http://127.0.0.1:${port}`;

  const registry = createLocalRegistry({
    dir: join(dir, "registry"),
    token: secrets.registryToken,
    onPush: (push) => proa.imagePushed(push),
  });
  const outside = options.cluster
    ? createOutsideCluster({
        ...options.cluster,
        dir: join(dir, "cluster"),
        repositories: () => proa.repositories(),
      })
    : null;
  const cluster: WorldCluster =
    outside ??
    (await createLocalCluster({
      dir: join(dir, "cluster"),
      registries: { [registryHost]: { url, token: secrets.registryToken } },
      users: [
        { name: "admin", token: secrets.adminToken, groups: ["system:masters"] },
        { name: "deployer", token: secrets.deployerToken, groups: ["proa:deployers"] },
      ],
    }));
  const { clock } = cluster;
  const apart = options.cluster?.apart ?? "";
  const owner = `${OWNER}${apart}`;
  const github = await createLocalGitHub({
    dir: join(dir, "github"),
    clock,
    baseUrl: () => url,
    app: {
      id: APP_ID,
      slug: "proa",
      privateKeyPem: secrets.appKey,
      webhookUrl: () => proa.webhookUrl,
      webhookSecret: secrets.webhookSecret,
    },
    ciApp: { id: 15368, slug: "ci", token: secrets.ciToken },
    users: [{ login: "maintainer", token: secrets.token, permission: "maintain" }, ...(options.people ?? [])],
    // On a cluster that others use as well, a repository's number must be nobody else's.
    ...(outside ? { firstId: randomInt(1_000_000, 1_000_000_000) } : {}),
    onPush: (push) => ci.pushed(push),
    onRerequest: ({ owner, repo, sha }) => ci.rerun({ owner, repo, sha }),
    ...(options.deliver ? { deliver: options.deliver } : {}),
    ...(options.record ? { record: options.record } : {}),
  });
  const ci = (options.ci ?? createLocalCi)({
    dir: join(dir, "ci"),
    clock,
    apiUrl: () => `${url}/api/v3`,
    gitUrl: () => `${url}/git`,
    token: secrets.ciToken,
    registry: { host: registryHost, url: () => url, token: secrets.registryToken },
    env: options.env,
    log: (msg, fields) => options.log(JSON.stringify({ msg: `ci: ${msg}`, ...fields })),
  });
  const ingress = createIngress({ route: (host, path) => cluster.route(host, path), hosts: () => cluster.hosts() });

  const host: Host = {
    clock: { now: () => clock.nowMs() },
    log: createLog({ write: options.log, clock: { now: () => clock.nowMs() } }),
  };
  const surroundings: ProaSurroundings = {
    dir,
    url,
    environment: proaEnvironment({ dir, url, port, secrets, cluster, registryHost }),
    host,
    writeLog: options.log,
    clock,
    outsideClock: outside?.clock ?? null,
  };
  const { interfere, invoke } = options;
  const proa = await (options.proa?.(surroundings) ?? createLocalProa({ ...surroundings, interfere, invoke }));

  // Before anything is served or handled: what follows needs the world whole.
  const { id, installationId } = await github.createRepository({ owner, name: REPO, files: shopFiles(apart) });
  const lambda = proa.start();
  const world: World = {
    url,
    clock,
    github,
    cluster,
    clusterIsReal: outside !== null,
    proaIsElsewhere: options.proa !== undefined,
    ci,
    lambda,
    store: proa.fx.store,
    queue: proa.queue,
    fx: proa.fx,
    secrets,
    repo: { owner, name: REPO, id, installation: installationId },
    namespaces: shopNamespaces(apart),
    sweep: (kind) => proa.sweep(kind),
    sweeping: () => proa.sweeping(),
    said: () => proa.said(),
    close,
  };
  const page = options.page?.(world) ?? ((_req, res) => void res.writeHead(404).end("not found\n"));

  server.on("request", (req, res) => {
    const path = req.url ?? "/";
    const served = isApplication(req.headers.host)
      ? ingress.handle(req, res)
      : path.startsWith("/api/") || path.startsWith("/git")
        ? github.handle(req, res)
        : path.startsWith("/v2")
          ? registry.handle(req, res)
          : path === "/webhook"
            ? proa.webhook(req, res)
            : page(req, res);
    Promise.resolve(served).catch((error: unknown) => {
      // Whoever asked is gone, as everybody is when the world ends: nobody to answer and nothing to mend.
      if (res.destroyed) return;
      host.log.error("request failed", error, { path });
      if (!res.headersSent) res.writeHead(500);
      res.end();
    });
  });
  server.on("upgrade", (req, socket, head) => ingress.upgrade(req, socket, head));
  await ownNamespaces(world, options.cluster?.letIn);
  ci.resume();
  await proa.catchUp();

  async function close(): Promise<void> {
    await ci.close();
    await lambda.close();
    server.close();
    ingress.close();
    server.closeAllConnections();
    await github.close();
    await cluster.close();
    await proa.close();
  }
  return world;
}

/** `pr-7.shop.localhost` is an application's; `localhost` and addresses are the world's own. */
const isApplication = (host: string | undefined): boolean => /\.localhost(?::\d+)?$/.test(host ?? "");

function readSecrets(path: string): WorldSecrets {
  if (existsSync(path)) return JSON.parse(readFileSync(path, "utf8")) as WorldSecrets;
  const random = (prefix: string) => `${prefix}${randomBytes(20).toString("hex")}`;
  const made: WorldSecrets = {
    appKey: generateAppKey(),
    webhookSecret: random(""),
    token: random("ghp_"),
    ciToken: random("ghs_"),
    registryToken: random(""),
    adminToken: random(""),
    deployerToken: random(""),
  };
  writeFileSync(path, JSON.stringify(made), { mode: 0o600 });
  return made;
}

/** Proa's own settings, as whoever installs it would write them. */
function proaEnvironment({
  dir,
  url,
  port,
  secrets,
  cluster,
  registryHost,
}: {
  dir: string;
  url: string;
  port: number;
  secrets: WorldSecrets;
  cluster: WorldCluster;
  registryHost: string;
}) {
  const kubeconfig = join(dir, "deployer.kubeconfig");
  writeFileSync(kubeconfig, cluster.kubeconfig("deployer"), { mode: 0o600 });
  return {
    PROA_GITHUB_API_URL: `${url}/api/v3`,
    PROA_GITHUB_APP_ID: `${APP_ID}`,
    PROA_GITHUB_APP_SLUG: "proa",
    PROA_GITHUB_PRIVATE_KEY: secrets.appKey,
    PROA_WEBHOOK_SECRETS: secrets.webhookSecret,
    PROA_KUBECONFIG: kubeconfig,
    PROA_REGISTRIES: JSON.stringify({ [registryHost]: { kind: "oci", url } }),
    PROA_IMAGES: `${registryHost}/**`,
    PROA_DEFAULT_IMAGE: `${registryHost}/{owner}/{repo}-{service}`,
    PROA_DOMAIN: "localhost",
    PROA_PUBLIC_URL: `http://{host}:${port}`,
    PROA_LOGS_IN_PUBLIC: "true",
  };
}

/** What a cluster's owner does once: the environments' namespaces, labelled as this repository's. */
async function ownNamespaces({ cluster, namespaces, repo }: World, letIn: OutsideCluster["letIn"]): Promise<void> {
  const access = kubeconfigAccess(cluster.kubeconfig("admin"));
  const owner = createKubernetes({ cluster: "default", access, fieldManager: "owner", timeoutMs: 10_000 });
  for (const name of Object.values(namespaces)) {
    const labels = { "proa.dev/repository-id": `${repo.id}` };
    const { kind } = await owner.create({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
    if (kind === "created") await letIn?.(name);
  }
}
