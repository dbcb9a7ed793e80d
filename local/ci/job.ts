import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { exec, type Ended } from "./exec.ts";
import { buildConfig, buildLayer, pushImage, type Layer } from "./image.ts";
import { planRun, type Plan } from "./plan.ts";

export interface Job {
  readonly owner: string;
  readonly repo: string;
  readonly sha: string;
}

export interface JobWorld {
  /** Where working folders are made. */
  readonly dir: string;
  readonly gitUrl: string;
  readonly gitToken: string;
  readonly registry: { readonly host: string; readonly url: string; readonly token: string };
  /** Of the commit's own code: it runs unsandboxed, so it must not find a token here. */
  readonly env: Readonly<Record<string, string>>;
  readonly testTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** What the check run says in the end. */
export interface Outcome {
  readonly conclusion: "success" | "failure";
  readonly title: string;
  readonly summary: string;
}

/** Fetches the commit, installs, then tests it and pushes its images side by side, as most pipelines do. */
export async function runJob(job: Job, world: JobWorld): Promise<Outcome> {
  await mkdir(world.dir, { recursive: true });
  const dir = await mkdtemp(join(world.dir, "job-"));
  try {
    const source = join(dir, "source");
    await checkOut(job, source, world);
    const { host } = world.registry;
    const plan = planRun({ owner: job.owner, repo: job.repo, host, read: (path) => readText(join(source, path)) });
    if (plan.kind === "unsupported") return failure("This repository cannot be built here", plan.because);
    for (const path of plan.installs) {
      const installed = await install(join(source, path), world);
      if (installed.code !== 0)
        return failure("The dependencies cannot be installed", report("npm install", installed));
    }
    // Packed before the tests start: what they write must not get into the image.
    const layer = await buildLayer(source, join(dir, "layer.tar.gz"));
    const [tested, pushed] = await Promise.all([
      runTests(plan, source, world),
      pushAll(job, plan, layer, world).catch((error: unknown) => {
        world.signal.throwIfAborted();
        return failure("The image cannot be pushed", String(error));
      }),
    ]);
    const outcome = tested.conclusion === "failure" || pushed.conclusion === "success" ? tested : pushed;
    return { ...outcome, summary: [tested.summary, pushed.summary].join("\n\n") };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function checkOut({ owner, repo, sha }: Job, folder: string, world: JobWorld): Promise<void> {
  const basic = Buffer.from(`x-access-token:${world.gitToken}`).toString("base64");
  // In the environment and not among the arguments, which every process of the machine can list.
  const env = {
    ...world.env,
    GIT_TERMINAL_PROMPT: "0",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "http.extraHeader",
    GIT_CONFIG_VALUE_0: `Authorization: Basic ${basic}`,
  };
  const git = async (...args: string[]): Promise<void> => {
    const ended = await exec("git", args, { cwd: world.dir, env, timeoutMs: 60_000, signal: world.signal });
    if (ended.code !== 0) throw new Error(`git ${args.join(" ")}: ${ended.tail}`);
  };
  await git("init", "--quiet", "--template=", folder);
  await git("-C", folder, "fetch", "--quiet", "--depth=1", `${world.gitUrl}/${owner}/${repo}.git`, sha);
  await git("-C", folder, "checkout", "--quiet", "FETCH_HEAD");
}

async function install(cwd: string, { env, signal }: JobWorld): Promise<Ended> {
  const command = readText(join(cwd, "package-lock.json")) === null ? "install" : "ci";
  const args = [command, "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"];
  return exec("npm", command === "ci" ? args.slice(0, -1) : args, { cwd, env, timeoutMs: 300_000, signal });
}

async function runTests({ tests }: RunPlan, source: string, world: JobWorld): Promise<Outcome> {
  if (tests.length === 0) {
    const summary = "There is no `test` script in package.json, so nothing was tested.";
    return { conclusion: "success", title: "No tests", summary };
  }
  const reports: string[] = [];
  for (const path of tests) {
    const { env, signal, testTimeoutMs: timeoutMs } = world;
    const ended = await exec("npm", ["test"], { cwd: join(source, path), env, timeoutMs, signal });
    reports.push(report(path === "." ? "npm test" : `npm test in ${path}`, ended));
    if (ended.code !== 0) return failure("The tests failed", reports.join("\n\n"));
  }
  return { conclusion: "success", title: "The tests passed", summary: reports.join("\n\n") };
}

type RunPlan = Extract<Plan, { kind: "run" }>;

async function pushAll({ sha }: Job, { builds }: RunPlan, layer: Layer, world: JobWorld): Promise<Outcome> {
  const { host, url, token } = world.registry;
  const lines: string[] = [];
  for (const build of builds) {
    const to = { url, token, repository: build.repository, tag: sha, signal: world.signal };
    const digest = await pushImage(buildConfig(build, sha, [layer]), [layer], to);
    lines.push(`Pushed \`${host}/${build.repository}:${sha}\` (${digest}).`);
  }
  return { conclusion: "success", title: "Pushed", summary: lines.join("\n") };
}

const failure = (title: string, summary: string): Outcome => ({ conclusion: "failure", title, summary });

function report(what: string, { code, timedOut, tail }: Ended): string {
  const end =
    code === 0 ? "passed" : timedOut ? "was stopped: it took too long" : `failed (exit ${code ?? "by signal"})`;
  const text = stripVTControlCharacters(tail).replaceAll("```", "'''").trimEnd();
  return `\`${what}\` ${end}.\n\n\`\`\`\n${text}\n\`\`\``;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null; // not there, or not a file: for a plan the same
  }
}
