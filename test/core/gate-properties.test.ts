import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { judgeChecks } from "../../src/core/gate.ts";
import { ACTIONS, CIRCLE, inputOf, minutes, OURS, required, run, start, status, suite } from "./gate-fixture.ts";

const anyRun = fc.record({
  name: fc.constantFrom("test", "lint", "proa/preview", "ci / a"),
  appId: fc.constantFrom(ACTIONS, CIRCLE, OURS),
  status: fc.constantFrom("queued", "in_progress", "completed", "waiting"),
  conclusion: fc.constantFrom("success", "failure", "skipped", "action_required", "neutral", null),
});
const anySituation = fc.record({
  runs: fc.array(anyRun, { maxLength: 6 }).map((runs) => runs.map((change, id) => run(change.name, { ...change, id }))),
  statuses: fc
    .array(fc.tuple(fc.constantFrom("test", "ci", "proa/preview"), fc.constantFrom("success", "pending", "error")), {
      maxLength: 3,
    })
    .map((all) => all.map(([context, state]) => status(context, state))),
  suites: fc
    .array(
      fc.record({
        appId: fc.constantFrom(ACTIONS, OURS),
        status: fc.constantFrom("queued", "completed"),
        runs: fc.nat(2),
      }),
      { maxLength: 3 },
    )
    .map((all) => all.map((change) => suite(change))),
  required: fc
    .array(
      fc.record({
        context: fc.constantFrom("test", "lint", "proa/preview"),
        appId: fc.constantFrom(null, ACTIONS, OURS),
      }),
      { maxLength: 3 },
    )
    .map((all) => all.map(({ context, appId }) => required(context, { appId }))),
  workflows: fc.array(fc.constantFrom("ci", "x"), { maxLength: 1 }),
  now: fc.integer({ min: start, max: start + minutes(5) }),
});

describe("for any commit", () => {
  test("the order GitHub answers in does not change a word", () => {
    fc.assert(
      fc.property(anySituation, (situation) => {
        const reversed = {
          ...situation,
          runs: situation.runs.toReversed(),
          statuses: situation.statuses.toReversed(),
          suites: situation.suites.toReversed(),
          required: situation.required.toReversed(),
        };
        expect(judgeChecks(inputOf(reversed)).because).toBe(judgeChecks(inputOf(situation)).because);
      }),
      { numRuns: 2000 },
    );
  });

  test("what Proa itself reports changes nothing", () => {
    fc.assert(
      fc.property(anySituation, fc.array(anyRun, { maxLength: 3 }), (situation, added) => {
        const ours = added.map((change) => run(change.name, { ...change, appId: OURS }));
        const with_ = {
          ...situation,
          runs: [...situation.runs, ...ours],
          statuses: [...situation.statuses, status("proa/staging", "pending")],
        };
        expect(judgeChecks(inputOf(with_))).toEqual(judgeChecks(inputOf(situation)));
      }),
      { numRuns: 2000 },
    );
  });

  test("nothing passes with a required context that is absent, red or running", () => {
    fc.assert(
      fc.property(anySituation, (situation) => {
        if (judgeChecks(inputOf(situation)).kind !== "pass") return;
        for (const { context, appId } of situation.required.filter(
          (r) => r.context !== "proa/preview" && r.appId !== OURS,
        )) {
          const speaking = situation.runs.filter(
            (r) => r.name === context && r.appId !== OURS && (appId === null || r.appId === appId),
          );
          const said = appId === null ? situation.statuses.filter((s) => s.context === context) : [];
          expect(speaking.length + said.length).toBeGreaterThan(0);
          expect(
            speaking.every((r) => r.status === "completed" && /success|skipped|neutral/.test(r.conclusion ?? "")),
          ).toBe(true);
          expect(said.every((s) => s.state === "success")).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("nothing passes without a single foreign check", () => {
    fc.assert(
      fc.property(anySituation, (situation) => {
        const none = { ...situation, runs: situation.runs.filter((r) => r.appId === OURS), statuses: [], suites: [] };
        expect(judgeChecks(inputOf(none)).kind).not.toBe("pass");
      }),
      { numRuns: 1000 },
    );
  });

  test("a wait with a time is over at that time, or has another reason then", () => {
    fc.assert(
      fc.property(anySituation, (situation) => {
        const verdict = judgeChecks(inputOf(situation));
        if (verdict.kind !== "wait" || verdict.lookAgainAt === null) return;
        expect(verdict.lookAgainAt).toBeGreaterThan(situation.now);
        expect(judgeChecks(inputOf({ ...situation, now: verdict.lookAgainAt })).kind).toBe("pass");
      }),
      { numRuns: 2000 },
    );
  });
});
