import type { GitHub, GitHubApp } from "./adapters/github.ts";
import type { Have, Outbox, Want } from "./adapters/outbox.ts";
import type { Queue } from "./adapters/queue.ts";
import type { Clock } from "./clock.ts";
import { refreshed, spend, waitMs } from "./core/budget.ts";
import { composeComment, MARKER } from "./core/comment.ts";
import { hash, stable } from "./core/hash.ts";
import { OutsideError } from "./core/problem.ts";
import type { Surface } from "./core/words.ts";
import type { Log } from "./log.ts";

/** What the reporter may touch: GitHub and the outbox, no cluster. */
export interface ReportEffects {
  readonly clock: Clock;
  readonly log: Log;
  readonly outbox: Outbox;
  readonly queue: Pick<Queue, "report">;
  readonly github: GitHubApp;
}

/** A status is what merge buttons look at, so it goes first; the comment is what people look at. */
const ORDER: readonly Surface["kind"][] = ["status", "comment", "check", "deployment", "reaction"];
const BATCH = 50;
const GIVE_UP_AFTER = 8;
/** A second reporter on the same installation is impossible (one message group); this is only its own time limit. */
const LONGEST_RUN_MS = 20_000;

/**
 * Writes what one installation's GitHub should show, one write after the other, within GitHub's limits. Latest want wins; what
 * is created is searched for by our key first whenever an earlier attempt may have made it. Safe to repeat.
 */
export async function report(installation: number, fx: ReportEffects): Promise<void> {
  const github = fx.github.installation(installation);
  const started = fx.clock.now();
  for (;;) {
    const now = fx.clock.now();
    const due = await fx.outbox.due(installation, now, BATCH);
    if (due.length === 0) return;
    due.sort((a, b) => ORDER.indexOf(a.surface.kind) - ORDER.indexOf(b.surface.kind));
    for (const want of due) {
      const paused = await writeOne(want, github, fx);
      if (paused !== null || fx.clock.now() - started > LONGEST_RUN_MS) {
        await fx.queue.report(installation, paused ?? 0);
        return;
      }
    }
  }
}

/** null: go on; a number: nothing may be written for so long. */
async function writeOne(want: Want, github: GitHub, fx: ReportEffects): Promise<number | null> {
  const { installation, surface } = want;
  const now = fx.clock.now();
  const budget = refreshed(await fx.outbox.budget(installation), now);
  const spent = spend(budget);
  if (spent === null) return Math.max(1_000, waitMs(budget, now));
  try {
    const wrote = await write(want, github, fx);
    if (wrote) await fx.outbox.putBudget(installation, spent);
    await fx.outbox.done(want);
    return null;
  } catch (error) {
    if (!(error instanceof OutsideError)) throw error;
    const { code, detail, retryAfterMs } = error.problem;
    fx.log.warn("report failed", { repo: want.repo, surface: surface.key, code, detail, attempts: want.attempts });
    const hopeless =
      code === "not-found" || code === "forbidden" || code === "invalid"
        ? want.attempts >= 2
        : want.attempts >= GIVE_UP_AFTER;
    if (hopeless) {
      fx.log.error("report given up", { repo: want.repo, surface: surface.key, code, detail });
      await fx.outbox.done(want);
      return null;
    }
    const waitFor = Math.max(retryAfterMs ?? 0, Math.min(5 * 60_000, 1_000 * 2 ** want.attempts));
    await fx.outbox.later(want, now + waitFor);
    // A limit is the whole installation's; anything else is this surface's own trouble.
    if (code === "rate-limited") return waitFor;
    await fx.queue.report(installation, waitFor);
    return null;
  }
}

/** True where something was written on GitHub. */
async function write(want: Want, github: GitHub, fx: ReportEffects): Promise<boolean> {
  const { surface, repo } = want;
  switch (surface.kind) {
    case "status":
      return onceChanged(want, surface.key, surface.body, fx, () =>
        github.createStatus(repo, surface.sha, surface.body),
      );
    case "reaction":
      return onceChanged(want, surface.key, surface.accepted, fx, () =>
        github.react(repo, surface.commentId, surface.accepted ? "+1" : "-1"),
      );
    case "deployment":
      return writeDeployment(want, surface, github, fx);
    case "check":
      return writeKept(want, surface.key, surface.body, fx, {
        find: () => github.findCheckRun(repo, surface.sha, surface.body.name, surface.body.externalId),
        create: () => github.createCheckRun(repo, surface.sha, surface.body),
        update: (id) => github.updateCheckRun(repo, id, surface.body),
      });
    case "comment":
      return writeComment(want, surface, github, fx);
  }
}

async function onceChanged(
  want: Want,
  key: string,
  body: unknown,
  fx: ReportEffects,
  call: () => Promise<void>,
): Promise<boolean> {
  const shown = hash(stable(body));
  const have = await fx.outbox.have(want.installation, key);
  if (have?.shown === shown) return false;
  await call();
  await fx.outbox.putHave(want.installation, key, { id: null, shown, creating: false, recreated: 0 });
  return true;
}

async function writeDeployment(
  want: Want,
  { key, body, status }: Extract<Surface, { kind: "deployment" }>,
  github: GitHub,
  fx: ReportEffects,
): Promise<boolean> {
  const have = await fx.outbox.have(want.installation, key);
  // Never shown and already over: nobody needs to see it.
  if (have === null && status.state === "inactive") return false;
  return writeKept(want, key, status, fx, {
    find: () => github.findDeployment(want.repo, body.sha, body.environment, body.key),
    create: async () => {
      const made = await github.createDeployment(want.repo, body);
      // The id first: the status may be tried again, a second Deployment may not.
      await fx.outbox.putHave(want.installation, key, { id: made.id, shown: "", creating: false, recreated: 0 });
      await github.createDeploymentStatus(want.repo, made.id, status);
      return made;
    },
    update: async (id) => {
      await github.createDeploymentStatus(want.repo, id, status);
      return "updated";
    },
  });
}

/** All parts of the pull request's comment are one comment, whoever wants a part changed. */
async function writeComment(
  want: Want,
  { number }: Extract<Surface, { kind: "comment" }>,
  github: GitHub,
  fx: ReportEffects,
): Promise<boolean> {
  const repoId = Number(want.surface.key.split("/")[1]);
  const body = composeComment(await fx.outbox.parts(want.installation, repoId as never, number));
  return writeKept(want, `comment/${repoId}/${number}`, body, fx, {
    find: () => github.findComment(want.repo, number, MARKER),
    create: () => github.createComment(want.repo, number, body),
    update: (id) => github.updateComment(want.repo, id, body),
  });
}

interface Kept {
  readonly find: () => Promise<{ id: number } | null>;
  readonly create: () => Promise<{ id: number }>;
  readonly update: (id: number) => Promise<"updated" | "missing">;
}

/** Something made once and changed by id ever after. Deleted by someone: made anew once, and not a second time. */
async function writeKept(
  { installation }: Want,
  key: string,
  body: unknown,
  fx: ReportEffects,
  kept: Kept,
): Promise<boolean> {
  const shown = hash(stable(body));
  const have = await fx.outbox.have(installation, key);
  if (have?.shown === shown) return false;
  const save = (change: Partial<Have>) =>
    fx.outbox.putHave(installation, key, {
      id: have?.id ?? null,
      shown: "",
      creating: false,
      recreated: have?.recreated ?? 0,
      ...change,
    });

  const id = have?.id ?? (have?.creating || key.startsWith("comment/") ? ((await kept.find())?.id ?? null) : null);
  if (id !== null && (await kept.update(id)) === "updated") {
    await save({ id, shown });
    return true;
  }
  const recreated = (have?.recreated ?? 0) + (id === null ? 0 : 1);
  if (recreated > 1) return false;
  await save({ id: null, creating: true, recreated });
  const made = await kept.create();
  await save({ id: made.id, shown, recreated });
  return true;
}
