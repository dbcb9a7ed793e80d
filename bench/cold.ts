import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { loadedFirst } from "../scripts/build/loaded-first.ts";
import { FIRST, SECOND } from "../scripts/rehearsal/story.ts";
import { pushed, records, WEBHOOK_SECRET } from "../scripts/rehearsal/stage.ts";
import type { Bundles } from "./bundles.ts";
import { delivery } from "./delivery.ts";
import { coldStart, runLambda } from "./lambda.ts";
import { type Cases, rounds } from "./rounds.ts";
import { atLeast, atMost, type Row } from "./row.ts";
import type { World } from "./world.ts";

/** A preview that runs the first commit, and the second one pushed: what every cold deployer begins from. */
export async function stagePreview(bundles: Bundles, world: World): Promise<void> {
  await world.ask({ kind: "push", sha: FIRST });
  const events = [pushed(FIRST)];
  await runLambda(bundles.folder("deployer"), {
    env: world.env,
    async next(n) {
      for (const { body } of (await world.ask({ kind: "messages" })).messages ?? [])
        if ((body as { kind: string }).kind !== "report") events.push(records(body));
      return events[n] ?? null;
    },
  });
  await world.ask({ kind: "push", sha: SECOND });
  await world.ask({ kind: "save" });
}

/** Cold starts of the webhook and the deployer, and of what they are compared with. CPU of the whole process in all of them. */
export async function measureCold(bundles: Bundles, world: World, count: number): Promise<Row[]> {
  await stagePreview(bundles, world);
  const start =
    (name: string, event: () => unknown, env: Record<string, string> = {}) =>
    async () => {
      await world.ask({ kind: "restore" });
      return coldStart(bundles.folder(name), event(), { ...world.env, ...env });
    };
  const probot = { APP_ID: "77", PRIVATE_KEY: PROBOT_KEY, WEBHOOK_SECRET, LOG_LEVEL: "fatal", NODE_ENV: "production" };
  const cases: Cases = {
    empty: start("empty", delivery),
    floor: start("webhook-floor", delivery, { BENCH_WEBHOOK_SECRET: WEBHOOK_SECRET }),
    webhook: start("webhook", delivery),
    probot: start("probot", delivery, probot),
    deployer: start("deployer", () => pushed(SECOND)),
    plain: start("deployer-plain", () => pushed(SECOND)),
  };
  const seen = await rounds(count, cases);
  const x = (name: string, figure: string): number => seen.times(name, "empty", figure);
  const ahead = seen.times("probot", "webhook", "firstUs");
  const aheadOfPlain = seen.times("plain", "deployer", "firstUs");
  const webhookBytes = loadedFirst(join(bundles.folder("webhook"), "index.mjs"));
  const webhookAll = bundles.ours.find(({ name }) => name === "webhook")?.bytes ?? Number.NaN;
  return [
    {
      what: "webhook: init",
      measured: atMost(x("webhook", "initUs")),
      goal: "≤ 1.15×",
      floor: atMost(x("floor", "initUs")),
      peers: `probot ${atLeast(x("probot", "initUs"))}`,
      met: x("webhook", "initUs") <= 1.15,
    },
    {
      what: "webhook: cold → acknowledged",
      measured: atMost(x("webhook", "firstUs")),
      goal: "≤ 1.3×",
      floor: atMost(x("floor", "firstUs")),
      peers: `probot ${atLeast(x("probot", "firstUs"))}`,
      met: x("webhook", "firstUs") <= 1.3,
    },
    { what: "webhook: ahead of Probot", measured: atLeast(ahead), goal: "≥ 6×", met: ahead >= 6 },
    {
      what: "webhook: bundle, minified",
      measured: `${kb(webhookBytes)} KB (${kb(webhookAll)} with what a comment loads)`,
      goal: "≤ 20 KB",
      met: webhookBytes <= 20 * 1024,
    },
    {
      what: "deployer: init",
      measured: atMost(x("deployer", "initUs")),
      goal: "≤ 1.8×",
      peers: `plain ${atLeast(x("plain", "initUs"))}`,
      met: x("deployer", "initUs") <= 1.8,
    },
    {
      what: "deployer: cold event → recorded",
      measured: atMost(x("deployer", "firstUs")),
      goal: "≤ 2.0×",
      peers: `plain ${atLeast(x("plain", "firstUs"))}, half the calls`,
      met: x("deployer", "firstUs") <= 2,
    },
    {
      what: "deployer: ahead of the plain bundle",
      measured: atLeast(aheadOfPlain),
      goal: "≥ 3×",
      met: aheadOfPlain >= 3,
    },
    {
      what: "the empty handler itself: init; first answer",
      measured: `${(seen.median("empty", "initUs") / 1_000).toFixed(0)}; ${(seen.median("empty", "firstUs") / 1_000).toFixed(0)} ms CPU`,
      goal: "",
      met: null,
    },
  ];
}

/** Probot reads a key when it starts, and never uses it for this event. */
const { privateKey: PROBOT_KEY } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  privateKeyEncoding: { type: "pkcs1", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});

const kb = (bytes: number): string => (Math.ceil(bytes / 102.4) / 10).toFixed(1);
