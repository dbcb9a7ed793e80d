import { fork } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { fileURLToPath } from "node:url";
import type { Bundles } from "./bundles.ts";
import { delivery, headers, payload } from "./delivery.ts";
import { runLambda } from "./lambda.ts";
import { type Figures, rounds } from "./rounds.ts";
import { atLeast, atMost, type Row } from "./row.ts";
import type { World } from "./world.ts";

const WARM_UP = 2_000;
const REQUESTS = 3_000;
const CONNECTIONS = 10;

/** What a delivery costs a process that runs already, and how many calls it makes before it answers. */
export async function measureWarm(bundles: Bundles, world: World, count: number): Promise<Row[]> {
  const names = ["floor", "ours", "octokit"] as const;
  const cases = Object.fromEntries(names.map((name) => [name, () => cpuPerRequest(name)]));
  const seen = await rounds(count, cases);
  const calls = await callsWhenWarm(bundles, world);
  const ratio = seen.times("ours", "floor", "us");
  return [
    {
      what: "webhook: CPU per 25 KB delivery, warm",
      measured: atMost(ratio),
      goal: "≤ 1.1×",
      floor: `1.00× (${seen.median("floor", "us").toFixed(0)} µs)`,
      peers: `@octokit/webhooks ${atLeast(seen.times("octokit", "floor", "us"), 2)}`,
      met: ratio <= 1.1,
    },
    {
      what: "webhook: outside calls before the answer, warm",
      measured: calls.join(", "),
      goal: "exactly 1",
      met: calls.length === 1,
    },
  ];
}

async function cpuPerRequest(name: string): Promise<Figures> {
  const child = fork(fileURLToPath(new URL("warm-server.ts", import.meta.url)), [name], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  try {
    const [{ port }] = (await once(child, "message")) as [{ port: number }];
    const cpu = async (): Promise<number> => {
      child.send("cpu");
      return ((await once(child, "message")) as [{ us: number }])[0].us;
    };
    await load(port, WARM_UP);
    const before = await cpu();
    await load(port, REQUESTS);
    return { us: ((await cpu()) - before) / REQUESTS };
  } finally {
    child.disconnect();
  }
}

/** Deliveries over kept connections, each as soon as the one before it is answered. */
async function load(port: number, total: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  let left = total;
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const asked = request({
        host: "127.0.0.1",
        port,
        method: "POST",
        path: "/",
        agent,
        headers: { ...same, "content-length": Buffer.byteLength(payload) },
      });
      asked.on("response", (response) => {
        if ((response.statusCode ?? 0) >= 300) reject(new Error(`the delivery was answered ${response.statusCode}`));
        response.resume().on("end", resolve);
      });
      asked.on("error", reject).end(payload);
    });
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (left-- > 0) await one();
    }),
  );
  agent.destroy();
}

const same = headers();

/** Of the second delivery: the first one fetches the secret as well. */
async function callsWhenWarm(bundles: Bundles, world: World): Promise<readonly string[]> {
  let calls: readonly string[] = [];
  await runLambda(bundles.folder("webhook"), {
    env: world.env,
    async next(n) {
      const made = (await world.ask({ kind: "calls" })).calls ?? [];
      if (n === 2) calls = made.map(({ what }) => what);
      return n < 2 ? delivery() : null;
    },
  });
  return calls;
}
