import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { Octokit } from "@octokit/rest";
import type { LocalCi, LocalCiOptions } from "../../local/ci/ci.ts";
import { buildConfig, buildLayer, digestOf, imageManifest, type Layer, pushImage } from "../../local/ci/image.ts";
import { planRun } from "../../local/ci/plan.ts";
import { variants } from "../../local/seed/variants.ts";

export interface Commit {
  readonly owner: string;
  readonly repo: string;
  readonly sha: string;
}

export type Conclusion = "success" | "failure" | "cancelled" | "neutral" | "skipped" | "timed_out" | "action_required";

/** CI without the tests, in steps that a test can take one by one. */
export interface TestCi extends LocalCi {
  /** Pushes the commit's images; its own or other tags. */
  build(commit: Commit, tag?: string): Promise<void>;
  /** Reports a check run; `null`: it is in progress. A second report on the same name changes the first one. */
  report(commit: Commit, conclusion: Conclusion | null, name?: string): Promise<void>;
}

export interface TestCiOptions {
  readonly mode: "instant" | "manual";
  /** What stands below an application's own layer, where its process sees nothing of this machine. */
  readonly base?: readonly Layer[];
}

/**
 * As the local CI, but `npm test` is not run: a commit whose message begins with `failing-test` fails, and every other one
 * passes at once. `manual`: nothing happens by itself.
 */
export function createTestCi(options: LocalCiOptions, { mode, base = [] }: TestCiOptions): TestCi {
  const { apiUrl, token, registry } = options;
  const octokit = new Octokit({ baseUrl: apiUrl(), auth: token, log: SILENT });
  const runs = new Map<string, number>();
  const underWay = new Set<Promise<void>>();
  const stop = new AbortController();

  function start(work: () => Promise<void>): void {
    const run: Promise<void> = work()
      .catch((error: unknown) => {
        if (!stop.signal.aborted) options.log("test ci failed", { error: String(error) });
      })
      .finally(() => underWay.delete(run));
    underWay.add(run);
  }

  async function build(commit: Commit, tag: string = commit.sha): Promise<void> {
    await mkdir(options.dir, { recursive: true });
    const dir = await mkdtemp(join(options.dir, "instant-"));
    try {
      const source = join(dir, "source");
      await unpack(commit, source);
      const { owner, repo } = commit;
      const plan = planRun({ owner, repo, host: registry.host, read: (path) => readText(join(source, path)) });
      if (plan.kind === "unsupported") throw new Error(plan.because);
      const layers = [...base, await buildLayer(source, join(dir, "layer.tar.gz"))];
      const to = { url: registry.url(), token: registry.token, tag, signal: stop.signal };
      for (const each of plan.builds) {
        const config = buildConfig(each, commit.sha, layers);
        const manifest = playing(behaviourOf(join(source, each.path)), config, layers);
        await pushImage(config, layers, { ...to, repository: each.repository }, manifest);
      }
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }

  async function unpack({ owner, repo, sha }: Commit, folder: string): Promise<void> {
    const { data } = await octokit.rest.repos.downloadTarballArchive({ owner, repo, ref: sha });
    const archive = `${folder}.tar.gz`;
    await mkdir(folder);
    await writeFile(archive, new Uint8Array(data as ArrayBuffer));
    await promisify(execFile)("tar", ["-xzf", archive, "-C", folder, "--strip-components=1"]);
  }

  async function report({ owner, repo, sha }: Commit, conclusion: Conclusion | null, name = "test"): Promise<void> {
    const state =
      conclusion === null ? ({ status: "in_progress" } as const) : ({ status: "completed", conclusion } as const);
    const output = { title: conclusion === "failure" ? "The tests failed" : "The tests passed", summary: "" };
    const known = runs.get(`${sha}/${name}`);
    if (known === undefined) {
      const { data } = await octokit.rest.checks.create({ owner, repo, head_sha: sha, name, ...state, output });
      runs.set(`${sha}/${name}`, data.id);
    } else await octokit.rest.checks.update({ owner, repo, check_run_id: known, ...state, output });
  }

  async function run(commit: Commit): Promise<void> {
    const { owner, repo, sha } = commit;
    const { data } = await octokit.rest.git.getCommit({ owner, repo, commit_sha: sha });
    await build(commit);
    await report(commit, data.message.startsWith("failing-test") ? "failure" : "success");
  }

  return {
    build,
    report,
    pushed({ owner, repo, ref, sha }) {
      const isNew = !runs.has(`${sha}/test`) && !/^0+$/.test(sha);
      if (mode === "instant" && isNew && ref.startsWith("refs/heads/")) start(() => run({ owner, repo, sha }));
    },
    rerun: (job) => start(() => run(job)),
    resume() {},
    async idle() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
    async close() {
      stop.abort();
      await Promise.all(underWay);
    },
  };
}

/**
 * What a fake kubelet plays, which runs no code and sees no more of an image than its digest: these are its last two digits. A
 * kubelet that runs the code does not care.
 */
const PLAYED = { good: "00", crashing: "c0", "never-ready": "e0", unpullable: "d0", evicted: "a0" } as const;
type Behaviour = keyof typeof PLAYED;

/** The file that names the behaviour of what has no code for it: a pull that fails and an eviction are the node's doing. */
export const PLAYS_FILE = "plays.txt";

function behaviourOf(folder: string): Behaviour {
  const named = readText(join(folder, PLAYS_FILE))?.trim();
  const kinds = Object.keys(PLAYED) as Behaviour[];
  const catalogue = readText(join(folder, "catalogue.js"));
  const isAsWritten = (kind: Behaviour): boolean =>
    (kind === "crashing" || kind === "never-ready") && variants[kind](0)["catalogue.js"] === catalogue;
  return kinds.find((kind) => kind === named) ?? kinds.find(isAsWritten) ?? "good";
}

/** A manifest of that image whose digest ends as wanted; a counter in an annotation finds it after some 256 attempts. */
function playing(behaviour: Behaviour, config: Buffer, layers: readonly Layer[]): Buffer {
  for (let n = 0; ; n++) {
    const manifest = imageManifest(config, layers, { "dev.proa.test/nonce": `${n}` });
    if (digestOf(manifest).endsWith(PLAYED[behaviour])) return manifest;
  }
}

const ignore = (): void => undefined;
const SILENT = { debug: ignore, info: ignore, warn: ignore, error: ignore };

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null; // not there, or not a file: for a plan the same
  }
}
