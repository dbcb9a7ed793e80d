import { expect, test } from "vitest";
import { OutsideError } from "../../src/core/problem.ts";
import type { Fault } from "./fault.ts";
import { Died, runWatched } from "./invocation.ts";

const ABOUT = { fn: "deployer", repoId: 1, installation: null, image: null };

/** A run that writes, then reads, then writes again; in one of its calls that fault. */
function story(at: string, fault: Fault) {
  const made: string[] = [];
  const does = (name: string) => async (): Promise<string> => {
    made.push(name);
    return name;
  };
  const fx = {
    store: { save: does("save") },
    registries: { resolve: does("resolve") },
    github: { redeliver: does("redeliver") },
  };
  const after: string[] = [];
  const watcher = { met: (_: unknown, site: string) => (site.includes(at) ? fault : null) };
  const underWay = new Set<Promise<unknown>>();
  const run = runWatched(ABOUT, { fx, moment: "look", watcher, underWay }, async ({ store, registries, github }) => {
    const beside = registries.resolve().then(() => after.push("beside"));
    await store.save().then(
      () => after.push("saved"),
      () => after.push("not saved"),
    );
    await beside;
    await github.redeliver();
  });
  return { run, made, after };
}

test.for<[Fault, string[]]>([
  ["die before", ["resolve"]],
  ["die after", ["resolve", "save"]],
])("%s a call: nothing that ran goes on, nor what ran beside it", async ([fault, reached]) => {
  const { run, made, after } = story("store.save", fault);
  await expect(run).rejects.toThrow(Died);
  // Whatever was to follow would follow in one of these turns.
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  expect(made).toEqual(reached);
  expect(after.filter((what) => what !== "beside")).toEqual([]);
});

test.for<[Fault, string[]]>([
  ["timeout after", ["resolve", "save", "redeliver"]],
  ["5xx", ["resolve", "redeliver"]],
])("%s: the call took effect or not, and the run hears of a failure", async ([fault, reached]) => {
  const { run, made, after } = story("store.save", fault);
  await run;
  expect(made).toEqual(reached);
  expect(after).toContain("not saved");
});

test.for<[Fault, string]>([
  ["429", "rate-limited"],
  ["timeout after", "unknown-result"],
  ["5xx", "unknown-result"],
  ["reset", "unavailable"],
  ["409/422", "invalid"],
])("%s of a write to GitHub is thrown as its adapter throws it", async ([fault, code]) => {
  const { run } = story("app.redeliver", fault);
  const error = await run.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(OutsideError);
  expect((error as OutsideError).problem.code).toBe(code);
});
