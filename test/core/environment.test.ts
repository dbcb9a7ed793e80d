import { describe, expect, test } from "vitest";
import type { EnvironmentConfig } from "../../src/core/config.ts";
import { releaseKey } from "../../src/core/decision.ts";
import { decideEnvironment } from "../../src/core/environment.ts";
import { rollbackTo } from "../../src/core/environment-commands.ts";
import type { Candidate, EnvironmentSeen, Source } from "../../src/core/environment-seen.ts";
import type { Sha } from "../../src/core/names.ts";
import type { Hold, TargetState } from "../../src/core/state.ts";
import {
  absent,
  config,
  digest,
  failure,
  image,
  live,
  liveRecord,
  MINUTE,
  NOW,
  ordered,
  passed,
  record,
  red,
  release,
  rollout,
  running,
  sha,
  staging,
} from "./decision-fixture.ts";

const env: EnvironmentConfig = {
  name: "staging",
  from: { kind: "branch", branch: "main" },
  clusters: ["default"],
  namespace: "shop-staging",
  host: "staging.shop.example",
  bakeMs: 0,
  approve: null,
  deadlineMs: 10 * MINUTE,
  rollback: "auto",
};
const approve = { permission: "write", notAuthor: false } as const;

const candidate = (letter: string, change: Partial<Candidate> = {}): Candidate => ({
  sha: sha(letter),
  verdict: passed,
  images: [image(letter)],
  authors: ["mo"],
  pulls: [1],
  ...change,
});

const ahead = (...candidates: Candidate[]): Source => ({
  kind: "candidates",
  tip: candidates[0]?.sha ?? sha("b"),
  relation: "ahead",
  candidates,
});

/** `a` is live, `b` was merged, is green and built. */
const ready: EnvironmentSeen = {
  now: NOW,
  state: liveRecord(staging, "a", 1, { previous: live("0", 1) }),
  commands: [],
  holds: [],
  repositoryActive: true,
  config: { config },
  env,
  source: ahead(candidate("b")),
  previous: release("0", 1),
  namespaceProblem: null,
  hinted: null,
};

const withState = (change: Partial<TargetState>, seen = ready): EnvironmentSeen => ({
  ...seen,
  state: { ...seen.state, ...change },
});
const withSource = (
  relation: "identical" | "behind" | "diverged" | "first",
  ...candidates: Candidate[]
): EnvironmentSeen => ({
  ...ready,
  source: { kind: "candidates", tip: candidates[0]?.sha ?? sha("a"), relation, candidates },
});
const said = (seen: EnvironmentSeen) => {
  const { act, next, wakeInMs } = decideEnvironment(seen);
  return { act: act.kind, phase: next.phase, because: next.because, wakeInMs };
};
const deployed = (seen: EnvironmentSeen): Sha | null => {
  const { act } = decideEnvironment(seen);
  return act.kind === "deploy" ? act.plan.sha : null;
};

test("deploys the newest commit that is green and built", () => {
  const { act, next } = decideEnvironment(ready);
  expect(act).toEqual({
    kind: "deploy",
    plan: {
      kind: "deploy",
      sha: sha("b"),
      services: [{ name: "web", image: "registry.example/acme/shop-web", digest: digest("b") }],
      patch: [],
      actor: "mo",
      pulls: [1],
      because: "deploying bbbbbbb",
      of: null,
    },
  });
  expect(next).toMatchObject({ phase: "rolling", wanted: { sha: sha("b"), since: NOW }, pulls: [1], failed: null });
});

describe("what holds it back, and in which words", () => {
  const rows: [string, EnvironmentSeen, string, string, number | null][] = [
    [
      "nothing to deploy yet",
      { ...ready, state: record(staging), source: { kind: "nothing", because: "the branch main does not exist" } },
      "idle",
      "the branch main does not exist",
      30 * MINUTE,
    ],
    [
      "checks that run",
      { ...ready, source: ahead(candidate("b", { verdict: running })) },
      "waiting",
      "waiting for `test`",
      5 * MINUTE,
    ],
    [
      "a check that failed",
      { ...ready, source: ahead(candidate("b", { verdict: red })) },
      "blocked",
      "`test` failed",
      30 * MINUTE,
    ],
    [
      "an image that is not pushed",
      { ...ready, source: ahead(candidate("b", { images: [absent("b")] })) },
      "waiting",
      "checks passed; waiting for image registry.example/acme/shop-web:bbbbbbb in the registry",
      5_000,
    ],
    [
      "an approval",
      { ...ready, env: { ...env, approve } },
      "waiting",
      "bbbbbbb waits for an approval by someone with write permission: /approve staging",
      30 * MINUTE,
    ],
    [
      "a strict approval",
      { ...ready, env: { ...env, approve: { permission: "admin", notAuthor: true } } },
      "waiting",
      "bbbbbbb waits for an approval by someone with admin permission who did not write it: /approve staging",
      30 * MINUTE,
    ],
    [
      "a namespace that is not its own",
      { ...ready, namespaceProblem: "the namespace shop-staging does not exist in default: create it" },
      "blocked",
      "the namespace shop-staging does not exist in default: create it",
      30 * MINUTE,
    ],
    [
      "a mistake in the config",
      { ...ready, config: { problems: [{ line: 3, message: "x is y", remedy: "" }], sha: sha("b") } },
      "blocked",
      ".proa.yml line 3: x is y",
      30 * MINUTE,
    ],
    [
      "an environment that is configured no more",
      { ...ready, env: null },
      "idle",
      ".proa.yml no longer has this environment; what runs is left alone",
      null,
    ],
    [
      "a suspended installation",
      { ...ready, repositoryActive: false },
      "blocked",
      "the installation is suspended",
      null,
    ],
    [
      "a branch that was rewritten",
      withSource("diverged", candidate("b")),
      "waiting",
      "bbbbbbb does not contain aaaaaaa, which is live: comment /deploy staging to go there anyway",
      30 * MINUTE,
    ],
    [
      "a branch that was put back",
      withSource("behind", candidate("0")),
      "live",
      "aaaaaaa is live; 0000000 is older: comment /deploy staging to go back to it",
      null,
    ],
  ];
  test.each(rows)("%s", (_, seen, phase, because, wakeInMs) => {
    expect(said(seen)).toEqual({ act: "none", phase, because, wakeInMs });
    expect(decideEnvironment(seen).next.live).toEqual(seen.state.live);
  });

  test("a mistake in the config is the commit's that carries it, not the live one's", () => {
    const broken = { ...ready, config: { problems: [{ line: 3, message: "x is y", remedy: "" }], sha: sha("b") } };
    expect(decideEnvironment(broken).next).toMatchObject({ wanted: { sha: sha("b") }, problems: [{ line: 3 }] });
  });

  test("a repository that GitHub does not show changes nothing", () => {
    const unseen: EnvironmentSeen = { ...ready, config: { problems: [], sha: null }, env: null };
    expect(decideEnvironment(unseen)).toMatchObject({ act: { kind: "none" }, next: ready.state });
  });

  test("what is older than the live release is in it, so the live one stays wanted", () => {
    expect(decideEnvironment(withSource("behind", candidate("0"))).next.wanted?.sha).toBe(sha("a"));
  });
});

test("the very first deployment needs nothing to compare with", () => {
  expect(deployed({ ...withSource("first", candidate("b")), state: record(staging) })).toBe(sha("b"));
});

test("what is wanted and live is left alone", () => {
  expect(said(withSource("identical"))).toEqual({
    act: "none",
    phase: "live",
    because: "aaaaaaa is live",
    wakeInMs: null,
  });
});

describe("a busy branch", () => {
  const waiting = candidate("c", { verdict: running });

  test("does not starve: the newest that is ready goes, and the newest's reason stays what is said", () => {
    const { act, next } = decideEnvironment({ ...ready, source: ahead(waiting, candidate("b")) });
    expect(act).toMatchObject({ kind: "deploy", plan: { sha: sha("b") } });
    expect({ wanted: next.wanted?.sha, phase: next.phase, because: next.because }).toEqual({
      wanted: sha("c"),
      phase: "waiting",
      because: "waiting for `test`",
    });
  });

  test("lets what rolls out go on while nothing newer is ready", () => {
    const seen = withState(
      { rollout: rollout("b", 2), phase: "rolling" },
      { ...ready, source: ahead(waiting, candidate("b")) },
    );
    expect(said(seen)).toMatchObject({ act: "observe", phase: "waiting", because: "waiting for `test`" });
  });

  test("overtakes what rolls out as soon as something newer is ready", () => {
    expect(
      deployed(withState({ rollout: rollout("b", 2) }, { ...ready, source: ahead(candidate("c"), candidate("b")) })),
    ).toBe(sha("c"));
  });

  test("watches what rolls out where it is the newest itself", () => {
    const seen = withState({ rollout: rollout("b", 2), phase: "rolling", because: "deploying bbbbbbb" });
    expect(said(seen)).toMatchObject({ act: "observe", phase: "rolling", because: "deploying bbbbbbb" });
  });

  test("goes on watching where the branch was put back to what is live", () => {
    const seen = withState({ rollout: rollout("b", 2), phase: "rolling" }, withSource("identical"));
    expect(said(seen)).toMatchObject({ act: "observe", phase: "rolling" });
  });

  test("keeps every commit that is still pending, once", () => {
    const first = decideEnvironment({ ...ready, source: ahead(candidate("b", { verdict: running })) }).next;
    const second = decideEnvironment({
      ...ready,
      state: first,
      source: ahead(candidate("c", { verdict: running })),
    }).next;
    const again = decideEnvironment({
      ...ready,
      state: second,
      source: ahead(candidate("c", { verdict: running })),
    }).next;
    expect([first.open, second.open, again.open]).toEqual([[], [sha("b")], [sha("b")]]);
  });

  test("tells the pull requests of a rollout that was overtaken how the newer one goes", () => {
    const overtaken = withState(
      { rollout: rollout("b", 2), pulls: [1] },
      { ...ready, source: ahead(candidate("c", { pulls: [2] })) },
    );
    expect(decideEnvironment(overtaken).next.pulls).toEqual([1, 2]);
    const done = withState({ pulls: [1] }, { ...ready, source: ahead(candidate("c", { pulls: [2] })) });
    expect(decideEnvironment(done).next.pulls).toEqual([2]);
  });
});

describe("a hold", () => {
  const hold: Hold = { sha: sha("b"), upTo: null, by: "proa", because: "web: 0 of 1 pods ready.", at: NOW };

  test("stops its commit, and says what moves on", () => {
    expect(said({ ...ready, holds: [hold] })).toMatchObject({
      act: "none",
      phase: "blocked",
      because: "bbbbbbb is on hold (web: 0 of 1 pods ready): a newer commit, or /release-hold staging, moves on",
    });
  });

  test("does not stop a newer commit, which is presumed to carry the fix", () => {
    expect(deployed({ ...ready, holds: [hold], source: ahead(candidate("c"), candidate("b")) })).toBe(sha("c"));
  });

  test("stops everything up to the tip at which it was set", () => {
    const upTo = { ...hold, sha: sha("a"), upTo: sha("c") };
    expect(deployed({ ...ready, holds: [upTo], source: ahead(candidate("c"), candidate("b")) })).toBeNull();
    expect(deployed({ ...ready, holds: [upTo], source: ahead(candidate("d"), candidate("c"), candidate("b")) })).toBe(
      sha("d"),
    );
  });

  test("is released by a command, and then the commit goes", () => {
    const { act, holds, applied } = decideEnvironment({ ...ready, holds: [hold], commands: [ordered("release-hold")] });
    expect({ act: act.kind, removed: holds.remove }).toEqual({ act: "deploy", removed: [sha("b")] });
    expect(applied).toMatchObject([{ accepted: true, answer: "released bbbbbbb" }]);
  });

  test("that is not there cannot be released", () => {
    expect(decideEnvironment({ ...ready, commands: [ordered("release-hold")] }).applied).toMatchObject([
      { accepted: false, answer: "nothing is held here" },
    ]);
  });
});

describe("a commit that failed here", () => {
  const failed = withState({
    phase: "failed",
    failed: failure("b", 2, "Rolled back to aaaaaaa, which serves."),
    wanted: { sha: sha("b"), since: NOW },
  });

  test("is not tried again by itself, and what is said of it stays", () => {
    const because = "web: 0 of 1 pods ready after 5 s: CrashLoopBackOff. Rolled back to aaaaaaa, which serves.";
    const hold: Hold = { sha: sha("b"), upTo: null, by: "proa", because: "web: 0 of 1 pods ready.", at: NOW };
    expect(said(failed)).toMatchObject({ act: "none", phase: "failed", because });
    expect(said({ ...failed, holds: [hold] })).toMatchObject({ act: "none", phase: "failed", because });
  });

  test.each([["deploy"], ["release-hold"]] as const)("is tried again by /%s", (verb) => {
    expect(deployed({ ...failed, commands: [ordered(verb)] })).toBe(sha("b"));
  });

  test("is passed by a newer one, which answers its pull request too", () => {
    const { act, next } = decideEnvironment({
      ...failed,
      state: { ...failed.state, pulls: [1] },
      source: ahead(candidate("c", { pulls: [2] }), candidate("b")),
    });
    expect(act).toMatchObject({ plan: { sha: sha("c") } });
    expect({ failed: next.failed, pulls: next.pulls }).toEqual({ failed: null, pulls: [1, 2] });
  });
});

describe("an approval", () => {
  const key = releaseKey([{ name: "web", image: "", digest: digest("b") }]);
  const awaiting = { sha: sha("b"), key, since: NOW - MINUTE };
  const strict = { ...env, approve: { permission: "write", notAuthor: true } } as const;
  const asked = withState(
    { awaiting, phase: "waiting", wanted: { sha: sha("b"), since: NOW } },
    { ...ready, env: { ...env, approve } },
  );
  const answer = (seen: EnvironmentSeen) => decideEnvironment(seen).applied[0];

  test("is asked for once, for these very images, where the pull request can see it", () => {
    const { next } = decideEnvironment({ ...ready, env: { ...env, approve } });
    expect({ awaiting: next.awaiting, pulls: next.pulls }).toEqual({
      awaiting: { sha: sha("b"), key, since: NOW },
      pulls: [1],
    });
    expect(decideEnvironment(asked).next.awaiting).toEqual(awaiting);
  });

  test("lets it go", () => {
    const approved = { ...asked, commands: [ordered("approve", { login: "ann" })] };
    expect(decideEnvironment(approved)).toMatchObject({
      act: { kind: "deploy" },
      next: { approved: { key, by: "ann" }, awaiting: null },
      applied: [{ accepted: true, answer: "approved bbbbbbb" }],
    });
  });

  test("counts for no other images", () => {
    const rebuilt = ahead(
      candidate("b", { images: [{ ...image("b"), found: { kind: "digest", digest: digest("e"), moved: null } }] }),
    );
    expect(deployed(withState({ approved: { key, by: "ann", at: NOW } }, { ...asked, source: rebuilt }))).toBeNull();
    expect(deployed(withState({ approved: { key, by: "ann", at: NOW } }, asked))).toBe(sha("b"));
  });

  test("is void once something newer is what would go", () => {
    const newer = { ...asked, source: ahead(candidate("c")), commands: [ordered("approve", { login: "ann" })] };
    const { act, applied, next } = decideEnvironment(newer);
    expect(applied).toMatchObject([
      {
        accepted: false,
        answer: "bbbbbbb is not what would be deployed any more; what is newer needs its own approval",
      },
    ]);
    expect({ act: act.kind, awaiting: next.awaiting?.sha }).toEqual({ act: "none", awaiting: sha("c") });
  });

  const rows: [string, EnvironmentSeen, string][] = [
    [
      "nothing waits",
      { ...withSource("identical"), commands: [ordered("approve")] },
      "nothing waits for an approval here",
    ],
    [
      "the comment is older than the question",
      { ...asked, commands: [ordered("approve", { at: NOW - 2 * MINUTE })] },
      "the approval was for an earlier release; bbbbbbb needs its own",
    ],
    [
      "the button is another commit's",
      { ...asked, commands: [ordered("approve", { button: sha("a") })] },
      "the approval was for an earlier release; bbbbbbb needs its own",
    ],
    [
      "its author gives it",
      { ...asked, env: strict, commands: [ordered("approve", { login: "mo" })] },
      "@mo wrote bbbbbbb; someone else has to approve it",
    ],
    [
      "the permission is too low",
      { ...asked, env: { ...env, approve: { permission: "admin", notAuthor: false } }, commands: [ordered("approve")] },
      "@mo needs admin permission on acme/shop (has write)",
    ],
    [
      "the config, and so who may give it, cannot be read",
      {
        ...asked,
        config: { problems: [{ line: 1, message: "x", remedy: "y" }], sha: null },
        env: null,
        source: { kind: "nothing", because: "" },
        commands: [ordered("approve")],
      },
      "bbbbbbb is not what would be deployed any more; what is newer needs its own approval",
    ],
  ];
  test.each(rows)("is refused where %s", (_, seen, text) => {
    expect(answer(seen)).toMatchObject({ accepted: false, answer: text });
    expect(decideEnvironment(seen).act.kind).toBe("none");
  });

  test("by the right button is for the right commit", () => {
    expect(answer({ ...asked, commands: [ordered("approve", { button: sha("b") })] })).toMatchObject({
      accepted: true,
    });
  });
});

describe("/rollback", () => {
  const back = { ...ready, commands: [ordered("rollback")] };

  test("puts the release before back, and holds what was live with everything up to the tip, in one decision", () => {
    const { act, holds, applied } = decideEnvironment(back);
    expect(act).toMatchObject({ kind: "deploy", plan: { kind: "rollback", sha: sha("0"), of: 1, actor: "mo" } });
    expect(holds.put).toMatchObject([
      { sha: sha("a"), upTo: sha("b"), by: "@mo", because: "rolled back to 0000000 by @mo" },
    ]);
    expect(applied).toMatchObject([
      { accepted: true, answer: "rolling back from aaaaaaa to 0000000; aaaaaaa is held" },
    ]);
  });

  test("goes on telling the pull requests whose release is taken back", () => {
    expect(decideEnvironment(withState({ pulls: [4] }, back)).next.pulls).toEqual([4]);
  });

  test("works where the config is broken", () => {
    expect(
      deployed({
        ...back,
        config: { problems: [{ line: 1, message: "x", remedy: "y" }], sha: null },
        env: null,
        source: { kind: "nothing", because: "" },
      }),
    ).toBe(sha("0"));
  });

  test("is refused where there is nothing to go back to, or nobody may", () => {
    expect(decideEnvironment({ ...back, previous: null })).toMatchObject({
      applied: [{ accepted: false, answer: "there is no earlier release to go back to" }],
    });
    expect(
      decideEnvironment({
        ...ready,
        source: ahead(candidate("b", { verdict: running })),
        commands: [ordered("rollback", { permission: "triage" })],
      }),
    ).toMatchObject({ act: { kind: "none" }, applied: [{ accepted: false }] });
  });

  test("is refused while one is under way", () => {
    const seen = withState(
      { rollout: rollout("0", 2, { kind: "rollback" }) },
      { ...back, source: ahead(candidate("b", { verdict: running })) },
    );
    expect(decideEnvironment(seen)).toMatchObject({
      act: { kind: "observe" },
      applied: [{ accepted: false, answer: "a rollback to 0000000 is under way" }],
    });
  });

  test("while something rolls out goes back to what is live, and holds what was rolling", () => {
    const seen = withState({ rollout: rollout("b", 2) }, { ...back, previous: release("a", 1) });
    const { act, holds } = decideEnvironment(seen);
    expect(act).toMatchObject({ plan: { kind: "rollback", sha: sha("a"), of: 1 } });
    expect(holds.put).toMatchObject([{ sha: sha("b") }]);
  });

  test.each([
    ["what is live is the newest", {}, live("0", 1)],
    ["something rolls out over it", { rollout: rollout("b", 2) }, live("a", 1)],
    ["something failed over it and was left there", { failed: failure("b", 2) }, live("a", 1)],
    ["something failed and was rolled back already", { failed: failure("b", 2), live: live("a", 3) }, live("0", 1)],
  ])("goes to what was live before the newest deployment, where %s", (_, change, to) => {
    expect(rollbackTo({ ...ready.state, ...change })).toEqual(to);
  });
});

describe("/deploy", () => {
  test.each([
    ["past a hold", { ...ready, holds: [{ sha: sha("b"), upTo: null, by: "proa", because: "x", at: NOW }] }],
    ["to a rewritten branch", withSource("diverged", candidate("b"))],
    ["back to an older commit", withSource("behind", candidate("b"))],
  ] as [string, EnvironmentSeen][])("goes %s", (_, seen) => {
    expect(deployed({ ...seen, commands: [ordered("deploy")] })).toBe(sha("b"));
  });

  test.each([
    ["checks", { ...ready, source: ahead(candidate("b", { verdict: red })) }],
    ["an approval", { ...ready, env: { ...env, approve } }],
    ["a namespace of its own", { ...ready, namespaceProblem: "no" }],
  ] as [string, EnvironmentSeen][])("does not go past %s", (_, seen) => {
    expect(deployed({ ...seen, commands: [ordered("deploy")] })).toBeNull();
  });

  test("of what is live already says so", () => {
    expect(decideEnvironment({ ...withSource("identical"), commands: [ordered("deploy")] })).toMatchObject({
      act: { kind: "none" },
      applied: [{ accepted: true, answer: "aaaaaaa is live already" }],
    });
  });
});

describe("GitHub behind its own event", () => {
  const hinted = { sha: sha("b"), at: NOW };
  const behind: EnvironmentSeen = { ...withSource("identical"), state: liveRecord(staging, "a", 1), hinted };

  test("is asked again until it shows the pushed commit", () => {
    const { next, wakeInMs } = decideEnvironment(behind);
    expect(next).toMatchObject({ phase: "live", expecting: hinted });
    expect(wakeInMs).toBe(2_000);
  });

  test("is believed after half a minute: then it was the event that was late", () => {
    const { next, wakeInMs } = decideEnvironment({ ...behind, now: NOW + 30_000 });
    expect(next.expecting).toBeNull();
    expect(wakeInMs).toBeNull();
  });

  test("holds nothing up that is ready, and no rollout that is watched", () => {
    expect(
      deployed({
        ...ready,
        state: { ...ready.state, wanted: { sha: sha("b"), since: NOW } },
        hinted: { sha: sha("c"), at: NOW },
      }),
    ).toBe(sha("b"));
    expect(decideEnvironment(withState({ rollout: rollout("b", 2) }, behind)).next.expecting).toBeNull();
  });
});

test("several commands are applied in the order they were given", () => {
  const hold: Hold = { sha: sha("b"), upTo: null, by: "proa", because: "x", at: NOW };
  const second = { ...ordered("release-hold"), id: "second" };
  const { applied, next } = decideEnvironment({ ...ready, holds: [hold], commands: [ordered("release-hold"), second] });
  expect(applied.map(({ accepted }) => accepted)).toEqual([true, false]);
  expect(next.answers).toEqual(applied);
});

test("the same world gives the same decision", () => {
  expect(decideEnvironment(ready)).toEqual(decideEnvironment(structuredClone(ready)));
});

describe("a button that was pressed for what is past, or is sent again, does nothing:", () => {
  const past = (verb: "rollback" | "deploy" | "release-hold", seen: EnvironmentSeen, letter: string) =>
    decideEnvironment({ ...seen, commands: [ordered(verb, { button: sha(letter) })] }).applied.map(
      ({ accepted, answer }) => `${accepted}: ${answer}`,
    );
  const held = { ...ready, holds: [{ sha: sha("a"), upTo: null, by: "@mo", because: "x", at: NOW }] };
  const failed = withState({ failed: failure("b", 2) });

  test("going back, once another commit is live", () => {
    expect(past("rollback", ready, "a")).toEqual(["true: rolling back from aaaaaaa to 0000000; aaaaaaa is held"]);
    expect(past("rollback", ready, "f")).toEqual([expect.stringContaining("false: the button was for fffffff")]);
  });

  test("trying again, once it is not what failed last", () => {
    expect(past("deploy", failed, "b")).toEqual([expect.stringMatching(/^true/)]);
    expect(past("deploy", failed, "f")).toEqual([expect.stringContaining("false: the button was for fffffff")]);
  });

  test("letting go of a commit, once it is another that is held", () => {
    expect(past("release-hold", held, "a")).toEqual(["true: released aaaaaaa"]);
    expect(past("release-hold", held, "f")).toEqual([expect.stringContaining("false: the button was for fffffff")]);
  });
});
