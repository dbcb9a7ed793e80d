import { Agent, request } from "node:https";
import { pushed, records } from "../scripts/rehearsal/stage.ts";
import type { Bundles } from "./bundles.ts";
import { stagePreview } from "./cold.ts";
import { runLambda } from "./lambda.ts";
import { atMost, type Row } from "./row.ts";
import { median } from "./rounds.ts";
import type { World } from "./world.ts";

const WAIT_MS = 20;
const WARM_UP = 5;

/**
 * From the event's arrival to the patched Deployment, in a process that has done it before, with every outside answer 20 ms away;
 * and in between, the same three waits by hand.
 */
export async function measureUpdate(bundles: Bundles, world: World, count: number): Promise<Row[]> {
  await stagePreview(bundles, world);
  await world.ask({ kind: "restore" });
  const updates = WARM_UP + Math.max(count, 9) * 2;
  const took: number[] = [];
  const three: number[] = [];
  const events: unknown[] = [];
  const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
  let begun: number | null = null;
  let round = 0;

  await runLambda(bundles.folder("deployer"), {
    env: world.env,
    async next() {
      for (const { body } of (await world.ask({ kind: "messages" })).messages ?? [])
        if ((body as { kind: string }).kind !== "report") events.push(records(body));
      if (events.length > 0) return events.shift();
      if (round === updates) return null;
      const sha = (++round).toString(16).padStart(40, "d");
      await world.ask({ kind: "push", sha });
      await world.ask({ kind: "slow", ms: WAIT_MS });
      three.push(await waits(world.url, agent));
      await world.ask({ kind: "calls" });
      begun = now();
      return pushed(sha);
    },
    async answered() {
      const patched = (await world.ask({ kind: "calls" })).calls?.find(({ what }) => what.startsWith("PATCH"));
      await world.ask({ kind: "slow", ms: 0 });
      if (begun !== null && patched !== undefined) took.push(patched.at - begun);
      begun = null;
    },
  });
  agent.destroy();
  if (took.length !== updates) throw new Error(`${took.length} of ${updates} updates patched a Deployment`);
  const [ours, floor] = [median(took.slice(WARM_UP)), median(three.slice(WARM_UP))];
  const ratio = median(took.map((ms, n) => ms / (three[n] ?? Number.NaN)).slice(WARM_UP));
  return [
    {
      what: "event → patched Deployment, warm preview update",
      measured: `${atMost(ratio)} (${ours.toFixed(1)} ms)`,
      goal: "≤ 1.05×",
      floor: `1.00× (${floor.toFixed(1)} ms: three waits of ${WAIT_MS} ms)`,
      met: ratio <= 1.05,
    },
  ];
}

/** Of this machine: the same in every process. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6;

async function waits(url: string, agent: Agent): Promise<number> {
  const begun = now();
  for (let n = 0; n < 3; n++)
    await new Promise<void>((resolve, reject) => {
      const asked = request(`${url}/clusters/proa`, { agent }, (response) => response.resume().on("end", resolve));
      asked.on("error", reject).end();
    });
  return now() - begun;
}
