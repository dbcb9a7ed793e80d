import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type Figures, rounds } from "./rounds.ts";
import { atLeast, atMost, type Row } from "./row.ts";
import type { World } from "./world.ts";

/** One PATCH of a Deployment over TLS: CPU of the client, and how many connections it makes once it is warm. */
export async function measurePatch(world: World, count: number): Promise<Row[]> {
  const names = ["floor", "ours", "client-node"] as const;
  const cases = Object.fromEntries(names.map((name) => [name, () => patching(name, world)]));
  const seen = await rounds(Math.min(count, 5), cases);
  const ratio = seen.times("ours", "floor", "us");
  const connections = seen.median("ours", "connections");
  return [
    {
      what: "one PATCH: client CPU",
      measured: atMost(ratio),
      goal: "≤ 1.5×",
      floor: `1.00× node:https (${seen.median("floor", "us").toFixed(0)} µs)`,
      peers: `client-node ${atLeast(seen.times("client-node", "floor", "us"))}`,
      met: ratio <= 1.5,
    },
    {
      what: "one PATCH: new TLS connections when warm, per 1,000",
      measured: connections.toFixed(0),
      goal: "0",
      peers: `client-node ${seen.median("client-node", "connections").toFixed(0)}`,
      met: connections === 0,
    },
  ];
}

async function patching(name: string, world: World): Promise<Figures> {
  const child = fork(fileURLToPath(new URL("patch-client.ts", import.meta.url)), [name, world.url], {
    env: world.env,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  try {
    // Warm; then once more, counted.
    await once(child, "message");
    const before = (await world.ask({ kind: "calls" })).connections ?? 0;
    child.send("go");
    const [{ us, patches }] = (await once(child, "message")) as [{ us: number; patches: number }];
    const after = (await world.ask({ kind: "calls" })).connections ?? 0;
    return { us: us / patches, connections: ((after - before) * 1_000) / patches };
  } finally {
    child.disconnect();
  }
}
