import { hash } from "node:crypto";
import type { Digest, Millis, Sha } from "../../src/core/names.ts";
import type { Behaviour } from "./cluster-state.ts";
import { addRun, changeRun } from "./github-checks.ts";
import type { Files } from "./github-git.ts";
import { CI_APP, type Repo, type Run, shortOf, type World } from "./github-state.ts";
import { lot, mix, textHash } from "./kernel.ts";

/** How a repository's workflows behave. Times are drawn evenly between the two, chances are between 0 and 1. */
export interface CiHabits {
  /** The name of the check run. */
  readonly check: string;
  readonly registersAfterMs: readonly [Millis, Millis];
  readonly startsAfterMs: readonly [Millis, Millis];
  readonly takesMs: readonly [Millis, Millis];
  /** From the start of the job, or from its end where the image comes last. */
  readonly buildsMs: readonly [Millis, Millis];
  readonly imageAfterChecks: number;
  /** Nobody pushes the image, until somebody runs the job again. */
  readonly imageNever: number;
  /** Red without a reason; the next run is green. */
  readonly flaky: number;
  /** A second run pushes another image under the same tag. */
  readonly rebuildsDiffer: number;
  /** A push ends the run of the commit before. */
  readonly cancelsOlder: number;
}

export interface Ci {
  pushed(repo: Repo, branch: string, sha: Sha): void;
  /** A pull request has a head it did not have before: what runs for pull requests runs. */
  pullMoved(repo: Repo, number: number): void;
  rerun(repo: Repo, run: Run): void;
  /** What was built; null: no image of ours. */
  built(digest: string): Built | null;
}

export interface Built {
  readonly repo: Repo;
  readonly sha: Sha;
  readonly image: string;
  readonly behaviour: Behaviour;
}

interface Dice {
  happens(chance: number): boolean;
  between(range: readonly [Millis, Millis]): Millis;
}

const BOT = "github-actions[bot]";

export function createCi(world: World): Ci {
  const { sim, options } = world;
  const images = new Map<string, Built>();
  const started = new Set<string>();
  const running = new Map<string, Run>();
  const jobs = new Map<string, number>();
  const builds = new Map<string, number>();
  const seed = Math.floor(sim.draw() * 2 ** 32);

  /** The nth job of a branch has dice of its own: a history with a step less leaves the rest as it was. */
  function dice(lane: string): Dice {
    const nth = jobs.get(lane) ?? 0;
    jobs.set(lane, nth + 1);
    const job = mix(textHash(lane), nth);
    let asked = 0;
    const draw = (): number => lot(seed, job, asked++);
    return {
      happens: (chance) => draw() < chance,
      between: ([least, most]) => Math.round(least + draw() * (most - least)),
    };
  }

  /** Once per commit: a second branch at the same commit brings nothing new. */
  function begin(repo: Repo, sha: Sha, { lane, checks }: { lane: string; checks: boolean }): void {
    const habits = options.ci;
    const key = `${repo.id}/${sha}${checks ? "" : "/build"}`;
    if (habits === null || started.has(key)) return;
    started.add(key);
    const job = dice(lane);
    sim.at(job.between(habits.registersAfterMs), `ci ${shortOf(sha)}`, () => {
      const older = running.get(lane);
      if (older !== undefined && older.view.status !== "completed" && job.happens(habits.cancelsOlder))
        changeRun(world, repo, older, { status: "completed", conclusion: "cancelled" }, BOT);
      const image = !job.happens(habits.imageNever);
      const flaky = job.happens(habits.flaky);
      if (checks) running.set(lane, runJob(repo, sha, habits, { image, flaky }, job));
      else if (image) sim.at(job.between(habits.buildsMs), `build ${shortOf(sha)}`, () => push(repo, sha));
    });
  }

  function runJob(
    repo: Repo,
    sha: Sha,
    habits: CiHabits,
    { image, flaky }: { image: boolean; flaky: boolean },
    job: Dice,
  ): Run {
    const run = addRun(world, repo, sha, {
      appId: CI_APP,
      name: habits.check,
      status: "queued",
      conclusion: null,
      externalId: "",
      body: null,
      by: BOT,
    });
    const isOver = (): boolean => run.view.status === "completed";
    const last = job.happens(habits.imageAfterChecks);
    const build = (): void => sim.at(job.between(habits.buildsMs), `build ${shortOf(sha)}`, () => push(repo, sha));
    sim.at(job.between(habits.startsAfterMs), `start ${shortOf(sha)}`, () => {
      if (isOver()) return;
      changeRun(world, repo, run, { status: "in_progress", conclusion: null }, BOT);
      if (image && !last) build();
      sim.at(job.between(habits.takesMs), `test ${shortOf(sha)}`, () => {
        if (isOver()) return;
        const red = flaky || testsFail(repo.git.files(sha));
        sim.note(`ci: ${habits.check} of ${shortOf(sha)} in ${repo.name} ${red ? "failed" : "passed"}`);
        changeRun(world, repo, run, { status: "completed", conclusion: red ? "failure" : "success" }, BOT);
        if (image && last && !red) build();
      });
    });
    return run;
  }

  function push(repo: Repo, sha: Sha, build = 0): void {
    builds.set(`${repo.id}/${sha}`, build);
    for (const { image, path } of repo.services) {
      const digest = `sha256:${hash("sha256", `${image} ${sha} ${build}`)}` as Digest;
      images.set(digest, { repo, sha, image, behaviour: behaviourOf(repo.git.files(sha), path) });
      sim.note(`ci: pushed ${image}:${shortOf(sha)} ${digest.slice(7, 15)}`);
      options.pushImage(image, sha, digest);
    }
  }

  return {
    pushed(repo, branch, sha) {
      // What a fork's own workflows do is no business of the repository it came from.
      if (repo.forkOf !== null) return;
      const isPull = branch !== repo.defaultBranch;
      if (repo.checksOn === "push") begin(repo, sha, { lane: `${repo.id}/${branch}`, checks: true });
      else if (!isPull) begin(repo, sha, { lane: `${repo.id}/${branch}`, checks: false });
    },
    pullMoved(repo, number) {
      const pull = repo.pulls.get(number);
      if (pull !== undefined) begin(repo, pull.head.sha, { lane: `${repo.id}/#${number}`, checks: true });
    },
    rerun(repo, run) {
      const habits = options.ci;
      if (habits === null) return;
      const built = builds.get(`${repo.id}/${run.sha}`);
      const job = dice(`${repo.id}/again`);
      runJob(repo, run.sha, habits, { image: built === undefined, flaky: false }, job);
      if (built !== undefined && job.happens(habits.rebuildsDiffer))
        sim.at(job.between(habits.buildsMs), `rebuild ${shortOf(run.sha)}`, () => push(repo, run.sha, built + 1));
    },
    built: (digest) => images.get(digest) ?? null,
  };
}

/** What a file of a service says about the version it makes: `crashes, tests pass: 17`. The number makes versions differ. */
export const versionText = (behaviour: Behaviour, n: number, tests: "pass" | "fail" = "pass"): string =>
  `${behaviour}, tests ${tests}: ${n}`;

const VERSION = /^(.+), tests (pass|fail): \d+$/;

/** One bad file spoils a service, so a bad merge stays bad until somebody mends that file. */
function behaviourOf(files: Files, folder: string): Behaviour {
  for (const [path, text] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const behaviour = VERSION.exec(text)?.[1];
    const within = folder === "." || path.startsWith(`${folder}/`);
    if (within && behaviour !== undefined && behaviour !== "good") return behaviour as Behaviour;
  }
  return "good";
}

const testsFail = (files: Files): boolean => [...files.values()].some((text) => VERSION.exec(text)?.[2] === "fail");
