import { describe, expect, test } from "vitest";
import type { NamespaceView } from "../../src/core/cluster.ts";
import type { RepoConfig } from "../../src/core/config.ts";
import type { PullRequest } from "../../src/core/github.ts";
import { decidePreview, type PreviewSeen } from "../../src/core/preview.ts";
import {
  absent,
  config,
  digest,
  failure,
  human,
  image,
  live,
  liveRecord,
  MINUTE,
  NOW,
  ordered,
  passed,
  preview,
  record,
  red,
  repo,
  repoId,
  rollout,
  running,
  sha,
} from "./decision-fixture.ts";

const HEAD = sha("b");
const DAY = 24 * 60 * MINUTE;

const pull: PullRequest = {
  number: 7,
  state: "open",
  merged: false,
  mergeCommit: null,
  draft: false,
  title: "Sell sextants",
  author: "mo",
  labels: [],
  head: { sha: HEAD, ref: "sextant", repoId },
  base: { ref: "main", sha: sha("0"), repoId, repo, private: false },
  createdAt: NOW,
  updatedAt: NOW,
};

/** Open, green, its image there, a slot free, nothing deployed yet: everything a first preview needs. */
const ready: PreviewSeen = {
  now: NOW,
  state: record(preview),
  commands: [],
  pull,
  repositoryActive: true,
  config: { config, notes: [] },
  verdict: passed,
  images: [image("b")],
  slot: { kind: "free" },
  namespace: null,
  namespaceIsOurs: false,
  hinted: HEAD,
  hintedAt: NOW,
};

const namespace: NamespaceView = {
  name: "acme-shop-pr-7",
  uid: "u1",
  resourceVersion: "1",
  labels: {},
  annotations: {},
  createdAt: NOW,
  deletedAt: null,
  phase: "Active",
  conditions: [],
};
const placements = { default: { namespace: namespace.name, uid: "u1", support: "s" } };
const ours = { namespace, namespaceIsOurs: true };

/** `a` serves and `b` was pushed. */
const update: PreviewSeen = { ...ready, ...ours, state: liveRecord(preview, "a", 1, { placements }) };
const settled: PreviewSeen = { ...update, state: liveRecord(preview, "b", 1, { placements }) };

const withPull = (change: Partial<PullRequest>, seen = ready): PreviewSeen => ({
  ...seen,
  pull: { ...pull, ...change },
});
const withPreviews = (change: Partial<RepoConfig["previews"]>, seen = ready): PreviewSeen => ({
  ...seen,
  config: { config: { ...config, previews: { ...config.previews, ...change } }, notes: [] },
});
const said = (seen: PreviewSeen) => {
  const { act, next, wakeInMs } = decidePreview(seen);
  return { act: act.kind, phase: next.phase, because: next.because, wakeInMs };
};

test("deploys what is open, green and built", () => {
  const { act, next, slot } = decidePreview(ready);
  expect(act).toMatchObject({
    kind: "deploy",
    plan: { kind: "deploy", sha: HEAD, actor: "mo", services: [{ name: "web", digest: digest("b") }] },
  });
  expect({ phase: next.phase, slot, wanted: next.wanted }).toEqual({
    phase: "rolling",
    slot: "take",
    wanted: { sha: HEAD, since: NOW },
  });
});

describe("what holds a deployment back, and in which words", () => {
  const rows: [string, PreviewSeen, string, string, number | null][] = [
    ["checks that run", { ...ready, verdict: running }, "waiting", "waiting for `test`", 5 * MINUTE],
    [
      "a quiet period",
      { ...ready, verdict: { ...running, lookAgainAt: NOW + 20_000 } as typeof running },
      "waiting",
      "waiting for `test`",
      20_000,
    ],
    ["a check that failed", { ...ready, verdict: red }, "blocked", "`test` failed", 30 * MINUTE],
    [
      "a check that wants a person",
      { ...ready, verdict: human },
      "waiting",
      "`deploy` waits for a person",
      30 * MINUTE,
    ],
    [
      "an image that is not pushed yet",
      { ...ready, images: [absent("b")] },
      "waiting",
      "checks passed; waiting for image registry.example/acme/shop-web:bbbbbbb in the registry",
      5_000,
    ],
    [
      "two images that are not pushed yet",
      { ...ready, images: [absent("b"), { ...absent("b"), service: "api" }] },
      "waiting",
      "checks passed; waiting for image registry.example/acme/shop-web:bbbbbbb and 1 more in the registry",
      5_000,
    ],
    [
      "an image that is not allowed",
      {
        ...ready,
        images: [
          { ...image("b"), found: { kind: "refused", because: "image x of web is not on this installation's list" } },
        ],
      },
      "blocked",
      "image x of web is not on this installation's list",
      30 * MINUTE,
    ],
    [
      "a mistake in the config",
      { ...ready, config: { problems: [{ line: 3, message: 'previews.cap is "many"', remedy: "write a number" }] } },
      "blocked",
      '.proa.yml line 3: previews.cap is "many"',
      30 * MINUTE,
    ],
    [
      "a full repository",
      { ...ready, slot: { kind: "full", position: 2, cap: 20 } },
      "waiting",
      "number 2 in the queue: 20 previews of this repository are up, which is its cap",
      2 * MINUTE,
    ],
    [
      "somebody else's namespace",
      { ...ready, namespace },
      "blocked",
      "the namespace acme-shop-pr-7 exists and was not made by Proa for this pull request: delete or rename it",
      30 * MINUTE,
    ],
    [
      "its own namespace, still going",
      { ...ready, namespace: { ...namespace, deletedAt: NOW }, namespaceIsOurs: true },
      "waiting",
      "recreating: waiting for the former namespace acme-shop-pr-7 to be gone",
      2_000,
    ],
    [
      "a suspended installation",
      { ...ready, repositoryActive: false },
      "blocked",
      "the installation is suspended",
      null,
    ],
  ];
  test.each(rows)("%s", (_, seen, phase, because, wakeInMs) => {
    expect(said(seen)).toEqual({ act: "none", phase, because, wakeInMs });
  });

  test("an image that is late is missing, in words that do not count the minutes", () => {
    const late = (minutes: number) =>
      said({
        ...ready,
        images: [absent("b")],
        state: record(preview, { wanted: { sha: HEAD, since: NOW - minutes * MINUTE } }),
      });
    expect(late(11).because).toBe(
      `image registry.example/acme/shop-web:bbbbbbb is not in the registry after 10 min: does the build push the tag ${HEAD}?`,
    );
    expect(late(50).because).toBe(late(11).because);
    expect(late(50).wakeInMs).toBe(5 * MINUTE);
  });

  test("the image that is awaited is named, so that its arrival wakes this preview", () => {
    expect(decidePreview({ ...ready, images: [absent("b")] }).awaitedImages).toEqual([
      { image: "registry.example/acme/shop-web", tag: HEAD },
    ]);
  });

  test("whoever waits for a slot keeps a place in the queue", () => {
    expect(decidePreview({ ...ready, slot: { kind: "full", position: 1, cap: 1 } }).slot).toBe("take");
    expect(decidePreview({ ...ready, verdict: running }).slot).toBe("keep");
  });
});

describe("an update", () => {
  test("deploys the new head over the old one", () => {
    expect(said(update)).toMatchObject({ act: "deploy", phase: "rolling" });
  });

  test.each([
    ["checks run", { ...update, verdict: running }],
    ["checks failed", { ...update, verdict: red }],
    ["the config is broken", { ...update, config: { problems: [] } }],
  ])("keeps what serves while %s", (_, seen) => {
    expect(decidePreview(seen).next.live).toEqual(live("a", 1));
  });

  test("says once that a tag moved, and runs what was tested", () => {
    const moved = { ...image("b"), found: { kind: "digest", digest: digest("b"), moved: digest("f") } } as const;
    const { act, next } = decidePreview({ ...update, images: [moved] });
    expect(act).toMatchObject({ plan: { services: [{ digest: digest("b") }] } });
    expect(next.notes).toEqual([
      `The tag \`registry.example/acme/shop-web:bbbbbbb\` now names ${digest("f").slice(0, 19)}…; what was tested is ${digest("b").slice(0, 19)}…, and that is what runs.`,
    ]);
  });

  test("leaves a pending head behind with a status to end, and a live one without", () => {
    expect(decidePreview(update).next.open).toEqual([]);
    const pending = record(preview, { phase: "waiting", wanted: { sha: sha("a"), since: NOW } });
    expect(decidePreview({ ...ready, state: pending }).next.open).toEqual([sha("a")]);
    const blocked = { ...pending, phase: "blocked" as const };
    expect(decidePreview({ ...ready, state: blocked }).next.open).toEqual([]);
  });

  test("makes everything anew where the namespace is gone, or is another", () => {
    for (const found of [null, { ...namespace, uid: "u2" }]) {
      const { act, next } = decidePreview({ ...settled, namespace: found });
      expect({ act: act.kind, placements: next.placements, live: next.live }).toEqual({
        act: "deploy",
        placements: {},
        live: null,
      });
    }
  });
});

describe("while a rollout runs", () => {
  const rolling = {
    ...update,
    state: {
      ...update.state,
      phase: "rolling" as const,
      rev: rollout("b", 2).rev,
      rollout: rollout("b", 2),
      wanted: { sha: HEAD, since: NOW },
    },
  };

  test("of the head itself, it is watched", () => {
    expect(said(rolling)).toMatchObject({ act: "observe", phase: "rolling" });
  });

  test("of an older head, it is watched to its end while the newer one waits for its checks", () => {
    const seen = {
      ...rolling,
      verdict: running,
      pull: { ...pull, head: { ...pull.head, sha: sha("c") } },
      hinted: sha("c"),
    };
    const { act, next } = decidePreview(seen);
    expect({ act: act.kind, phase: next.phase, because: next.because, open: next.open }).toEqual({
      act: "observe",
      phase: "waiting",
      because: "waiting for `test`",
      open: [HEAD],
    });
  });

  test("of an older head, it is overtaken as soon as the newer one is ready", () => {
    const seen = {
      ...rolling,
      images: [image("c")],
      pull: { ...pull, head: { ...pull.head, sha: sha("c") } },
      hinted: sha("c"),
    };
    expect(decidePreview(seen).act).toMatchObject({ kind: "deploy", plan: { sha: sha("c") } });
  });

  test.each([
    ["GitHub does not show the pull request", { ...rolling, pull: null }],
    ["the installation is suspended", { ...rolling, repositoryActive: false }],
    [
      "GitHub shows an older head than the event",
      { ...rolling, hinted: sha("c"), state: { ...rolling.state, seen: { head: HEAD, base: "main" } } },
    ],
  ])("it goes on being watched where %s", (_, seen) => {
    expect(decidePreview(seen).act.kind).toBe("observe");
  });
});

describe("what is live", () => {
  test("stays until its time to live ends", () => {
    expect(said(settled)).toMatchObject({ act: "none", phase: "live", because: "bbbbbbb is live" });
    expect(decidePreview(settled).wakeInMs).toBe(14 * DAY - MINUTE);
  });

  test("is taken down at the end of its time, and its head is not deployed again by itself", () => {
    const { act, next } = decidePreview({ ...settled, now: NOW + 15 * DAY });
    expect({ act: act.kind, phase: next.phase, expired: next.expired }).toEqual({
      act: "remove",
      phase: "removing",
      expired: HEAD,
    });
    const gone: PreviewSeen = { ...ready, state: record(preview, { expired: HEAD, rev: rollout("b", 1).rev }) };
    expect(said(gone)).toEqual({
      act: "none",
      phase: "idle",
      because: "its time to live ended: push, or comment /deploy, to bring it back",
      wakeInMs: null,
    });
    expect(said({ ...gone, commands: [ordered("deploy")] }).act).toBe("deploy");
    expect(said({ ...gone, state: { ...gone.state, expired: sha("a") } }).act).toBe("deploy");
  });

  test("that failed is not tried again by itself", () => {
    const failed = { ...update, state: { ...update.state, failed: failure("b", 2, "aaaaaaa still serves.") } };
    expect(said(failed)).toEqual({
      act: "none",
      phase: "failed",
      because: "web: 0 of 1 pods ready after 5 s: CrashLoopBackOff. aaaaaaa still serves.",
      wakeInMs: 30 * MINUTE,
    });
    expect(said({ ...failed, commands: [ordered("deploy")] }).act).toBe("deploy");
  });
});

describe("who gets none", () => {
  const fork = { head: { ...pull.head, repoId: null } };
  const rows: [string, PreviewSeen, string, string][] = [
    ["a draft", withPull({ draft: true }), "idle", "the pull request is a draft"],
    [
      "another base",
      withPull({ base: { ...pull.base, ref: "release" } }),
      "idle",
      "previews are for pull requests into main, this one goes into release",
    ],
    [
      "a missing label",
      withPreviews({ when: { base: ["main"], drafts: false, label: "preview" } }),
      "idle",
      "the pull request lacks the label preview",
    ],
    [
      "a fork",
      withPull(fork),
      "blocked",
      "pull requests from forks get no preview: they would run code of people without write access",
    ],
    [
      "a fork that would need an approval",
      withPreviews({ forks: "approve" }, withPull(fork)),
      "blocked",
      "pull requests from forks get no preview: approving a fork's commit is not possible in this version",
    ],
  ];
  test.each(rows)("%s", (_, seen, phase, because) => {
    expect(said(seen)).toEqual({ act: "none", phase, because, wakeInMs: null });
    expect(decidePreview(seen).slot).toBe("leave");
  });

  test("nobody's draft turns red: a head that was never spoken of gets no status", () => {
    const { next } = decidePreview(withPull({ draft: true }));
    expect({ wanted: next.wanted, open: next.open }).toEqual({ wanted: null, open: [] });
  });

  test("a head that was said to be pending is said to be over", () => {
    const waiting = record(preview, { phase: "waiting", wanted: { sha: HEAD, since: NOW } });
    expect(decidePreview({ ...withPull({ draft: true }), state: waiting }).next.open).toEqual([HEAD]);
  });

  test("a fork's status says why", () => {
    expect(decidePreview(withPull(fork)).next.wanted).toEqual({ sha: HEAD, since: NOW });
  });

  test("a draft with the right config, and the label where one is asked for, get one", () => {
    expect(
      said(withPreviews({ when: { base: ["main"], drafts: true, label: null } }, withPull({ draft: true }))).act,
    ).toBe("deploy");
    expect(
      said(
        withPreviews({ when: { base: ["main"], drafts: false, label: "preview" } }, withPull({ labels: ["preview"] })),
      ).act,
    ).toBe("deploy");
  });

  test("what is up comes down when the pull request is made a draft", () => {
    expect(said(withPull({ draft: true }, settled))).toMatchObject({ act: "remove", phase: "removing" });
  });

  test("a command on one is answered once, and not with a promise", () => {
    const { applied, next } = decidePreview({ ...withPull({ draft: true }), commands: [ordered("deploy")] });
    expect(applied).toMatchObject([{ accepted: false, answer: "there is no preview: the pull request is a draft" }]);
    expect(next.answers).toEqual(applied);
  });
});

describe("the end", () => {
  test.each([
    ["closed", { state: "closed" }, "the pull request was closed"],
    ["merged", { state: "closed", merged: true, mergeCommit: sha("d") }, "merged as ddddddd"],
    ["merged, its commit not known", { state: "closed", merged: true }, "merged"],
  ] as const)("%s: a tombstone first, then the namespace goes", (_, change, because) => {
    const { act, next, slot } = decidePreview(withPull(change, settled));
    expect({ act: act.kind, phase: next.phase, because: next.because, slot }).toEqual({
      act: "remove",
      phase: "removing",
      because,
      slot: "keep",
    });
    expect(next.tombstone).toEqual({ at: NOW, because });
    expect({ live: next.live, wanted: next.wanted, placements: next.placements }).toEqual({
      live: null,
      wanted: null,
      placements,
    });
  });

  test("is not said twice: the first tombstone stands", () => {
    const tombstone = { at: NOW - MINUTE, because: "the pull request was closed" };
    expect(
      decidePreview(withPull({ state: "closed" }, { ...settled, state: { ...settled.state, tombstone } })).next
        .tombstone,
    ).toEqual(tombstone);
  });

  test("frees the slot at once where nothing was placed", () => {
    const { act, slot, next } = decidePreview(withPull({ state: "closed" }));
    expect({ act: act.kind, slot, phase: next.phase, tombstone: next.tombstone }).toEqual({
      act: "none",
      slot: "leave",
      phase: "idle",
      tombstone: null,
    });
  });

  test("takes a namespace with our labels along that the record lost", () => {
    expect(decidePreview(withPull({ state: "closed" }, { ...ready, ...ours })).next.placements).toEqual({
      default: { namespace: namespace.name, uid: "u1", support: "" },
    });
  });

  test("never takes one that is not ours, and never acts on a pull request it could not read", () => {
    expect(decidePreview(withPull({ state: "closed" }, { ...ready, namespace })).act.kind).toBe("none");
    expect(decidePreview({ ...settled, pull: null })).toMatchObject({
      act: { kind: "none" },
      next: settled.state,
      wakeInMs: MINUTE,
    });
  });

  test("is not the end when the pull request is opened again", () => {
    const gone = record(preview, {
      phase: "removing",
      tombstone: { at: NOW, because: "closed" },
      rev: rollout("b", 1).rev,
    });
    expect(decidePreview({ ...ready, state: gone }).next).toMatchObject({ phase: "rolling", tombstone: null });
  });
});

describe("GitHub behind its own event", () => {
  const lagging: PreviewSeen = {
    ...settled,
    hinted: sha("c"),
    state: { ...settled.state, seen: { head: HEAD, base: "main" } },
  };

  test("is waited for, and nothing is said of it", () => {
    const { act, next, wakeInMs } = decidePreview(lagging);
    expect({ act: act.kind, wakeInMs }).toEqual({ act: "none", wakeInMs: 2_000 });
    expect(next).toEqual({ ...lagging.state, expecting: { sha: sha("c"), at: NOW } });
  });

  test("is believed after half a minute: then it was the event that was late", () => {
    const { next } = decidePreview({
      ...lagging,
      now: NOW + 30_000,
      state: { ...lagging.state, expecting: { sha: sha("c"), at: NOW } },
    });
    expect(next).toMatchObject({ phase: "live", expecting: null });
  });

  test("does not hold up a head that was never seen before", () => {
    expect(decidePreview({ ...update, hinted: sha("c") }).act.kind).toBe("deploy");
  });
});

describe("commands", () => {
  const answerTo = (seen: PreviewSeen) => {
    const { applied, next } = decidePreview(seen);
    expect(next.answers).toEqual(applied);
    return applied.map(({ accepted, answer }) => `${accepted ? "yes" : "no"}: ${answer}`);
  };

  test("/deploy deploys what is live once more", () => {
    const asked = { ...settled, commands: [ordered("deploy")] };
    expect(decidePreview(asked).act.kind).toBe("deploy");
    expect(answerTo(asked)).toEqual(["yes: deploying bbbbbbb once its checks have passed and its image is there"]);
  });

  test("/deploy goes past no check", () => {
    expect(said({ ...ready, verdict: red, commands: [ordered("deploy")] })).toMatchObject({
      act: "none",
      phase: "blocked",
    });
  });

  test("without permission changes nothing", () => {
    const asked = { ...settled, commands: [ordered("deploy", { permission: "read" })] };
    expect(decidePreview(asked).act.kind).toBe("none");
    expect(answerTo(asked)).toEqual(["no: @mo needs write permission on acme/shop (has read)"]);
  });

  test("of environments say where they belong", () => {
    expect(answerTo({ ...settled, commands: [ordered("rollback")] })).toEqual([
      "no: `/rollback` is for environments: `/rollback <environment>`",
    ]);
  });

  test("to a closed pull request are answered", () => {
    expect(answerTo({ ...withPull({ state: "closed" }), commands: [ordered("deploy")] })).toEqual([
      "no: there is no preview: the pull request was closed",
    ]);
  });

  test("wait where GitHub could not be read", () => {
    expect(decidePreview({ ...settled, pull: null, commands: [ordered("deploy")] }).applied).toEqual([]);
  });
});
