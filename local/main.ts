import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { createBoard } from "./board/board.ts";
import { createWorld } from "./world.ts";

const dir = join(process.cwd(), ".proa");
const port = Number(process.env["PORT"] ?? 4000);
mkdirSync(dir, { recursive: true });

// Lines go to a file: the terminal belongs to the one line that says where to look.
const logFile = join(dir, "proa.log");
rmSync(logFile, { force: true });
const world = await createWorld({
  dir,
  port,
  env: process.env,
  log: (line) => appendFileSync(logFile, `${line}\n`),
  page: createBoard,
}).catch((error: unknown) => {
  if ((error as { code?: string }).code !== "EADDRINUSE") throw error;
  console.error(`Port ${port} is taken: stop what uses it, or choose another with PORT=4100 npm start.`);
  process.exit(1);
});

const kubeconfig = join(dir, "kubeconfig");
writeFileSync(kubeconfig, world.cluster.kubeconfig("admin"), { mode: 0o600 });
const local = {
  github: {
    apiUrl: `${world.url}/api/v3`,
    gitUrl: `${world.url}/git`,
    owner: world.repo.owner,
    repo: world.repo.name,
    token: world.secrets.token,
  },
  webhook: { url: `${world.url}/webhook`, secret: world.secrets.webhookSecret },
  kubeconfig,
  ingress: { url: world.url },
  registry: { url: world.url },
  board: `http://localhost:${port}`,
};
writeFileSync(join(dir, "local.json"), `${JSON.stringify(local, null, 2)}\n`, { mode: 0o600 });
console.log(`Proa is ready: http://localhost:${port} (addresses and token in .proa/local.json, log in .proa/proa.log)`);

let stopping = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    // What does not end in time is cut off; everything it knows is on disk.
    setTimeout(() => process.exit(1), 4_000).unref();
    void world.close().then(() => process.exit(0));
  });
}
