import type { GitHub, GitHubApp } from "./adapters/github.ts";
import { type Have, type Outbox, Overtaken, type Place, type Want } from "./adapters/outbox.ts";
import type { Queue } from "./adapters/queue.ts";
import type { Clock } from "./clock.ts";
import { refreshed, spend, waitMs } from "./core/budget.ts";
import { composeComment, MARKER } from "./core/comment.ts";
import { hash, stable } from "./core/hash.ts";
import { OutsideError } from "./core/problem.ts";
import type { Surface } from "./core/words.ts";
import type { Log } from "./log.ts";
import { presentNames } from "./report-repository.ts";

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
/** An outage or a suspended installation may last for days, and what GitHub shows must come right after it. */
const GIVE_UP_AFTER = 3 * 24 * 12;
const SHUT_OUT_MS = 5 * 60_000;
/** Another reporter is at it. */
const STEP_ASIDE_MS = 10_000;
/** One message group makes one reporter per installation; this ends it long before its message would be given to a second one. */
const LONGEST_RUN_MS = 20_000;
/** A process that was held up for longer writes nothing more: its message may be another's by now. Half of what the queue allows. */
const LONGEST_HELD_UP_MS = 60_000;

/**
 * Writes what one installation's GitHub should show, one write after the other, within GitHub's limits. Latest want wins; what
 * is created is searched for by our key first whenever an earlier attempt may have made it. Safe to repeat.
 */
export async function report(installation: number, fx: ReportEffects): Promise<void> {
  const github = fx.github.installation(installation);
  const started = fx.clock.now();
  const run: Run = {
    ...fx,
    inTime() {
      if (fx.clock.now() - started > LONGEST_HELD_UP_MS)
        throw new Overtaken(`the reports of installation ${installation}`);
    },
  };
  for (;;) {
    const now = fx.clock.now();
    const due = await fx.outbox.due(installation, now, BATCH);
    if (due.length === 0) return;
    due.sort((a, b) => ORDER.indexOf(a.surface.kind) - ORDER.indexOf(b.surface.kind));
    const nameOf = presentNames(github, fx.outbox);
    for (const want of due) {
      const paused = await writeOne(want, { github, nameOf }, run);
      if (paused !== null || fx.clock.now() - started > LONGEST_RUN_MS) {
        await fx.queue.report(installation, paused ?? 0);
        return;
      }
    }
  }
}

interface Run extends ReportEffects {
  /** @throws Overtaken when this reporter was held up for too long to write anything more */
  inTime(): void;
}

interface Writing extends Run {
  /**
   * Asked right before every write on GitHub, and charges it: a write that is lost, or a process that ends with it, is counted.
   * @throws Spent, Overtaken
   */
  charge(): Promise<void>;
}

/** GitHub's limits allow no further write for a while. */
class Spent extends Error {
  override readonly name = "Spent";
  readonly waitMs: number;

  constructor(waitMs: number) {
    super(`the budget of writes is spent for ${waitMs} ms`);
    this.waitMs = waitMs;
  }
}

/** null: go on; a number: nothing may be written for so long. */
async function writeOne(
  want: Want,
  { github, nameOf }: { github: GitHub; nameOf: ReturnType<typeof presentNames> },
  fx: Run,
): Promise<number | null> {
  const { installation, surface } = want;
  const now = fx.clock.now();
  let budget = refreshed(await fx.outbox.budget(installation), now);
  // A Deployment is made and given its status, two requests: better neither of them now than only the first.
  const requests = surface.kind === "deployment" ? 2 : 1;
  if (spend(budget, now, requests) === null) return Math.max(1_000, waitMs(budget, now, requests));
  const writing: Writing = {
    ...fx,
    async charge() {
      const at = fx.clock.now();
      const spent = spend(refreshed(budget, at), at);
      if (spent === null) throw new Spent(waitMs(budget, at));
      budget = spent;
      await fx.outbox.putBudget(installation, spent);
      fx.inTime();
    },
  };
  try {
    const repo = await nameOf(want);
    if (repo === null) {
      await fx.outbox.later(want, now + SHUT_OUT_MS);
      return null;
    }
    await write({ ...want, repo }, github, writing);
    await fx.outbox.done(want);
    return null;
  } catch (error) {
    if (error instanceof Overtaken) return STEP_ASIDE_MS;
    if (error instanceof Spent) return Math.max(1_000, error.waitMs);
    if (!(error instanceof OutsideError)) throw error;
    const { code, detail, retryAfterMs, whole } = error.problem;
    fx.log.warn("report failed", { repo: want.repo, surface: surface.key, code, detail, attempts: want.attempts });
    // Nothing of this installation can be shown, which is no surface's own fault: all of it stays wanted until the App is let in again.
    if (whole !== undefined) return SHUT_OUT_MS;
    const hopeless = code === "not-found" || code === "invalid" ? want.attempts >= 2 : want.attempts >= GIVE_UP_AFTER;
    if (hopeless) {
      fx.log.error("report given up", { repo: want.repo, surface: surface.key, code, detail });
      await fx.outbox.done(want);
      return null;
    }
    // A right that is missing and a repository that is archived stay so for a while; each try counts against the limits.
    const backoff = code === "forbidden" ? SHUT_OUT_MS : Math.min(5 * 60_000, 1_000 * 2 ** want.attempts);
    const waitFor = Math.max(retryAfterMs ?? 0, backoff);
    await fx.outbox.later(want, now + waitFor);
    // A limit is the whole installation's; anything else is this surface's own trouble.
    if (code === "rate-limited") return waitFor;
    await fx.queue.report(installation, waitFor);
    return null;
  }
}

async function write(want: Want, github: GitHub, fx: Writing): Promise<void> {
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
      return writeKept(await fx.outbox.place(want.installation, surface.key), surface.body, fx, {
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
  fx: Writing,
  call: () => Promise<void>,
): Promise<void> {
  const shown = hash(stable(body));
  const { have, save } = await fx.outbox.place(want.installation, key);
  if (have?.shown === shown) return;
  await fx.charge();
  await call();
  await save({ id: null, shown, creating: false, recreated: 0 });
}

async function writeDeployment(
  want: Want,
  { key, body, status }: Extract<Surface, { kind: "deployment" }>,
  github: GitHub,
  fx: Writing,
): Promise<void> {
  const place = await fx.outbox.place(want.installation, key);
  const { have } = place;
  const sha = have?.sha ?? body.sha;
  const find = () => github.findDeployment(want.repo, sha, body.environment, body.key);
  // Never shown and already over: nobody needs to see it.
  const isShown = have !== null && (have.id !== null || (have.creating && (await find()) !== null));
  if (status.state === "inactive" && !isShown) return;
  return writeKept(place, status, fx, {
    find,
    attempt: { sha },
    create: async () => {
      const made = await github.createDeployment(want.repo, { ...body, sha });
      // The id first: the status may be tried again, a second Deployment may not.
      await place.save({ id: made.id, shown: "", creating: false, recreated: 0 });
      await fx.charge();
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
  fx: Writing,
): Promise<void> {
  const repoId = Number(want.surface.key.split("/")[1]);
  const body = composeComment(await fx.outbox.parts(want.installation, repoId as never, number));
  return writeKept(await fx.outbox.place(want.installation, `comment/${repoId}/${number}`), body, fx, {
    search: "always",
    find: () => github.findComment(want.repo, number, MARKER),
    create: () => github.createComment(want.repo, number, body),
    update: (id) => github.updateComment(want.repo, id, body),
  });
}

interface Kept {
  /** Also where no attempt of ours is known: the table may be younger than what it speaks of. */
  readonly search?: "always";
  /** What the next attempt has to know of this one. */
  readonly attempt?: Pick<Have, "sha">;
  readonly find: () => Promise<{ id: number } | null>;
  readonly create: () => Promise<{ id: number }>;
  readonly update: (id: number) => Promise<"updated" | "missing">;
}

/** Something made once and changed by id ever after. Deleted by someone: made anew once, and not a second time. */
async function writeKept({ have, save: put }: Place, body: unknown, fx: Writing, kept: Kept): Promise<void> {
  const shown = hash(stable(body));
  if (have?.shown === shown) return;
  const save = (change: Partial<Have>) =>
    put({ id: have?.id ?? null, shown: "", creating: false, recreated: have?.recreated ?? 0, ...change });

  const isSearched = have?.creating === true || kept.search === "always";
  const id = have?.id ?? (isSearched ? ((await kept.find())?.id ?? null) : null);
  if (id !== null) {
    await fx.charge();
    if ((await kept.update(id)) === "updated") return save({ id, shown });
  }
  const recreated = (have?.recreated ?? 0) + (id === null ? 0 : 1);
  if (recreated > 1) return;
  await save({ id: null, creating: true, recreated, ...kept.attempt });
  await fx.charge();
  const made = await kept.create();
  await save({ id: made.id, shown, recreated });
}
