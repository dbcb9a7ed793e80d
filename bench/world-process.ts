// The world of a measurement, in a process of its own so that its work is not counted: forked by world.ts.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serverCertificate } from "../local/cluster/certificate.ts";
import { openStage } from "../scripts/rehearsal/stage.ts";
import type { Asked, Told } from "./world.ts";

const dir = mkdtempSync(join(tmpdir(), "proa-bench-"));
const certificate = serverCertificate(dir);
const stage = await openStage({ tls: certificate });
let restore = stage.save();

function answer(asked: Asked): Told {
  switch (asked.kind) {
    case "save":
      restore = stage.save();
      return {};
    case "restore":
      restore();
      stage.calls();
      return {};
    case "push":
      stage.push(asked.sha);
      return {};
    case "slow":
      stage.slow(asked.ms);
      return {};
    case "calls":
      return { calls: stage.calls(), connections: stage.connections() };
    case "messages":
      return { messages: stage.messages() };
  }
}

process.on("message", (asked: Asked) => process.send?.(answer(asked)));
process.on("disconnect", () => {
  rmSync(dir, { recursive: true, force: true });
  process.exit(0);
});
process.send?.({ url: stage.url, env: { ...stage.env, NODE_EXTRA_CA_CERTS: join(dir, "ca.crt") } });
