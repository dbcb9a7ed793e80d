// Run by the build, in a process of its own: `node --expose-gc … write-caches.ts <folder of the functions>`
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { openStage } from "../rehearsal/stage.ts";
import { type Handler, playDeployer, playReporter } from "../rehearsal/story.ts";
import { runCode } from "./code.ts";

const [outdir = ""] = process.argv.slice(2);
const NAMES = ["deployer", "reporter", "sweeper"];
const stage = await openStage({ once: true });
Object.assign(process.env, stage.env);
// Nobody is ever late: whether a busy machine lets a time limit run out must not decide what is compiled.
const { setTimeout } = globalThis;
const NEVER = 2 ** 31 - 1;
Object.assign(globalThis, {
  setTimeout: (callback: () => void, ms = 0) => setTimeout(callback, ms < 500 ? ms : NEVER),
});
// What the functions log in a rehearsal is of interest to nobody.
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = () => true;

const functions = Object.fromEntries(
  NAMES.map((name) => {
    const folder = join(outdir, name);
    const { exports, scripts } = runCode(folder, name, () => undefined);
    return [name, { folder, scripts, handler: exports["handler"] as Handler }];
  }),
);
const { deployer, reporter, sweeper } = functions;
if (deployer === undefined || reporter === undefined || sweeper === undefined)
  throw new Error(`${NAMES.join(", ")} are not there`);
await playReporter(reporter.handler, await playDeployer(deployer.handler, stage));
await sweeper.handler({ sweep: "overdue" }, {});
// The build's own flags are taken back: a cache is bound to the flags it was made under.
for (const flag of ["--hash-seed=0", "--random-seed=0", "--flush-bytecode"]) setFlagsFromString(flag);
for (const { folder, scripts } of Object.values(functions))
  for (const [file, script] of scripts) writeFileSync(join(folder, `${file}.cache`), script.createCachedData());

process.stdout.write = write;
await stage.close();
process.exit(0);
