import { describe, expect, test, type TestContext } from "vitest";
import type { GitHub } from "../../src/adapters/github.ts";
import type { Effects } from "../../src/effects.ts";
import { chance } from "./chance.ts";
import { faulty, oneIn } from "./faulty.ts";
import type { Journey, JourneyOptions, StartWorld } from "./harness.ts";
import { readable } from "./readable.ts";

/** Another one with every run, printed with the tests' names; to see a failure again, write its seed here. */
const SEED = Date.now() % 1_000_000;
const MINUTE = 60_000;

/** What people are left with; commits by their names, so that two worlds compare. */
interface EndState {
  readonly previewNamespace: "gone" | "there";
  readonly live: Readonly<Record<string, string>>;
  readonly oneDigest: boolean;
  readonly statuses: readonly string[];
  readonly deployments: readonly string[];
  readonly comment: string;
}

/** A pull request with three commits, each of which goes live, then the merge. */
async function shortStory(shop: Journey, inProduction = () => {}): Promise<EndState> {
  const pull = await shop.person.openPullRequest({ branch: "bell" });
  const commits: Record<string, string> = { first: pull.sha };
  await succeeded(shop, pull.sha, "proa/preview");
  for (const name of ["second", "third"]) {
    const sha = await shop.person.push("bell", "good");
    commits[name] = sha;
    await succeeded(shop, sha, "proa/preview");
  }
  const merged = await shop.person.merge(pull.number);
  commits["merged"] = merged;
  await succeeded(shop, merged, "proa/staging");
  await succeeded(shop, merged, "proa/production");
  inProduction();
  await shop.until(
    async () => (await shop.namespace(shop.previewNamespace(1))) === null,
    "the preview's namespace is gone",
    // A sweep makes some twenty calls: where one in ten fails, several of them end before they come to this pull request.
    { withinMs: 2 * MINUTE },
  );
  // What is late, retried or repaired by a sweep gets its time.
  await shop.pass(25 * MINUTE);
  await shop.quiet();
  return endState(shop, commits);
}

const succeeded = (shop: Journey, sha: string, context: string) =>
  shop.until(async () => (await shop.status(sha, context))?.state === "success", `${context} of ${sha} is a success`, {
    withinMs: 2 * MINUTE, // retries after back-offs cost real time too
  });

async function endState(shop: Journey, commits: Record<string, string>): Promise<EndState> {
  const nameOf = (sha: string) => Object.keys(commits).find((name) => commits[name] === sha) ?? "earlier";
  const [staging, production] = await Promise.all([
    shop.live(shop.namespaces.staging),
    shop.live(shop.namespaces.production),
  ]);
  const statuses: string[] = [];
  for (const [name, sha] of Object.entries(commits)) {
    for (const context of ["proa/preview", "proa/staging", "proa/production"]) {
      const status = await shop.status(sha, context);
      if (status !== null) statuses.push(`${name} ${context} ${status.state}`);
    }
  }
  const deployments: string[] = [];
  for (const environment of ["preview", "staging", "production"]) {
    for (const { sha, state } of await shop.deployments(environment)) {
      // What was deployed before the story began depends on how far that had come.
      if (nameOf(sha) !== "earlier") deployments.push(`${environment} ${nameOf(sha)} ${state}`);
    }
  }
  return {
    previewNamespace: (await shop.namespace(shop.previewNamespace(1))) === null ? "gone" : "there",
    live: {
      staging: nameOf(staging["web"]?.annotations["proa.dev/commit"] ?? ""),
      production: nameOf(production["web"]?.annotations["proa.dev/commit"] ?? ""),
    },
    oneDigest: staging["web"]?.image !== undefined && staging["web"].image === production["web"]?.image,
    statuses,
    deployments,
    comment: readable((await shop.comment(1)) ?? "", commits),
  };
}

const EXPECTED: EndState = {
  previewNamespace: "gone",
  live: { staging: "merged", production: "merged" },
  oneDigest: true,
  statuses: [
    "first proa/preview success",
    "second proa/preview success",
    "third proa/preview success",
    "merged proa/staging success",
    "merged proa/production success",
  ],
  deployments: [
    "preview third inactive",
    "preview second inactive",
    "preview first inactive",
    "staging merged success",
    "production merged success",
  ],
  comment: [
    "<!-- proa:comment -->",
    "### Preview removed\n\nMerged as <merged>.",
    "**staging**: <merged> is live. http://staging.shop.localhost:PORT",
    "**production**: <merged> is live. http://shop.localhost:PORT",
  ].join("\n\n"),
};

type Deliver = NonNullable<JourneyOptions["deliver"]>;

/** The short story in worlds where something is wrong with the calls or the messages: the end is the same. */
export function faults(startWorld: StartWorld): void {
  describe(`the story ends the same (seed ${SEED})`, { timeout: 240_000 }, () => {
    const told = async (t: TestContext, options: JourneyOptions): Promise<EndState> =>
      shortStory(await startWorld(t, options));

    test("in a world without faults", async (t) => {
      expect(await told(t, {})).toEqual(EXPECTED);
    });

    test("when every delivery comes twice", async (t) => {
      const deliver: Deliver = async (_delivery, send) => {
        await send();
        return send();
      };
      expect(await told(t, { deliver })).toEqual(EXPECTED);
    });

    test("when deliveries overtake each other", async (t) => {
      const draw = chance(SEED);
      let shop: Journey | null = null;
      const deliver: Deliver = async (_delivery, send) => {
        if (shop === null) return send();
        shop.world.clock.setTimeout(() => void send(), draw() * 5_000);
        return { status: 202 };
      };
      shop = await startWorld(t, { deliver });
      expect(await shortStory(shop)).toEqual(EXPECTED);
    });

    test("when a third of the deliveries is lost, half of those without a trace", async (t) => {
      const draw = chance(SEED);
      const deliver: Deliver = async (_delivery, send) => {
        if (draw() >= 1 / 3) return send();
        return { status: draw() < 1 / 2 ? 202 : 502 };
      };
      expect(await told(t, { deliver })).toEqual(EXPECTED);
    });

    test("when the queues hand every message out twice", async (t) => {
      const interfere = (fx: Effects): Effects => ({ ...fx, queue: twice(fx.queue) });
      expect(await told(t, { interfere })).toEqual(EXPECTED);
    });

    test("when GitHub shows pull requests and branches late, and no sweep has to help", async (t) => {
      const shop = await startWorld(t, { interfere: showingLate(4_000) });
      const began = shop.world.clock.nowMs();
      expect(await shortStory(shop, () => expect(shop.world.clock.nowMs() - began).toBeLessThan(5 * MINUTE))).toEqual(
        EXPECTED,
      );
    });

    test("when one call in ten fails, before or after it took effect", async (t) => {
      const fate = oneIn(10, chance(SEED));
      let failing = false;
      const interfere = (fx: Effects) => faulty(fx, () => (failing ? fate() : "well"));
      // Store and queue fail as well, so some messages are lost to the dead letters; the sweeps look at their targets again.
      const shop = await startWorld(t, { interfere, tolerate: ["dead letters", "error lines"] });
      failing = true;
      expect(await shortStory(shop)).toEqual(EXPECTED);
      expect(shop.log.filter((line) => line.includes('"walk failed')).length).toBeGreaterThan(3);
    });
  });
}

/** At-least-once, as ordinary queues promise it; a FIFO queue repeats a message when its receiver died. */
function twice(queue: Effects["queue"]): Effects["queue"] {
  return {
    async send(message, group, dedupId) {
      await queue.send(message, group, dedupId);
      await queue.send(message, group, `${dedupId}/again`);
    },
    async tick(target, n, delayMs) {
      await queue.tick(target, n, delayMs);
      await queue.tick(target, n, delayMs);
    },
    async report(installation, delayMs) {
      await queue.report(installation, delayMs);
      await queue.report(installation, delayMs);
    },
  };
}

/** GitHub's replicas: for a while after a change, some reads still show the state before it. */
function showingLate(lagMs: number): (fx: Effects) => Effects {
  return (fx) => {
    const seen = new Map<string, { readonly at: number; readonly value: unknown }[]>();
    async function late<T>(key: string, read: Promise<T>): Promise<T> {
      const value = await read;
      const now = fx.clock.now();
      const history = seen.get(key) ?? [];
      if (JSON.stringify(history.at(-1)?.value) !== JSON.stringify(value)) history.push({ at: now, value });
      seen.set(key, history);
      const settled = history.filter(({ at }) => now - at >= lagMs).at(-1) ?? history[0];
      return settled?.value as T;
    }
    const lagging = (github: GitHub): GitHub => ({
      ...github,
      pullRequest: (repo, number) => late(`pull/${repo}/${number}`, github.pullRequest(repo, number)),
      branch: (repo, branch) => late(`branch/${repo}/${branch}`, github.branch(repo, branch)),
    });
    return { ...fx, github: { ...fx.github, installation: (id) => lagging(fx.github.installation(id)) } };
  };
}
