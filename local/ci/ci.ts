import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Octokit } from "@octokit/rest";
import type { WorldClock } from "../clock.ts";
import { runJob, type Job, type Outcome } from "./job.ts";

export interface LocalCiOptions {
  readonly dir: string;
  readonly clock: WorldClock;
  readonly apiUrl: () => string;
  /** Repositories are below it: `<gitUrl>/<owner>/<repo>.git`. */
  readonly gitUrl: () => string;
  /** The CI app's, for check runs and for fetching. */
  readonly token: string;
  readonly registry: { readonly host: string; readonly url: () => string; readonly token: string };
  /** The process's environment; the commits' code sees the few names of it that `ALLOWED` lists. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: (msg: string, fields: Readonly<Record<string, unknown>>) => void;
  /** Default two minutes. */
  readonly testTimeoutMs?: number;
}

export interface LocalCi {
  /** Queues a branch's new commit. A commit that was ever queued is not queued again, whatever branch brings it. */
  pushed(push: { owner: string; repo: string; ref: string; sha: string; before: string }): void;
  /** Runs a commit again, as a check run's "Re-run" button asks. */
  rerun(job: Job): void;
  /** Takes up what an earlier process left unfinished; to be called once GitHub answers. */
  resume(): void;
  /** Settles when nothing is queued or running. */
  idle(): Promise<void>;
  /** Kills what runs; `resume` of the next process starts it again. */
  close(): Promise<void>;
}

const AT_ONCE = 2;
const ALLOWED = [
  "PATH",
  "HOME",
  "TMPDIR",
  "LANG",
  "npm_config_registry",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "NODE_EXTRA_CA_CERTS",
];

/** Continuous integration for the local world: one check run, `test`, and the images of every commit that is pushed to a branch. */
export function createLocalCi(options: LocalCiOptions): LocalCi {
  const ledger = openLedger(options.dir);
  const waiting: Job[] = [];
  const running = new Map<string, Promise<void>>();
  const stop = new AbortController();

  function enqueue(job: Job): void {
    const key = keyOf(job);
    if (stop.signal.aborted || running.has(key) || waiting.some((other) => keyOf(other) === key)) return;
    ledger.write(job, "waiting");
    waiting.push(job);
    startNext();
  }

  function startNext(): void {
    const job = running.size < AT_ONCE && !stop.signal.aborted ? waiting.shift() : undefined;
    if (job === undefined) return;
    const key = keyOf(job);
    const done = runAndReport(job, options, stop.signal)
      .then(() => ledger.write(job, "done"))
      .catch((error: unknown) => {
        if (!stop.signal.aborted) options.log("ci job not reported", { ...job, error: String(error) });
      })
      .finally(() => {
        running.delete(key);
        startNext();
      });
    running.set(key, done);
  }

  return {
    pushed({ owner, repo, ref, sha }) {
      const isDeletion = /^0+$/.test(sha);
      if (ref.startsWith("refs/heads/") && !isDeletion && !ledger.has({ owner, repo, sha }))
        enqueue({ owner, repo, sha });
    },
    rerun: ({ owner, repo, sha }) => enqueue({ owner, repo, sha }),
    resume() {
      for (const job of ledger.unfinished()) enqueue(job);
    },
    async idle() {
      while (running.size > 0) await Promise.all(running.values());
    },
    async close() {
      stop.abort();
      await Promise.all(running.values());
    },
  };
}

async function runAndReport(job: Job, options: LocalCiOptions, signal: AbortSignal): Promise<void> {
  const { clock, log, registry } = options;
  const { owner, repo, sha } = job;
  const octokit = new Octokit({ baseUrl: options.apiUrl(), auth: options.token, request: { signal }, log: SILENT });
  const now = (): string => new Date(clock.nowMs()).toISOString();
  log("ci job started", { ...job });
  const { data: check } = await persistently(
    () =>
      octokit.rest.checks.create({
        owner,
        repo,
        name: "test",
        head_sha: sha,
        status: "in_progress",
        started_at: now(),
      }),
    signal,
  );
  const outcome = await runJob(job, {
    dir: join(options.dir, "work"),
    gitUrl: options.gitUrl(),
    gitToken: options.token,
    registry: { host: registry.host, url: registry.url(), token: registry.token },
    env: environmentOf(options.env),
    testTimeoutMs: options.testTimeoutMs ?? 120_000,
    signal,
  }).catch((error: unknown): Outcome => {
    signal.throwIfAborted();
    return { conclusion: "failure", title: "The local CI could not run this commit", summary: String(error) };
  });
  const { conclusion, title, summary } = outcome;
  const completed = { status: "completed", conclusion, completed_at: now(), output: { title, summary } } as const;
  await persistently(() => octokit.rest.checks.update({ owner, repo, check_run_id: check.id, ...completed }), signal);
  log("ci job ended", { ...job, conclusion, title });
}

/** Octokit prints failed calls to the console; ours are repeated, or end in our own log. */
const ignore = (): void => undefined;
const SILENT = { debug: ignore, info: ignore, warn: ignore, error: ignore };

function environmentOf(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const allowed = ALLOWED.flatMap((name): [string, string][] => {
    const value = env[name];
    return value === undefined ? [] : [[name, value]];
  });
  return { ...Object.fromEntries(allowed), CI: "true", NO_COLOR: "1" };
}

/** A check run left `in_progress` holds its pull request for ever, so a server that fails now and then is asked again. */
async function persistently<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      const status = error instanceof Error && "status" in error ? Number(error.status) : 500;
      if (attempt === 5 || status < 500) throw error;
      await delay(100 * 2 ** attempt, undefined, { signal });
    }
  }
}

/** Which commits were ever queued, in one small file, so that a restart neither repeats nor forgets one. */
function openLedger(dir: string) {
  mkdirSync(dir, { recursive: true });
  const file = join(dir, "jobs.json");
  const states = new Map<string, string>(Object.entries(readJson(file)));

  return {
    has: (job: Job): boolean => states.has(keyOf(job)),
    write(job: Job, state: "waiting" | "done"): void {
      states.set(keyOf(job), state);
      writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries(states), null, 1));
      renameSync(`${file}.new`, file);
    },
    unfinished(): Job[] {
      return [...states].flatMap(([key, state]) => {
        const [owner, repo, sha] = key.split("/");
        return state === "waiting" && owner !== undefined && repo !== undefined && sha !== undefined
          ? [{ owner, repo, sha }]
          : [];
      });
    },
  };
}

function readJson(file: string): Record<string, string> {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Record<string, string>; // our own file, written whole
  } catch {
    return {};
  }
}

const keyOf = ({ owner, repo, sha }: Job): string => `${owner}/${repo}/${sha}`;
