import { describe, expect, test } from "vitest";
import type { ContainerView, PodView } from "../../src/core/cluster.ts";
import { podDoom, type Doom, type Evidence } from "../../src/core/rollout-doom.ts";
import {
  broken,
  condition,
  crashing,
  ended,
  MINUTE,
  NOW,
  pod,
  running,
  START,
  unschedulable,
  waiting,
} from "../fixtures/cluster/web.ts";

type Case = {
  when: string;
  pod: Partial<PodView>;
  doom: Doom["kind"] | null;
  now?: number;
  evidence?: Partial<Evidence>;
};

const one = (container: ContainerView): Partial<PodView> => ({ containers: [container] });
const pulling = (message = "") => one(broken(waiting("ImagePullBackOff", message)));

const cases: Case[] = [
  { when: "it is ready", pod: {}, doom: null },
  { when: "its container is being made", pod: one(broken(waiting("ContainerCreating"))), doom: null },

  { when: "it backs off after the second failing end", pod: one(crashing(1, 1)), doom: "crash" },
  { when: "it restarted once and runs", pod: one(broken(running, { restarts: 1, last: ended(1) })), doom: null },
  { when: "it has ended once and not yet restarted", pod: one(broken(ended(1))), doom: null },
  { when: "it backs off before any restart", pod: one(crashing(1, 0)), doom: null },
  { when: "it backs off after one end without an error", pod: one(crashing(0, 1)), doom: null },
  { when: "it keeps ending without an error", pod: one(crashing(0, 2)), doom: "crash" },
  { when: "it has just ended for the third time", pod: one(broken(ended(1), { restarts: 2 })), doom: "crash" },
  { when: "it runs between two crashes", pod: one(broken(running, { restarts: 3, last: ended(1) })), doom: null },
  { when: "it crashed before but is ready now", pod: one({ ...crashing(1), ready: true }), doom: null },

  { when: "it keeps running out of memory", pod: one(crashing(137, 2, "OOMKilled")), doom: "out-of-memory" },
  {
    when: "it ran out of memory twice and is starting again",
    pod: one(broken(running, { restarts: 2, last: ended(137, "OOMKilled") })),
    doom: "out-of-memory",
  },
  {
    when: "it ran out of memory once",
    pod: one(broken(running, { restarts: 1, last: ended(137, "OOMKilled") })),
    doom: null,
  },

  { when: "a pull has just failed", pod: pulling(), doom: null },
  { when: "a pull fails for nearly five minutes", pod: pulling(), now: START + 5 * MINUTE - 1, doom: null },
  { when: "a pull fails for five minutes", pod: pulling(), now: START + 5 * MINUTE, doom: "pull" },
  {
    when: "a pull fails and the registry says that there is no such image",
    pod: pulling(),
    evidence: { imageMissing: true },
    doom: "pull",
  },
  { when: "the image has no build for the node", pod: pulling("no match for platform in manifest"), doom: "pull" },
  {
    when: "pulling is not allowed and the image is not there",
    pod: one(broken(waiting("ErrImageNeverPull"))),
    doom: "pull",
  },
  { when: "the image name is no name", pod: one(broken(waiting("InvalidImageName"))), doom: "image-name" },

  {
    when: "a Secret is missing",
    pod: one(broken(waiting("CreateContainerConfigError", 'secret "db" not found'))),
    doom: "config",
  },
  {
    when: "a Secret is missing at first",
    pod: one(broken(waiting("CreateContainerConfigError", 'secret "db" not found'))),
    now: START + 9_000,
    doom: null,
  },
  {
    when: "the kubelet's cache is young",
    pod: one(broken(waiting("CreateContainerConfigError", "failed to sync secret cache: timed out"))),
    doom: null,
  },

  {
    when: "the command does not exist",
    pod: one(broken(waiting("RunContainerError", 'exec: "nope": executable file not found in $PATH'))),
    doom: "start",
  },
  {
    when: "the runtime hiccups",
    pod: one(broken(waiting("RunContainerError", "context deadline exceeded"))),
    doom: null,
  },
  {
    when: "containerd cannot find the command",
    pod: one(crashing(128, 1, "StartError", 'exec: "nope": executable file not found in $PATH')),
    doom: "start",
  },
  {
    when: "the node could not start it",
    pod: one(crashing(128, 3, "StartError", "OCI runtime create failed")),
    doom: null,
  },
  { when: "it cannot be run", pod: one(crashing(126, 1, "ContainerCannotRun", "cannot run")), doom: "start" },

  {
    when: "its init container crashes",
    pod: { initContainers: [crashing(1)], containers: [broken(waiting("PodInitializing"))] },
    doom: "crash",
  },
  {
    when: "its init container is done",
    pod: { initContainers: [broken(ended(0, "Completed"))], containers: [broken(running)] },
    doom: null,
  },

  { when: "no node has been free for a while", pod: unschedulable("0/3"), now: START + 3 * MINUTE - 1, doom: null },
  {
    when: "no node has been free for three minutes",
    pod: unschedulable("0/3"),
    now: START + 3 * MINUTE,
    doom: "unschedulable",
  },
  {
    when: "no node is free but one is coming",
    pod: unschedulable("0/3"),
    now: START + 9 * MINUTE,
    evidence: { scalingUp: true },
    doom: null,
  },
  {
    when: "somebody holds its scheduling",
    pod: { conditions: [condition("PodScheduled", "False", { reason: "SchedulingGated" })] },
    now: START + 9 * MINUTE,
    doom: null,
  },

  { when: "it was evicted", pod: { ...one(crashing(1)), reason: "Evicted" }, doom: null },
  { when: "it makes room for another", pod: { ...one(crashing(1)), reason: "Preempting" }, doom: null },
  { when: "its node was lost", pod: { ...one(crashing(1)), reason: "NodeLost" }, doom: null },
  {
    when: "its node is drained",
    pod: { ...one(crashing(1)), conditions: [condition("DisruptionTarget", "True")] },
    doom: null,
  },
  { when: "it has ended", pod: { ...one(crashing(1)), phase: "Failed" }, doom: null },
  { when: "it is being deleted", pod: { ...one(crashing(1)), deletedAt: NOW }, doom: null },
];

describe("a pod", () => {
  test.each(cases)("is doomed as $doom when $when", ({ pod: more, doom, now = NOW, evidence }) => {
    const found = podDoom(pod("web-a", more), now, { imageMissing: false, scalingUp: false, ...evidence });
    expect(found?.kind ?? null).toBe(doom);
  });

  test("names its init container in the reason", () => {
    const doom = podDoom(pod("web-a", { initContainers: [{ ...crashing(3), name: "migrate" }] }), NOW);
    expect(doom).toMatchObject({
      container: "migrate",
      because: "init container migrate: crashing repeatedly (exit 3)",
    });
  });
});
