import type { SQSEvent } from "aws-lambda";
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createKubernetes } from "../src/adapters/kubernetes-client.ts";
import { createOutbox } from "../src/adapters/outbox.ts";
import { createSqliteQueue, type QueueSource } from "../src/adapters/queue-sqlite.ts";
import type { Queue } from "../src/adapters/queue.ts";
import { createStore, type Store } from "../src/adapters/store.ts";
import { createSqliteTable } from "../src/adapters/table-sqlite.ts";
import { composeDeployer } from "../src/compose.ts";
import type { Host } from "../src/host.ts";
import { parseMessage, parseReport } from "../src/core/message-parse.ts";
import type { Effects } from "../src/effects.ts";
import { handle } from "../src/handle.ts";
import { queueHandler } from "../src/handlers.ts";
import { toRequest, toResult } from "../src/lambda.ts";
import { createLog, type Log } from "../src/log.ts";
import { receive } from "../src/receive.ts";
import { report } from "../src/report.ts";
import { readSettings } from "../src/settings.ts";
import { sweepGitHub, sweepOverdue } from "../src/sweep.ts";
import { forward } from "../src/tick.ts";
import { createLocalCi, type LocalCi, type LocalCiOptions } from "./ci/ci.ts";
import type { WorldClock } from "./clock.ts";
import { createLocalCluster } from "./cluster/cluster.ts";
import { createOutsideCluster } from "./cluster/outside.ts";
import type { WorldCluster } from "./cluster/world-cluster.ts";
import { inWorldTime } from "./cluster/world-time.ts";
import {
  createLocalGitHub,
  generateAppKey,
  type Delivery,
  type Exchange,
  type LocalGitHub,
  type LocalGitHubOptions,
} from "./github/server.ts";
import { createIngress } from "./ingress.ts";
import { functionUrlEvent, type Invoke, type LambdaHost, runFunctions } from "./lambda.ts";
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
  readonly ci: LocalCi;
  readonly lambda: LambdaHost;
  readonly store: Store;
  readonly queue: Queue & QueueSource;
  readonly fx: Effects;
  readonly secrets: WorldSecrets;
  readonly repo: { readonly owner: string; readonly name: string; readonly id: number; readonly installation: number };
  /** Where the seeded repository's environments live, by their names. */
  readonly namespaces: Readonly<Record<"staging" | "production", string>>;
  sweep(kind: "overdue" | "github"): Promise<void>;
  /** True while a sweep runs. */
  sweeping(): boolean;
  close(): Promise<void>;
}

/** Made once, on the first start. */
interface WorldSecrets {
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
  const { dir } = options;
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
    onPush: (push) => imagePushed(push),
  });
  const outside = options.cluster
    ? createOutsideCluster({
        ...options.cluster,
        dir: join(dir, "cluster"),
        repositories: async () => (await createStore(table).repos()).map(({ id }) => id),
      })
    : null;
  const cluster: WorldCluster =
    outside ??
    (await createLocalCluster({
      dir: join(dir, "cluster"),
      registries: { [REGISTRY_HOST]: { url, token: secrets.registryToken } },
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
      webhookUrl: () => `${url}/webhook`,
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
    registry: { host: REGISTRY_HOST, url: () => url, token: secrets.registryToken },
    env: options.env,
    log: (msg, fields) => options.log(JSON.stringify({ msg: `ci: ${msg}`, ...fields })),
  });
  const ingress = createIngress({ route: (host, path) => cluster.route(host, path), hosts: () => cluster.hosts() });

  const host: Host = {
    clock: { now: () => clock.nowMs() },
    log: createLog({ write: options.log, clock: { now: () => clock.nowMs() } }),
  };
  const settings = readSettings(proaEnvironment({ dir, url, port, secrets, cluster }));
  const table = createSqliteTable(settings.store.path);
  const queue = createSqliteQueue(settings.queue.path, () => host.clock.now());
  const deployer: Effects = { ...composeDeployer(settings, host), store: createStore(table), queue };
  const composed = outside
    ? {
        ...deployer,
        clusters: new Map([...deployer.clusters].map(([name, real]) => [name, inWorldTime(real, outside.clock)])),
      }
    : deployer;
  const fx = options.interfere ? options.interfere(composed) : composed;
  const reporter = { ...host, outbox: createOutbox(table), queue, github: fx.github };

  function imagePushed({ repository, tag }: { repository: string; tag: string }): void {
    const detail = { "action-type": "PUSH", result: "SUCCESS", "repository-name": repository, "image-tag": tag };
    // A digest is not a tag: only tags are waited for.
    if (!tag.startsWith("sha256:"))
      void forward(
        { source: "aws.ecr", id: `push-${randomBytes(8).toString("hex")}`, detail },
        { queue, clock: host.clock },
      );
  }

  async function webhook(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const door = {
      secrets: async () => settings.webhookSecrets,
      queue,
      clock: host.clock,
      ownAppId: APP_ID,
      log: host.log,
    };
    const result = toResult(await receive(toRequest(await functionUrlEvent(req)), door));
    if (typeof result === "string") return void res.end(result);
    res.writeHead(result.statusCode ?? 200, result.headers as Record<string, string>).end(result.body);
  }

  // Before anything is served or handled: what follows needs the world whole.
  const { id, installationId } = await github.createRepository({ owner, name: REPO, files: shopFiles(apart) });
  const invoke: Invoke = options.invoke ?? ((_event, fx, run) => run(fx));
  const served =
    <Fx extends { readonly log: Log }>(effects: Fx, each: (body: unknown, fx: Fx) => Promise<void>) =>
    (event: SQSEvent) =>
      invoke(event, effects, (own) => queueHandler(async () => own, each)(event));
  const lambda = runFunctions(
    queue,
    {
      deployer: served(fx, (body, on) => handle(parseMessage(body), on)),
      tick: served({ ...host, queue }, forward),
      reporter: served(reporter, (body, on) => report(parseReport(body), on)),
    },
    clock,
  );

  const running = new Set<Promise<unknown>>();
  const world: World = {
    url,
    clock,
    github,
    cluster,
    clusterIsReal: outside !== null,
    ci,
    lambda,
    store: fx.store,
    queue,
    fx,
    secrets,
    repo: { owner, name: REPO, id, installation: installationId },
    namespaces: shopNamespaces(apart),
    async sweep(kind) {
      const sweep: Promise<unknown> = (kind === "overdue" ? sweepOverdue(fx) : sweepGitHub(fx)).finally(() =>
        running.delete(sweep),
      );
      running.add(sweep);
      await sweep;
    },
    sweeping: () => running.size > 0,
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
            ? webhook(req, res)
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
  const sweeps = [
    clock.setInterval(
      () => void world.sweep("overdue").catch((error: unknown) => host.log.error("sweep failed", error)),
      60_000,
    ),
    clock.setInterval(
      () => void world.sweep("github").catch((error: unknown) => host.log.error("sweep failed", error)),
      10 * 60_000,
    ),
  ];
  // Down for a while is an outage like any other: look at once at what was missed.
  await world.sweep("overdue");
  void world.sweep("github").catch((error: unknown) => host.log.error("sweep failed", error));

  async function close(): Promise<void> {
    for (const sweep of sweeps) clock.clearInterval(sweep);
    await Promise.allSettled(running);
    await ci.close();
    await lambda.close();
    server.close();
    ingress.close();
    server.closeAllConnections();
    await github.close();
    await cluster.close();
    queue.close();
    table.close();
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
}: {
  dir: string;
  url: string;
  port: number;
  secrets: WorldSecrets;
  cluster: WorldCluster;
}) {
  const kubeconfig = join(dir, "deployer.kubeconfig");
  writeFileSync(kubeconfig, cluster.kubeconfig("deployer"), { mode: 0o600 });
  return {
    PROA_GITHUB_API_URL: `${url}/api/v3`,
    PROA_GITHUB_APP_ID: `${APP_ID}`,
    PROA_GITHUB_APP_SLUG: "proa",
    PROA_GITHUB_PRIVATE_KEY: secrets.appKey,
    PROA_WEBHOOK_SECRETS: secrets.webhookSecret,
    PROA_STORE: `sqlite:${join(dir, "proa.sqlite")}`,
    PROA_QUEUE: `sqlite:${join(dir, "queue.sqlite")}`,
    PROA_KUBECONFIG: kubeconfig,
    PROA_REGISTRIES: JSON.stringify({ [REGISTRY_HOST]: { kind: "oci", url } }),
    PROA_IMAGES: `${REGISTRY_HOST}/**`,
    PROA_DEFAULT_IMAGE: `${REGISTRY_HOST}/{owner}/{repo}-{service}`,
    PROA_DOMAIN: "localhost",
    PROA_PUBLIC_URL: `http://{host}:${port}`,
    PROA_LOGS_IN_PUBLIC: "true",
  };
}

/** What a cluster's owner does once: the environments' namespaces, labelled as this repository's. */
async function ownNamespaces({ cluster, namespaces, repo }: World, letIn: OutsideCluster["letIn"]): Promise<void> {
  const kubeConfig = cluster.kubeconfig("admin");
  const owner = createKubernetes({ cluster: "default", kubeConfig, fieldManager: "owner", timeoutMs: 10_000 });
  for (const name of Object.values(namespaces)) {
    const labels = { "proa.dev/repository-id": `${repo.id}` };
    const { kind } = await owner.create({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
    if (kind === "created") await letIn?.(name);
  }
}
