import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createBoard } from "./board/board.ts";
import { readKubeconfig } from "./cluster/kubeconfig-file.ts";
import { createWorld } from "./world.ts";

const dir = join(process.cwd(), ".proa");
const port = portOf(process.env["PORT"]);
const outside = outsideCluster(process.env["PROA_KUBECONFIG"]);
mkdirSync(dir, { recursive: true });
const pidFile = join(dir, "pid");
if (isRunning(pidFile))
  stop(
    `Proa is running in ${dir} already (process ${readFileSync(pidFile, "utf8")}): stop that one first, or delete .proa/pid if that is another program.`,
  );
writeFileSync(pidFile, `${process.pid}`);

// Lines go to a file: the terminal belongs to the one line that says where to look.
const logFile = join(dir, "proa.log");
rmSync(logFile, { force: true });
const world = await createWorld({
  // What it remembers is about one cluster: each has a world of its own.
  dir:
    outside === null
      ? dir
      : join(dir, `cluster-${createHash("sha256").update(outside.server).digest("hex").slice(0, 8)}`),
  ...(outside === null ? {} : { cluster: { kubeconfig: outside.text } }),
  port,
  env: process.env,
  log: (line) => appendFileSync(logFile, `${line}\n`),
  page: createBoard,
}).catch((error: unknown) => {
  if ((error as { code?: string }).code !== "EADDRINUSE") throw error;
  rmSync(pidFile, { force: true });
  return stop(`Port ${port} is taken: stop what uses it, or choose another with PORT=4100 npm start.`);
});

const kubeconfig = outside?.file ?? join(dir, "kubeconfig");
if (outside === null) writeFileSync(kubeconfig, world.cluster.kubeconfig("admin"), { mode: 0o600 });
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
const where = outside === null ? "" : ` on the cluster ${outside.server}`;
console.log(
  `Proa is ready${where}: http://localhost:${port} (addresses and token in .proa/local.json, log in .proa/proa.log)`,
);

let stopping = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    // What does not end in time is cut off; everything it knows is on disk.
    setTimeout(() => process.exit(1), 4_000).unref();
    void world.close().then(() => {
      rmSync(pidFile, { force: true });
      process.exit(0);
    });
  });
}

function portOf(text: string | undefined): number {
  if (text === undefined || text === "") return 4000;
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  return port > 0 && port < 65_536 ? port : stop(`PORT is "${text}": write a number from 1 to 65535, e.g. PORT=4100.`);
}

/** A plain KUBECONFIG is never looked at: nobody deploys to a cluster because a shell happened to point there. */
function outsideCluster(file: string | undefined) {
  if (file === undefined || file === "") return null;
  try {
    return { file: resolve(file), ...readKubeconfig(file) };
  } catch (error) {
    return stop(
      `PROA_KUBECONFIG is "${file}", which cannot be used: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** Two worlds on one folder would write over each other. A process that was killed leaves its file, not itself. */
function isRunning(pidFile: string): boolean {
  if (!existsSync(pidFile)) return false;
  try {
    process.kill(Number(readFileSync(pidFile, "utf8")), 0);
    return true;
  } catch {
    return false;
  }
}

function stop(sentence: string): never {
  console.error(sentence);
  process.exit(1);
}
