import { expect, test } from "vitest";
import { openCrowd } from "../../bench/crowd.ts";
import { openProa } from "../../bench/crowd-proa.ts";
import { tellPreviews } from "../../src/config-moved.ts";
import type { LookMessage } from "../../src/core/message.ts";
import type { Target } from "../../src/core/names.ts";
import { newTarget } from "../../src/core/state.ts";
import { sweepGitHub } from "../../src/sweep.ts";
import { repo, repoId } from "../core/decision-fixture.ts";

const PULLS = 250;
const MINUTE = 60_000;

/** The numbers of the pull requests that are looked at, as they were queued; afterwards the queue is empty. */
function lookedAt({ queue }: ReturnType<typeof openProa>): number[] {
  const numbers: number[] = [];
  for (let taken = queue.receive("deployer", 100); taken.length > 0; taken = queue.receive("deployer", 100))
    for (const { body, receipt } of taken) {
      const message = JSON.parse(body) as LookMessage;
      if (message.kind === "look" && message.target.kind === "preview") numbers.push(message.target.number);
      queue.delete(receipt);
    }
  return numbers;
}

test("a sweep that finds hundreds behind sets two hundred going, and the next one those that are left", async (t) => {
  const crowd = await openCrowd({ repositories: 1, pulls: PULLS, cap: 20 });
  const proa = openProa(crowd);
  t.onTestFinished(async () => {
    proa.close();
    await crowd.close();
  });
  const fx = proa.effects();
  const began = fx.clock.now();
  const swept = async (later: number) => {
    await sweepGitHub({ ...fx, clock: { now: () => began + later } });
    return lookedAt(proa);
  };
  const first = await swept(0);
  expect(new Set(first).size).toBe(200);
  const second = await swept(10 * MINUTE);
  expect(new Set([...first, ...second]).size).toBe(PULLS);
});

test("of a `.proa.yml` that has changed every pull request hears once, the newest first, a hundred at a time", async (t) => {
  const crowd = await openCrowd({ repositories: 1, pulls: 0, cap: 20 });
  const proa = openProa(crowd);
  t.onTestFinished(async () => {
    proa.close();
    await crowd.close();
  });
  const fx = proa.effects();
  for (let number = 1; number <= PULLS; number++) {
    const target: Target = { kind: "preview", repoId, number };
    await fx.store.save({ known: await fx.store.load(target), next: newTarget(target, 5, repo), surfaces: [] });
  }
  const tell = async (text: string) => {
    await tellPreviews({ repoId, repo, installation: 5, text }, fx);
    return lookedAt(proa);
  };
  const told = [await tell("first"), await tell("first"), await tell("first"), await tell("first")];
  expect(told.map(({ length }) => length)).toEqual([100, 100, 50, 0]);
  expect(told.flat().toSorted((a, b) => b - a)).toEqual(Array.from({ length: PULLS }, (_, at) => PULLS - at));
  expect(Math.min(...(told[0] ?? []))).toBe(PULLS - 99);
  expect((await tell("second")).length, "and of another one again from the newest on").toBe(100);
  expect(Math.max(...(await tell("first")))).toBe(PULLS);
});
