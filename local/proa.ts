import type { SQSEvent } from "aws-lambda";
import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { createOutbox } from "../src/adapters/outbox.ts";
import { createSqliteQueue } from "../src/adapters/queue-sqlite.ts";
import type { Queue } from "../src/adapters/queue.ts";
import { createStore } from "../src/adapters/store.ts";
import { createSqliteTable } from "../src/adapters/table-sqlite.ts";
import { composeDeployer } from "../src/compose.ts";
import { toMessages } from "../src/core/event.ts";
import { parseMessage, parseReport } from "../src/core/message-parse.ts";
import type { Digest } from "../src/core/names.ts";
import type { Effects } from "../src/effects.ts";
import { handle } from "../src/handle.ts";
import { queueHandler } from "../src/handlers.ts";
import type { Host } from "../src/host.ts";
import { toRequest, toResult } from "../src/lambda.ts";
import type { Log } from "../src/log.ts";
import { receive } from "../src/receive.ts";
import { report } from "../src/report.ts";
import { readSettings } from "../src/settings.ts";
import { sweepGitHub, sweepOverdue } from "../src/sweep.ts";
import { forward } from "../src/tick.ts";
import type { WorldClock } from "./clock.ts";
import type { MovedClock } from "./cluster/moved-clock.ts";
import { inWorldTime } from "./cluster/world-time.ts";
import { functionUrlEvent, type Invoke, type LambdaHost, runFunctions } from "./lambda.ts";

/** Proa as a world runs it: in its own process, or elsewhere. */
export interface Proa {
  /** What the functions see and touch, for whoever wants to look. */
  readonly fx: Effects;
  readonly queue: Queue & DeadLetters;
  /** The numbers of those it knows, asked past everything that a test puts between the functions and the outside. */
  repositories(): Promise<readonly number[]>;
  /** Where GitHub's deliveries go. */
  readonly webhookUrl: string;
  /** Answers deliveries that come to the world's own port. */
  webhook(req: IncomingMessage, res: ServerResponse): Promise<void>;
  imagePushed(push: ImagePushed): void;
  sweep(kind: "overdue" | "github"): Promise<void>;
  /** True while a sweep runs. */
  sweeping(): boolean;
  /** What it has said to other systems besides GitHub and the clusters, one text each; no secret may stand in it. */
  said(): readonly Said[];
  /** The world is whole: from now on messages are handled. */
  start(): LambdaHost;
  /** Down for a while is an outage like any other: looks at once at what was missed. */
  catchUp(): Promise<void>;
  close(): Promise<void>;
}

export interface Said {
  readonly where: string;
  readonly text: string;
}

export interface DeadLetters {
  /** Messages received too often, kept for a person to look at. */
  deadLetters(): DeadLetter[] | Promise<DeadLetter[]>;
}

interface DeadLetter {
  readonly queue: string;
  readonly group: string;
  readonly body: string;
  readonly receives: number;
}

export interface ImagePushed {
  readonly repository: string;
  readonly tag: string;
  readonly digest: Digest;
}

/** What a world offers its Proa. */
export interface ProaSurroundings {
  /** Everything the world remembers. */
  readonly dir: string;
  /** The world's own address. */
  readonly url: string;
  /** Settings as whoever installs it would write them, without store and queue. */
  readonly environment: Readonly<Record<string, string>>;
  readonly host: Host;
  /** Takes a line of Proa's log as it is. */
  readonly writeLog: (line: string) => void;
  readonly clock: WorldClock;
  /** Of a real cluster, which lives in real time; null: the cluster lives on the world's clock. */
  readonly outsideClock: MovedClock | null;
}

export interface LocalProaOptions extends ProaSurroundings {
  readonly interfere?: ((fx: Effects) => Effects) | undefined;
  readonly invoke?: Invoke | undefined;
}

/** The functions run in this process, on two SQLite files, with the world's clock. */
export function createLocalProa(options: LocalProaOptions): Proa {
  const { dir, environment, host, clock, outsideClock } = options;
  const paths = { store: join(dir, "proa.sqlite"), queue: join(dir, "queue.sqlite") };
  const settings = readSettings({
    ...environment,
    PROA_STORE: `sqlite:${paths.store}`,
    PROA_QUEUE: `sqlite:${paths.queue}`,
  });
  const table = createSqliteTable(paths.store, () => host.clock.now());
  const queue = createSqliteQueue(paths.queue, () => host.clock.now());
  const deployer = composeDeployer(settings, host, { table, queue });
  const composed = outsideClock
    ? {
        ...deployer,
        clusters: new Map([...deployer.clusters].map(([name, real]) => [name, inWorldTime(real, outsideClock)])),
      }
    : deployer;
  const fx = options.interfere ? options.interfere(composed) : composed;
  const reporter = { ...host, outbox: createOutbox(table), queue, github: fx.github };

  const invoke: Invoke = options.invoke ?? ((_event, own, run) => run(own));
  const served =
    <Fx extends { readonly log: Log }>(effects: Fx, each: (body: unknown, fx: Fx) => Promise<void>) =>
    (event: SQSEvent) =>
      invoke(event, effects, (own) => queueHandler(async () => own, each)(event));

  const running = new Set<Promise<unknown>>();
  async function sweep(kind: "overdue" | "github"): Promise<void> {
    const run: Promise<unknown> = (kind === "overdue" ? sweepOverdue(fx) : sweepGitHub(fx)).finally(() =>
      running.delete(run),
    );
    running.add(run);
    await run;
  }
  const sweepUnasked = (kind: "overdue" | "github"): void =>
    void sweep(kind).catch((error: unknown) => host.log.error("sweep failed", error));

  return {
    fx,
    queue,
    repositories: async () => (await createStore(table).repos()).map(({ id }) => id),
    webhookUrl: `${options.url}/webhook`,
    async webhook(req, res) {
      const door = {
        secrets: async () => settings.webhookSecrets,
        queue,
        clock: host.clock,
        ownAppId: settings.github.appId,
        read: toMessages,
        log: host.log,
      };
      const result = toResult(await receive(toRequest(await functionUrlEvent(req)), door));
      if (typeof result === "string") return void res.end(result);
      res.writeHead(result.statusCode ?? 200, result.headers as Record<string, string>).end(result.body);
    },
    imagePushed({ repository, tag }) {
      const detail = { "action-type": "PUSH", result: "SUCCESS", "repository-name": repository, "image-tag": tag };
      // A digest is not a tag: only tags are waited for.
      if (!tag.startsWith("sha256:"))
        void forward(
          { source: "aws.ecr", id: `push-${randomBytes(8).toString("hex")}`, detail },
          { queue, clock: host.clock },
        );
    },
    sweep,
    sweeping: () => running.size > 0,
    said: () => [],
    start() {
      const lambda = runFunctions(
        queue,
        {
          deployer: served(fx, (body, on) => handle(parseMessage(body), on)),
          tick: served({ ...host, queue }, forward),
          reporter: served(reporter, (body, on) => report(parseReport(body), on)),
        },
        clock,
      );
      const schedules = [
        clock.setInterval(() => sweepUnasked("overdue"), 60_000),
        clock.setInterval(() => sweepUnasked("github"), 10 * 60_000),
      ];
      return {
        ...lambda,
        async close() {
          for (const schedule of schedules) clock.clearInterval(schedule);
          await Promise.allSettled(running);
          await lambda.close();
        },
      };
    },
    async catchUp() {
      await sweep("overdue");
      sweepUnasked("github");
    },
    async close() {
      queue.close();
      table.close();
    },
  };
}
