import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import type { LambdaFunctionURLEvent, SQSBatchResponse, SQSEvent } from "aws-lambda";
import { type QueueName } from "../src/adapters/queue-sqlite.ts";
import { createOutbox } from "../src/adapters/outbox.ts";
import type { WorldClock } from "../local/clock.ts";
import { runFunctions } from "../local/lambda.ts";
import { toMessages } from "../src/core/event.ts";
import { parseMessage, parseReport } from "../src/core/message-parse.ts";
import type { Target } from "../src/core/names.ts";
import { handle } from "../src/handle.ts";
import { queueHandler } from "../src/handlers.ts";
import { toRequest } from "../src/lambda.ts";
import { receive } from "../src/receive.ts";
import { report } from "../src/report.ts";
import { forward } from "../src/tick.ts";
import { INSTALLATION, openCrowd, repositoryOf, shaOf } from "./crowd.ts";
import { openProa, WEBHOOK_SECRET } from "./crowd-proa.ts";
import type { Row } from "./row.ts";

/** In each repository, every one with its preview. */
const PULLS = 20;
const AT_ONCE = 50;

export interface Burst {
  readonly deliveries: number;
  readonly targets: number;
  readonly acknowledged: number;
  /** Deliveries whose message was handled without failing. */
  readonly handled: number;
  /** Handled after a later one of its target. */
  readonly outOfOrder: number;
  /** Begun while another of the same target was under way. */
  readonly together: number;
  /** Targets whose record does not want the last head that was pushed. */
  readonly behind: number;
  readonly failures: number;
  readonly deadLetters: number;
  /** Most targets that were worked on at the same moment. */
  readonly concurrency: number;
  readonly seconds: number;
}

/** Pushes to every pull request of a crowd, again and again, through the webhook, the queue and the deployer. */
export async function burst({ repositories, rounds }: { repositories: number; rounds: number }): Promise<Burst> {
  const crowd = await openCrowd({ repositories, pulls: PULLS, cap: PULLS });
  let failures = 0;
  const proa = openProa(crowd, (line) => {
    if (line.includes('"message failed"')) failures++;
  });
  const { settings, host, queue } = proa;
  const { clock, log } = host;
  const fx = proa.effects();
  const deliveries = repositories * PULLS * rounds;
  const running = new Set<string>();
  const latest = new Map<string, number>();
  const handled = new Set<string>();
  let [concurrency, outOfOrder, together] = [0, 0, 0];
  let done: () => void = () => undefined;
  const allHandled = new Promise<void>((resolve) => void (done = resolve));

  const deploy = queueHandler(
    async () => ({ ...fx, log }),
    async (body) => handle(parseMessage(body), fx),
  );
  async function deployer(event: SQSEvent): Promise<SQSBatchResponse> {
    const [record] = event.Records;
    const group = record?.attributes.MessageGroupId ?? "";
    const { delivery = "" } = JSON.parse(record?.body ?? "{}") as { delivery?: string };
    if (running.has(group)) together++;
    running.add(group);
    concurrency = Math.max(concurrency, running.size);
    const answer = await deploy(event);
    running.delete(group);
    const round = roundOf(delivery);
    if (round === null || answer.batchItemFailures.length > 0) return answer;
    if (round < (latest.get(group) ?? 0)) outOfOrder++;
    latest.set(group, round);
    handled.add(delivery);
    if (handled.size === deliveries) done();
    return answer;
  }
  const reporter = { ...host, outbox: createOutbox(proa.table), queue, github: fx.github };
  const functions: Record<QueueName, (event: SQSEvent) => Promise<SQSBatchResponse>> = {
    deployer,
    tick: queueHandler(async () => ({ ...host, queue }), forward),
    reporter: queueHandler(
      async () => reporter,
      (body, on) => report(parseReport(body), on),
    ),
  };
  const lambda = runFunctions(queue, functions, realTime(clock));

  try {
    const began = performance.now();
    const door = {
      secrets: async () => settings.webhookSecrets,
      queue,
      clock,
      ownAppId: settings.github.appId,
      read: toMessages,
      log,
    };
    let acknowledged = 0;
    const knock = async (n: number): Promise<void> => {
      const { status } = await receive(toRequest(delivery(n, { repositories, crowd })), door);
      if (status === 202) acknowledged++;
    };
    for (let n = 0; n < deliveries; n += AT_ONCE)
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, deliveries - n) }, (_, at) => knock(n + at)));
    await allHandled;
    const seconds = (performance.now() - began) / 1_000;
    await lambda.close();
    let behind = 0;
    for (let n = deliveries - repositories * PULLS; n < deliveries; n++) {
      const { repository, number, sha } = pushOf(n, repositories);
      const target = { kind: "preview", repoId: repositoryOf(repository).id, number } as Target;
      if ((await fx.store.load(target)).state?.wanted?.sha !== sha) behind++;
    }
    const deadLetters = queue.deadLetters().length;
    const targets = repositories * PULLS;
    return {
      deliveries,
      targets,
      acknowledged,
      handled: handled.size,
      outOfOrder,
      together,
      behind,
      failures,
      deadLetters,
      concurrency,
      seconds,
    };
  } finally {
    await lambda.close();
    proa.close();
    await crowd.close();
  }
}

/** The nth push: every pull request once, then every one again. */
function pushOf(n: number, repositories: number) {
  const targets = repositories * PULLS;
  const [repository, number, round] = [
    n % repositories,
    1 + Math.floor((n % targets) / repositories),
    Math.floor(n / targets),
  ];
  return { repository, number, round, sha: shaOf(`push ${n}`) };
}

const PAYLOAD = readFileSync(new URL("../test/fixtures/pull-request-opened.json", import.meta.url), "utf8");

/** GitHub's own example of a delivery, about another pull request. */
function delivery(
  n: number,
  { repositories, crowd }: { repositories: number; crowd: Awaited<ReturnType<typeof openCrowd>> },
): LambdaFunctionURLEvent {
  const { repository, number, round, sha } = pushOf(n, repositories);
  crowd.push(repository, number, sha);
  const { id, name } = repositoryOf(repository);
  const [owner = "", repo = ""] = name.split("/");
  const example = JSON.parse(PAYLOAD) as Record<string, Record<string, unknown>>;
  const named = { ...example["repository"], id, full_name: name, name: repo, owner: { login: owner, id: 1 } };
  const pull = example["pull_request"] as Record<string, Record<string, unknown>>;
  const body = JSON.stringify({
    ...example,
    action: "synchronize",
    number,
    installation: { id: INSTALLATION },
    repository: named,
    pull_request: {
      ...pull,
      number,
      head: { ...pull["head"], sha, repo: named },
      base: { ...pull["base"], repo: named },
    },
  });
  const headers = {
    "content-type": "application/json",
    "x-github-event": "pull_request",
    "x-github-delivery": `00000000-0000-4000-8000-${String(round).padStart(4, "0")}${String(n).padStart(8, "0")}`,
    "x-hub-signature-256": `sha256=${createHmac("sha256", WEBHOOK_SECRET).update(body).digest("hex")}`,
  };
  return {
    headers,
    body,
    isBase64Encoded: false,
    requestContext: { http: { method: "POST" } },
  } as unknown as LambdaFunctionURLEvent;
}

/** Which push of its target a delivery tells of; null: a message of Proa's own. */
function roundOf(delivery: string): number | null {
  const [, round] = /^0{8}-0{4}-4000-8000-(\d{4})\d{8}/.exec(delivery) ?? [];
  return round === undefined ? null : Number(round);
}

const realTime = (clock: { now(): number }): WorldClock => ({
  nowMs: () => clock.now(),
  setTimeout: (callback, delayMs) => Number(setTimeout(callback, delayMs)),
  clearTimeout: (handle) => clearTimeout(handle),
  setInterval: (callback, intervalMs) => Number(setInterval(callback, intervalMs)),
  clearInterval: (handle) => clearInterval(handle),
  step() {
    throw new Error("real time is not stepped");
  },
});

/** The goal: nothing lost, order kept per target, concurrency shown. */
export async function run(): Promise<readonly Row[]> {
  const {
    deliveries,
    targets,
    acknowledged,
    handled,
    outOfOrder,
    together,
    behind,
    failures,
    deadLetters,
    concurrency,
    seconds,
  } = await burst({ repositories: 10, rounds: 5 });
  return [
    {
      what: `${deliveries.toLocaleString("en")} deliveries over ${targets} targets: acknowledged, handled, dead letters`,
      measured: `${acknowledged.toLocaleString("en")}, ${handled.toLocaleString("en")}, ${deadLetters} (${failures} handled again), in ${seconds.toFixed(1)} s`,
      goal: "nothing lost",
      met: acknowledged === deliveries && handled === deliveries && deadLetters === 0 && behind === 0,
    },
    {
      what: "the same: out of order, two of one target together, targets at once",
      measured: `${outOfOrder}, ${together}, ${concurrency}`,
      goal: "order kept, many at once",
      met: outOfOrder === 0 && together === 0 && concurrency > 1,
    },
  ];
}
