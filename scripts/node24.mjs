// Runs the rest of the command line on the project's own Node 24 (Lambda's runtime), whatever Node npm itself runs on.
// Plain JavaScript on purpose: it has to start on Node 20.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** The pinned binary where npm has one for this platform; otherwise the host's own Node, if it is new enough. */
function findNode() {
  const pinned = join(root, "node_modules", `node-${process.platform}-${process.arch}`, "bin", "node");
  if (existsSync(pinned)) return pinned;
  if (Number(process.versions.node.split(".")[0]) >= 24) return process.execPath;
  console.error(
    `Proa needs Node 24. There is no packaged one for ${process.platform}-${process.arch} and this is Node ${process.versions.node}: ` +
      `run "npm ci" if you have not, or install Node 24 (nodejs.org, "brew install node@24") and try again.`,
  );
  process.exit(1);
}

/** `vitest run` means the package's own bin script; `local/main.ts` is a file. */
function resolveCommand([first, ...rest]) {
  const manifest = join(root, "node_modules", first, "package.json");
  if (first.endsWith(".ts") || first.startsWith("-") || !existsSync(manifest)) return [first, ...rest];
  const { bin } = JSON.parse(readFileSync(manifest, "utf8"));
  return [join(root, "node_modules", first, typeof bin === "string" ? bin : bin[first]), ...rest];
}

const node = findNode();
const child = spawn(node, resolveCommand(process.argv.slice(2)), {
  stdio: "inherit",
  cwd: root,
  // Child processes of the command (a pull request's own tests, its pods) find the same Node first.
  env: { ...process.env, PATH: `${dirname(node)}:${process.env.PATH ?? ""}` },
});
// The terminal sends Ctrl-C to the whole group; a supervisor signals only us. Either way the child gets to end cleanly.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 143)));
