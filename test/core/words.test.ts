import { describe, expect, test } from "vitest";
import { LIMIT } from "../../src/core/limits.ts";
import { asRevision } from "../../src/core/names.ts";
import type { CommandAnswer, TargetState } from "../../src/core/state.ts";
import { outstanding, type Surface, surfaces } from "../../src/core/words.ts";
import { digest, failure, live, liveRecord, NOW, preview, record, rollout, sha, staging } from "./decision-fixture.ts";

type Kind<K extends Surface["kind"]> = Extract<Surface, { kind: K }>;
const of = <K extends Surface["kind"]>(state: TargetState, kind: K): Kind<K>[] =>
  surfaces(state).filter((surface): surface is Kind<K> => surface.kind === kind);

/** A commit, its state and the text, as GitHub lists them. */
const statuses = (state: TargetState): string[] =>
  of(state, "status").map(({ sha: at, body }) => `${at.slice(0, 3)} ${body.state}: ${body.description}`);
const deployments = (state: TargetState): string[] =>
  of(state, "deployment").map(({ body, status }) => `${body.key.split("@")[1]} ${status.state}: ${status.description}`);
const comment = (state: TargetState): string =>
  of(state, "comment")
    .map(({ number, text }) => `#${number}\n${text}`)
    .join("\n\n");
const check = (state: TargetState): string =>
  of(state, "check")
    .map(({ sha: at, body }) =>
      [
        `${at.slice(0, 3)} ${body.name}: ${body.conclusion}`,
        body.title,
        body.summary,
        body.text,
        body.actions.map(({ label }) => label).join(", "),
      ].join("\n"),
    )
    .join("\n---\n");

const wantsB = { wanted: { sha: sha("b"), since: NOW } };
const waiting = record(preview, { ...wantsB, phase: "waiting", because: "waiting for `test`" });
const update = liveRecord(preview, "a", 1, { ...wantsB, phase: "waiting", because: "waiting for `test`" });
const rolling = liveRecord(preview, "a", 1, {
  ...wantsB,
  phase: "rolling",
  because: "web: 0 of 1 new pods created",
  rollout: rollout("b", 2),
  shown: [asRevision(1), asRevision(2)],
});
const alive = liveRecord(preview, "b", 2, { shown: [asRevision(1), asRevision(2)] });
const report = { sha: sha("b"), title: "web: CrashLoopBackOff", text: "exit 1" };
const failed = liveRecord(preview, "a", 1, {
  ...wantsB,
  phase: "failed",
  because: "web: 0 of 1 pods ready after 5 s: CrashLoopBackOff. aaaaaaa still serves.",
  failed: failure("b", 2, "aaaaaaa still serves."),
  report,
});
const problems = [{ line: 3, message: 'previews.cap is "many"', remedy: "Write a number" }];
const broken = liveRecord(preview, "a", 1, {
  ...wantsB,
  phase: "blocked",
  because: '.proa.yml line 3: previews.cap is "many"',
  problems,
});

const env = { shown: [asRevision(1), asRevision(2)], pulls: [4] };
const staged = liveRecord(staging, "b", 2, { ...env, previous: live("a", 1) });
const envRolling = liveRecord(staging, "a", 1, {
  ...env,
  ...wantsB,
  phase: "rolling",
  because: "x",
  rollout: rollout("b", 2),
});
const envBack = {
  ...envRolling,
  failed: failure("b", 2, "aaaaaaa still serves."),
  rollout: rollout("a", 3, { kind: "rollback" }),
  because: "web: x. Rolling back to aaaaaaa.",
  shown: [asRevision(1), asRevision(3)],
};
const envFailed = liveRecord(staging, "a", 3, {
  ...env,
  ...wantsB,
  phase: "failed",
  because: "web: 0 of 1 pods ready after 5 s: CrashLoopBackOff. Rolled back to aaaaaaa, which serves.",
  failed: failure("b", 2, "Rolled back to aaaaaaa, which serves."),
  report,
});
const awaiting = { sha: sha("b"), key: `web=${digest("b")}`, since: NOW };
const asking = liveRecord(staging, "a", 1, {
  ...env,
  ...wantsB,
  phase: "waiting",
  because: "bbbbbbb waits for an approval by someone with write permission: /approve staging",
  awaiting,
});

const answered: CommandAnswer = {
  id: "1",
  verb: "deploy",
  by: "mo",
  at: NOW,
  accepted: true,
  answer: "deploying bbbbbbb",
  comment: { number: 7, commentId: 99 },
};

describe("the status of the wanted commit", () => {
  const rows: [string, TargetState, string][] = [
    ["of a preview that waits", waiting, "bbb pending: waiting for `test`."],
    ["while an older one serves", update, "bbb pending: waiting for `test`. aaaaaaa still serves."],
    [
      "while an older one rolls out",
      { ...update, rollout: rollout("a", 2) },
      "bbb pending: waiting for `test`. Meanwhile aaaaaaa rolls out.",
    ],
    ["that rolls out", rolling, "bbb pending: Rolling out bbbbbbb"],
    ["that is live", alive, "bbb success: Live at pr-7.shop.example"],
    ["that is live without an address", { ...alive, url: null }, "bbb success: Live"],
    [
      "whose rollout failed",
      failed,
      "bbb failure: web: 0 of 1 pods ready after 5 s: CrashLoopBackOff. aaaaaaa still serves.",
    ],
    [
      "whose checks failed",
      { ...update, phase: "blocked", because: "`test` failed" },
      "bbb failure: `test` failed. aaaaaaa still serves.",
    ],
    ["whose config is wrong", broken, 'bbb failure: .proa.yml line 3: previews.cap is "many". aaaaaaa still serves.'],
    [
      "of a fork",
      record(preview, { ...wantsB, phase: "blocked", because: "pull requests from forks get no preview" }),
      "bbb failure: pull requests from forks get no preview.",
    ],
    [
      "whose time to live ended",
      record(preview, { ...wantsB, phase: "idle", expired: sha("b"), because: "its time to live ended" }),
      "bbb success: Was live; its time to live ended",
    ],
    [
      "of an environment that goes back",
      envBack,
      "bbb pending: web: 0 of 1 pods ready after 5 s: CrashLoopBackOff. Rolling back to aaaaaaa.",
    ],
    [
      "of an environment that went back",
      envFailed,
      "bbb failure: web: 0 of 1 pods ready after 5 s: CrashLoopBackOff. Rolled back to aaaaaaa, which serves.",
    ],
    [
      "of an environment that asks for an approval",
      asking,
      "bbb pending: bbbbbbb waits for an approval by someone with write permission: /approve staging. aaaaaaa still serves.",
    ],
    [
      "of an environment that is configured no more",
      { ...asking, phase: "idle", because: ".proa.yml no longer has this environment" },
      "bbb error: Not deployed: .proa.yml no longer has this environment",
    ],
  ];
  test.each(rows)("%s", (_, state, text) => {
    expect(statuses(state)).toEqual([text]);
    for (const { body } of of(state, "status"))
      expect(body.description.length).toBeLessThanOrEqual(LIMIT.statusDescription);
  });

  test("links to what runs only where it does", () => {
    expect(of(alive, "status")[0]?.body.targetUrl).toBe("https://pr-7.shop.example");
    expect(of(update, "status")[0]?.body.targetUrl).toBeNull();
  });

  test.each([["blocked"], ["idle"], ["waiting"], ["failed"]] as const)(
    "stays a success for what is live, though the environment is %s for another reason",
    (phase) => {
      expect(statuses({ ...staged, phase, because: "something else" })).toEqual([
        "bbb success: Live at staging.shop.example",
      ]);
    },
  );

  test("is not an older commit's failure", () => {
    expect(statuses({ ...envFailed, wanted: { sha: sha("c"), since: NOW } })).toEqual([
      "ccc pending: Not deployed yet. aaaaaaa still serves.",
    ]);
  });

  test("is none where nothing is wanted", () => {
    expect(statuses(record(preview))).toEqual([]);
  });
});

describe("the status of a commit that was passed by", () => {
  const open = [sha("b")];
  const rows: [string, TargetState, string][] = [
    [
      "before it was live",
      { ...waiting, wanted: { sha: sha("c"), since: NOW }, open },
      "error: Superseded by ccccccc before it was live",
    ],
    [
      "by the end of its pull request",
      record(preview, { phase: "removing", because: "merged as ddddddd", open }),
      "error: No preview: merged as ddddddd",
    ],
    [
      "but still rolls out",
      { ...rolling, wanted: { sha: sha("c"), since: NOW }, open },
      "pending: Rolling out bbbbbbb",
    ],
    [
      "but came to be live",
      { ...alive, wanted: { sha: sha("c"), since: NOW }, open },
      "success: Live at pr-7.shop.example",
    ],
    [
      "and failed",
      { ...failed, wanted: { sha: sha("c"), since: NOW }, open },
      "failure: web: 0 of 1 pods ready after 5 s: CrashLoopBackOff. aaaaaaa still serves.",
    ],
    [
      "in an environment",
      { ...asking, wanted: { sha: sha("c"), since: NOW }, open },
      "pending: Goes out with a newer commit",
    ],
    [
      "in an environment, by the live one",
      liveRecord(staging, "c", 3, { open }),
      "success: Deployed as part of ccccccc",
    ],
    [
      "in an environment, by one on the way to the newest",
      liveRecord(staging, "c", 3, { wanted: { sha: sha("d"), since: NOW }, open: [sha("b"), sha("c")] }),
      "success: Deployed as part of ccccccc",
    ],
    [
      "in an environment, after the live one",
      liveRecord(staging, "a", 3, { wanted: { sha: sha("d"), since: NOW }, open: [sha("a"), sha("b")] }),
      "pending: Goes out with a newer commit",
    ],
  ];
  test.each(rows)("%s", (_, state, text) => {
    expect(statuses(state)).toContain(`bbb ${text}`);
  });
});

describe("a text is a write, so it stays what it is", () => {
  test("the same record always says the same", () => {
    for (const state of [waiting, rolling, alive, failed, broken, envFailed, asking])
      expect(surfaces(state)).toEqual(surfaces(structuredClone(state)));
  });

  test.each([
    ["rolling", rolling],
    ["rolling in an environment", envRolling],
    ["going back", envBack],
  ])("while %s, whatever the pods do", (_, state) => {
    expect(surfaces({ ...state, because: "web: 1 of 3 new pods available" })).toEqual(
      surfaces({ ...state, because: "web: 2 of 3 new pods available" }),
    );
    expect(surfaces({ ...state, phase: "baking" })).toEqual(surfaces(state));
  });

  test("between a failure and the way back, too", () => {
    const between: TargetState = {
      ...envBack,
      rollout: null,
      because: `${failure("b", 2).because} Rolling back to aaaaaaa.`,
    };
    expect(statuses(between)).toEqual(statuses(envBack));
    expect(comment(between)).toBe(comment(envBack));
  });

  test("of an environment's release, while a later commit waits for its checks", () => {
    const later: TargetState = {
      ...staged,
      wanted: { sha: sha("c"), since: NOW },
      phase: "waiting",
      because: "waiting for `test`",
    };
    expect(comment(later)).toBe(comment(staged));
  });
});

describe("what has come to its end is spoken of no more", () => {
  test("commits with a terminal status, and Deployments that are not active", () => {
    const busy = liveRecord(staging, "c", 3, {
      shown: [asRevision(1), asRevision(2), asRevision(3), asRevision(4)],
      open: [sha("b"), sha("c"), sha("d")],
      wanted: { sha: sha("e"), since: NOW },
      phase: "waiting",
      rollout: rollout("d", 4),
    });
    expect(outstanding(busy)).toEqual({ open: [sha("d")], shown: [asRevision(3), asRevision(4)] });
  });

  test("so a commit that went out with a newer one never goes back to pending", () => {
    const deployed = liveRecord(staging, "c", 3, { open: [sha("b")] });
    const next = {
      ...deployed,
      ...outstanding(deployed),
      wanted: { sha: sha("d"), since: NOW },
      phase: "waiting",
      because: "waiting for `test`",
    } as const;
    expect(statuses(next)).toEqual(["ddd pending: waiting for `test`. ccccccc still serves."]);
  });
});

describe("Deployments", () => {
  test("one that rolls out, beside the one it replaces", () => {
    expect(deployments(rolling)).toEqual(["1 success: aaaaaaa is live", "2 in_progress: Rolling out bbbbbbb"]);
  });
  test("one that is live, and the replaced one inactive", () => {
    expect(deployments(alive)).toEqual(["1 inactive: Replaced, or taken down", "2 success: bbbbbbb is live"]);
  });
  test("one that failed says why, of itself", () => {
    expect(deployments({ ...failed, because: "`test` failed", phase: "blocked" })).toEqual([
      "1 success: aaaaaaa is live",
      "2 failure: web: 0 of 1 pods ready after 5 s: CrashLoopBackOff.",
    ]);
  });
  test("a rollback is one of its own", () => {
    expect(deployments(envBack)).toContain("3 in_progress: Rolling back to aaaaaaa");
    expect(of(envBack, "deployment").map(({ body }) => body.task)).toEqual(["deploy", "rollback", "deploy"]);
  });
  test("taken down with their preview", () => {
    expect(deployments(record(preview, { phase: "removing", shown: [asRevision(2)] }))).toEqual([
      "2 inactive: Replaced, or taken down",
    ]);
  });
  test("are transient in a preview, and production in production", () => {
    expect(of(alive, "deployment")[0]?.body).toMatchObject({
      environment: "preview",
      transient: true,
      production: false,
      description: "Preview of #7",
    });
    const production = { ...staged, target: { ...staging, environment: "production" } } as TargetState;
    expect(of(production, "deployment")[0]?.body).toMatchObject({
      environment: "production",
      transient: false,
      production: true,
      description: "production of acme/shop",
    });
  });
});

describe("the preview's comment", () => {
  test("while it waits", () =>
    expect(comment(waiting)).toMatchInlineSnapshot(`
    "#7
    ### Preview is waiting

    **Commit** bbbbbbb · waiting for \`test\`."
  `));
  test("while it rolls out over another", () =>
    expect(comment(rolling)).toMatchInlineSnapshot(`
    "#7
    ### Preview is rolling out

    **Commit** bbbbbbb · Rolling out bbbbbbb.

    **Still serving** aaaaaaa at https://pr-7.shop.example"
  `));
  test("when it is ready", () =>
    expect(comment(alive)).toMatchInlineSnapshot(`
      "#7
      ### Preview is ready: https://pr-7.shop.example

      **Commit** bbbbbbb

      <details><summary>Digests</summary>

      | service | digest |
      |---|---|
      | web | \`sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\` |

      </details>"
    `));
  test("when it failed", () =>
    expect(comment(failed)).toMatchInlineSnapshot(`
    "#7
    ### Preview failed

    **Commit** bbbbbbb · web: 0 of 1 pods ready after 5 s: CrashLoopBackOff.

    **Still serving** aaaaaaa at https://pr-7.shop.example

    <details><summary>What happened</summary>

    exit 1

    </details>"
  `));
  test("when its config is wrong", () =>
    expect(comment(broken)).toMatchInlineSnapshot(`
    "#7
    ### No new preview

    **Commit** bbbbbbb · .proa.yml line 3: previews.cap is "many".

    **Still serving** aaaaaaa at https://pr-7.shop.example

    - line 3: previews.cap is "many". Write a number."
  `));
  test("when it is gone, with what was asked and noted", () => {
    const gone = record(preview, {
      phase: "idle",
      because: "merged as ddddddd",
      rev: asRevision(2),
      notes: ["A tag moved."],
      answers: [answered, { ...answered, accepted: false, answer: "there is no preview" }],
    });
    expect(comment(gone)).toMatchInlineSnapshot(`
      "#7
      ### Preview removed

      Merged as ddddddd.

      > A tag moved.

      - \`/deploy\` by @mo: deploying bbbbbbb
      - \`/deploy\` by @mo refused: there is no preview"
    `);
  });
  test("is not begun for a pull request that never had one", () => {
    expect(comment(record(preview, { because: "the pull request is a draft" }))).toBe("");
  });
});

describe("an environment's part of the comment", () => {
  test.each([
    ["rolling out", envRolling, "**staging**: Rolling out bbbbbbb."],
    ["live", staged, "**staging**: bbbbbbb is live. https://staging.shop.example"],
    [
      "going back",
      envBack,
      "**staging**: web: 0 of 1 pods ready after 5 s: CrashLoopBackOff. Rolling back to aaaaaaa.",
    ],
    [
      "back",
      envFailed,
      "**staging**: failed · web: 0 of 1 pods ready after 5 s: CrashLoopBackOff. Rolled back to aaaaaaa, which serves.",
    ],
    [
      "back because somebody asked",
      { ...staged, live: { ...live("a", 3), because: "rolled back to aaaaaaa by @ann" } },
      "**staging**: rolled back to aaaaaaa by @ann. https://staging.shop.example",
    ],
    [
      "asking",
      asking,
      "**staging**: bbbbbbb waits for an approval by someone with write permission: /approve staging.",
    ],
    [
      "not begun",
      record(staging, { pulls: [4], because: "staging has nothing healthy yet" }),
      "**staging**: staging has nothing healthy yet.",
    ],
  ])("%s", (_, state, text) => {
    expect(comment(state)).toBe(`#4\n${text}`);
  });

  test("answers a command where it was asked, in one part, and by the hand that was raised", () => {
    const asked = { ...answered, verb: "rollback", answer: "rolling back" };
    const state = {
      ...staged,
      answers: [
        asked,
        { ...asked, id: "2", accepted: false, answer: "no", comment: { number: 7, commentId: 100 } },
        { ...asked, id: "3", comment: null },
      ],
    };
    expect(of(state, "comment").map(({ key, text }) => [key, text])).toEqual([
      [
        "comment/12/4/2-staging",
        "**staging**: bbbbbbb is live. https://staging.shop.example\n\n- `/rollback` by @mo: rolling back",
      ],
      ["comment/12/7/3-staging", "- `/rollback` by @mo: rolling back\n- `/rollback` by @mo refused: no"],
    ]);
    expect(of(state, "reaction").map(({ commentId, accepted }) => [commentId, accepted])).toEqual([
      [99, true],
      [100, false],
    ]);
  });
});

describe("the check run", () => {
  test("of what is live", () =>
    expect(check(staged)).toMatchInlineSnapshot(`
    "bbb proa/staging report: success
    proa/staging: live at staging.shop.example
    bbbbbbb is live.

    **Serving** bbbbbbb
    | service | digest |
    |---|---|
    | web | \`sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\` |
    Roll back"
  `));
  test("of a failed preview", () =>
    expect(check(failed)).toMatchInlineSnapshot(`
    "bbb proa/preview report: failure
    web: CrashLoopBackOff
    web: 0 of 1 pods ready after 5 s: CrashLoopBackOff. aaaaaaa still serves.

    **Serving** aaaaaaa
    exit 1
    Retry"
  `));
  test("of a failed environment", () =>
    expect(check(envFailed)).toMatchInlineSnapshot(`
    "bbb proa/staging report: failure
    web: CrashLoopBackOff
    web: 0 of 1 pods ready after 5 s: CrashLoopBackOff. Rolled back to aaaaaaa, which serves. A newer commit moves on by itself.

    **Serving** aaaaaaa
    exit 1
    Release hold, Retry"
  `));
  test("of a config that is wrong, on its lines", () => {
    expect(check(broken)).toMatchInlineSnapshot(`
      "bbb proa/preview report: failure
      .proa.yml line 3: previews.cap is "many"
      .proa.yml line 3: previews.cap is "many".

      **Serving** aaaaaaa
      - line 3: previews.cap is "many". Write a number.
      "
    `);
    expect(of(broken, "check")[0]?.body.annotations).toEqual([
      { line: 3, message: 'previews.cap is "many"', remedy: "Write a number", path: ".proa.yml" },
    ]);
  });
  test("that asks for an approval", () =>
    expect(check(asking)).toMatchInlineSnapshot(`
    "bbb proa/staging report: action_required
    bbbbbbb waits for an approval by someone with write permission: /approve staging
    bbbbbbb waits for an approval by someone with write permission: /approve staging. An approval is for exactly these images, and for no later ones.

    **Serving** aaaaaaa
    | service | digest |
    |---|---|
    | web | \`sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\` |
    Approve"
  `));
  test.each([
    ["waiting", waiting],
    ["rolling", rolling],
    ["gone", record(preview)],
  ])("is none while %s: it comes at the end, or when a person has to act", (_, state) => {
    expect(check(state)).toBe("");
  });

  test("asks for no approval any more once a newer commit is what would go", () => {
    const [asked] = of(asking, "check");
    const newer = {
      ...asking,
      wanted: { sha: sha("c"), since: NOW },
      awaiting: null,
      because: "waiting for `test`",
      open: [sha("b")],
      told: { [asked?.key ?? ""]: "x" },
    };
    expect(check(newer)).toMatchInlineSnapshot(`
      "bbb proa/staging report: neutral
      proa/staging: superseded by ccccccc
      bbbbbbb needs no approval any more: it goes out with a newer commit.

      **Serving** aaaaaaa

      "
    `);
  });

  test("never stands on a commit it does not speak of", () => {
    expect(check({ ...staged, wanted: { sha: sha("c"), since: NOW } })).toBe("");
    expect(of({ ...envFailed, wanted: { sha: sha("c"), since: NOW } }, "check").map(({ sha: at }) => at)).toEqual([
      sha("b"),
    ]);
    expect(
      of({ ...failed, phase: "blocked", because: "`test` failed", wanted: { sha: sha("c"), since: NOW } }, "check").map(
        ({ sha: at }) => at,
      ),
    ).toEqual([sha("c")]);
  });

  test("has buttons that GitHub takes", () => {
    for (const state of [staged, failed, envFailed, asking]) {
      for (const { body } of of(state, "check")) {
        expect(body.actions.length).toBeLessThanOrEqual(LIMIT.actions);
        for (const { label, description, identifier } of body.actions) {
          expect(label.length).toBeLessThanOrEqual(LIMIT.actionLabel);
          expect(description.length).toBeLessThanOrEqual(LIMIT.actionDescription);
          expect(identifier.length).toBeLessThanOrEqual(LIMIT.actionIdentifier);
        }
      }
    }
  });
});

test("no two texts are for the same place", () => {
  const state = { ...staged, answers: [answered, { ...answered, id: "2", comment: { number: 7, commentId: 100 } }] };
  const keys = surfaces(state).map(({ key }) => key);
  expect(new Set(keys).size).toBe(keys.length);
});
