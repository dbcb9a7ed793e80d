import { createHmac } from "node:crypto";
import { createOutbox } from "../../src/adapters/outbox.ts";
import type { QueueName } from "../../src/adapters/queue-sqlite.ts";
import type { Queue } from "../../src/adapters/queue.ts";
import { createStore } from "../../src/adapters/store.ts";
import type { Table } from "../../src/adapters/table.ts";
import { toMessages } from "../../src/core/event.ts";
import { DEFAULT_PREVIEW_POLICY } from "../../src/core/manifests-preview.ts";
import { parseMessage } from "../../src/core/message-parse.ts";
import type { GitHub, GitHubApp } from "../../src/adapters/github.ts";
import type { Kubernetes } from "../../src/adapters/kubernetes.ts";
import type { Registries } from "../../src/adapters/registry.ts";
import type { InstallationSettings } from "../../src/effects.ts";
import { handle } from "../../src/handle.ts";
import type { Log } from "../../src/log.ts";
import { receive } from "../../src/receive.ts";
import { createRecent } from "../../src/recent.ts";
import { report } from "../../src/report.ts";
import { Secret } from "../../src/secret.ts";
import { sweepGitHub, sweepOverdue } from "../../src/sweep.ts";
import { loadTemplates } from "../../src/templates.ts";
import { forward } from "../../src/tick.ts";
import { type Calls, createCalls, type Worker } from "./calls.ts";
import type { Chronicle } from "./chronicle.ts";
import { type ClusterModel, createClusterModel } from "./cluster.ts";
import { carried, sent } from "./delivery.ts";
import { CALM, type Weather } from "./faults.ts";
import { type Functions, type Handler, runFunctions } from "./functions.ts";
import { createGitHubModel, type Delivery, type GitHubModel, type Repo } from "./github.ts";
import { createKernel, type Kernel } from "./kernel.ts";
import { createQueueModel, type QueueModel } from "./queue.ts";
import { createRegistryModel, type RegistryModel } from "./registry.ts";
import { configText, folderOf, imageOf, namespaceOf, type Plan, REGISTRY } from "./scenario.ts";
import type { Sync } from "./sim.ts";
import { createTableModel } from "./table.ts";

/** Proa's real shell and core with everything outside it in memory, on virtual time. */
export interface World {
  readonly kernel: Kernel;
  readonly chronicle: Chronicle;
  readonly calls: Calls;
  readonly functions: Functions;
  readonly github: GitHubModel;
  readonly cluster: ClusterModel;
  readonly registry: RegistryModel;
  readonly queue: QueueModel;
  readonly table: Sync<Table>;
  readonly repositories: readonly Repo[];
  /** GUIDs of the deliveries that the door has answered well. */
  readonly taken: ReadonlySet<string>;
  /** From now on the outside behaves; what is under way goes on. */
  calm(): void;
}

export interface WorldOptions {
  readonly seed: number;
  readonly plan: Plan;
  readonly weather: Weather;
  readonly chronicle: Chronicle;
  /** Takes the place of GitHub's webhooks on their way; without: as the weather is. */
  readonly carry?: (delivery: Delivery, send: () => void) => void;
}

export const APP_ID = 1001;
const WEBHOOK_SECRET = "the simulation's own secret";
const TEMPLATES = loadTemplates();
const SWEEPS = [
  { sweep: sweepOverdue, name: "overdue", everyMs: 60_000 },
  { sweep: sweepGitHub, name: "github", everyMs: 10 * 60_000 },
] as const;

export function createWorld({ seed, plan, weather, chronicle, carry }: WorldOptions): World {
  let now: Weather = weather;
  const kernel = createKernel({ seed, note: (line) => chronicle.note(line) });
  const calls = createCalls({ kernel, chronicle, seed, weather: () => now });
  const table = createTableModel(() => kernel.now());
  const queue = createQueueModel(
    () => kernel.now(),
    (name) => (name === "deployer" ? weather.visibilityMs : CALM.visibilityMs),
  );
  const registry = createRegistryModel(kernel.sim("registry"));
  const github = createGitHubModel(kernel.sim("github"), {
    appId: APP_ID,
    ci: plan.ci,
    deliver(delivery) {
      calls.changed();
      const send = (): void => door(delivery);
      if (carry !== undefined) carry(delivery, send);
      else carried(delivery, { kernel, chronicle, seed, weather: now, answered: github.answered }, send);
    },
    pushImage(image, tag, digest) {
      registry.push(image, tag, digest);
      pushed(image, tag);
    },
  });
  const cluster = createClusterModel(kernel.sim("cluster"), {
    behaviourOf: (digest) => github.truth.built(digest as never)?.behaviour ?? "not pullable",
  });

  const ticks = sent(queue, { kernel, chronicle, seed, weather: () => now });
  const handlers = handlersOf({ kernel, calls, table, ticks, github, cluster, registry });
  const functions = runFunctions({ kernel, chronicle, calls, queue, handlers });

  /** GitHub waits ten seconds for an answer. https://docs.github.com/webhooks/using-webhooks/handling-failed-webhook-deliveries */
  const taken = new Set<string>();
  function door(delivery: Delivery): void {
    let answered = false;
    const answer = (ok: boolean): void => {
      if (answered) return;
      answered = true;
      if (ok) taken.add(delivery.guid);
      github.answered(delivery.id, ok);
    };
    kernel.at(10_000, "no answer", () => answer(false));
    functions.once(`webhook ${delivery.event}`, handlers.webhook, delivery, (ended) =>
      answer(ended.kind === "done" && (ended.value as { status: number }).status < 300),
    );
  }

  let pushes = 0;
  /** As EventBridge tells of it, by way of the ordinary queue. */
  function pushed(image: string, tag: string): void {
    const detail = {
      "action-type": "PUSH",
      result: "SUCCESS",
      "repository-name": image.slice(REGISTRY.length + 1),
      "image-tag": tag,
    };
    const body = { source: "aws.ecr", id: `push-${++pushes}`, detail };
    functions.once("image push", handlers.tick, body, () => undefined);
  }

  const accounts = new Map<string, number>();
  const repositories = plan.repositories.map((planned) => {
    const { name, services, config, checksOn, protected: isProtected } = planned;
    const [account = ""] = name.split("/");
    const installation = accounts.get(account) ?? github.install(account);
    accounts.set(account, installation);
    const rule = { context: plan.ci.check, appId: null, source: "protection" as const };
    const repo = github.createRepository({
      name,
      installation,
      services: services.map((service) => ({ image: imageOf(name, service), path: folderOf(services, service) })),
      files: { ".proa.yml": configText(planned, config), "README.md": name },
      people: { maintainer: "maintain", writer: "write", reader: "read" },
      checksOn,
      ...(isProtected ? { rules: { main: { required: [rule], workflows: [] } } } : {}),
    });
    github.people.push(repo, "develop", { "develop.txt": "develop" }, "maintainer");
    for (const environment of ["staging", "production"])
      cluster.people.createNamespace(namespaceOf(name, environment), { "proa.dev/repository-id": `${repo.id}` });
    return repo;
  });

  for (const { sweep, name, everyMs } of SWEEPS) {
    const lane = `sweep ${name}`;
    const again = (): void => {
      functions.once(
        lane,
        (worker) => async () => sweep(handlers.effects(worker)),
        null,
        () => undefined,
      );
      kernel.at(everyMs, lane, again);
    };
    kernel.at(1_000, lane, again);
  }

  return {
    kernel,
    chronicle,
    calls,
    functions,
    github,
    cluster,
    registry,
    queue,
    table,
    repositories,
    taken,
    calm: () => {
      now = CALM;
    },
  };
}

interface Outside {
  readonly kernel: Kernel;
  readonly calls: Calls;
  readonly table: Sync<Table>;
  readonly ticks: Sync<Queue>;
  readonly github: GitHubModel;
  readonly cluster: ClusterModel;
  readonly registry: RegistryModel;
}

/** Each function with its effects, built once per process as `src/compose.ts` does, over calls instead of clients. */
function handlersOf({ kernel, calls, table, ticks, github, cluster, registry }: Outside) {
  const clock = { now: () => kernel.now() };
  const tableOf = (worker: Worker) => calls.over<Table>(table, "table", worker);
  const queueOf = (worker: Worker) => calls.over<Queue>(ticks, "queue", worker);

  function githubOf(worker: Worker): GitHubApp {
    const views = new Map<number, GitHub>();
    const { installation, ...app } = github.app;
    return {
      ...calls.over<Omit<GitHubApp, "installation">>(app, "github", worker),
      installation(id) {
        const known = views.get(id);
        if (known !== undefined) return known;
        const fresh = calls.over<GitHub>(installation(id), "github", worker);
        views.set(id, fresh);
        return fresh;
      },
    };
  }

  const effects = (worker: Worker) => ({
    clock,
    log: SILENT,
    store: createStore(tableOf(worker)),
    queue: queueOf(worker),
    github: githubOf(worker),
    registries: calls.over<Registries>(registry.registries, "registry", worker),
    clusters: new Map([["default", calls.over<Kubernetes>(cluster.kubernetes, "cluster", worker)]]),
    templates: TEMPLATES,
    installation: INSTALLATION,
    recent: createRecent(),
  });

  const perQueue: Record<QueueName, (worker: Worker) => Handler> = {
    deployer: (worker) => {
      const fx = effects(worker);
      return async (body) => handle(parseMessage(body), fx);
    },
    tick: (worker) => {
      const fx = { clock, queue: queueOf(worker) };
      return async (body) => forward(body, fx);
    },
    reporter: (worker) => {
      const outbox = createOutbox(tableOf(worker));
      const fx = { clock, log: SILENT, outbox, queue: queueOf(worker), github: githubOf(worker) };
      return async (body) => report((body as { installation: number }).installation, fx);
    },
  };
  const webhook = (worker: Worker): Handler => {
    const secrets = [new Secret(WEBHOOK_SECRET)];
    const door = {
      secrets: async () => secrets,
      queue: queueOf(worker),
      clock,
      ownAppId: APP_ID,
      read: toMessages,
      log: SILENT,
    };
    return async (delivery) => receive(request(delivery as Delivery), door);
  };
  return { ...perQueue, webhook, effects };
}

function request({ event, guid, payload }: Delivery) {
  const body = Buffer.from(JSON.stringify(payload), "utf8");
  const headers = {
    "content-type": "application/json",
    "x-github-event": event,
    "x-github-delivery": guid,
    "x-hub-signature-256": `sha256=${createHmac("sha256", WEBHOOK_SECRET).update(body).digest("hex")}`,
  };
  return { method: "POST", headers, body };
}

const SILENT: Log = { info: () => undefined, warn: () => undefined, error: () => undefined, with: () => SILENT };

const INSTALLATION: InstallationSettings = {
  appId: APP_ID,
  imageAllowList: [`${REGISTRY}/**`],
  defaultImage: `${REGISTRY}/{owner}/{repo}-{service}`,
  domain: "preview.example",
  publicUrl: "https://{host}",
  ingressClass: null,
  previewPolicy: DEFAULT_PREVIEW_POLICY,
  secretsNamespace: "proa",
  previewCaps: { cpu: "1", memory: "1Gi" },
  logsInPublic: true,
};
