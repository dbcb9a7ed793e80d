import { expect } from "vitest";
import type { DeploymentView, EventView, Workloads } from "../../src/core/cluster.ts";
import { diagnose, type Diagnosis, type DiagnosisInput } from "../../src/core/diagnosis.ts";
import type { Judgement } from "../../src/core/rollout.ts";
import {
  broken,
  condition,
  event,
  expected,
  MINUTE,
  replicaSet,
  running,
  START,
  waiting,
  withContainer,
  withPods,
} from "../fixtures/cluster/web.ts";

const failed: Judgement = { kind: "failed", because: "it failed", fault: "application", timedOut: false };

const diagnosis = (workloads: Workloads, more: Partial<DiagnosisInput> = {}): Diagnosis =>
  diagnose({
    service: "web",
    deployment: workloads.deployments[0] ?? null,
    expected,
    workloads,
    events: [],
    logs: [],
    judgement: failed,
    oldVersionServes: false,
    now: START + 5 * MINUTE,
    includeLogs: true,
    ...more,
  });

export const waits = (reason: string, message = ""): Workloads => withContainer(broken(waiting(reason, message)));
export const refused = (message: string): Workloads => ({
  ...withPods({}),
  replicaSets: [
    { ...replicaSet, replicas: 0, ready: 0, conditions: [condition("ReplicaFailure", "True", { message })] },
  ],
  pods: [],
});
export const spec = (more: Partial<DeploymentView["containers"][number]>, live: Workloads): Workloads => ({
  ...live,
  deployments: live.deployments.map((one) => ({
    ...one,
    containers: one.containers.map((old) => ({ ...old, ...more })),
  })),
});
export const onPod = (reason: string, message: string): EventView => event("Pod/web-a", reason, message);
export const NOT_READY = withContainer(broken(running, { started: true }));

export type Row = {
  when: string;
  live: Workloads;
  headline: RegExp;
  detail?: RegExp;
  remedy?: RegExp;
  fault?: "application" | "infrastructure";
  events?: EventView[];
  log?: string;
};

/** What is said about a row's world: a good one with one thing wrong. */
export function said({ live, events = [], log }: Row): Diagnosis {
  const logs = log === undefined ? [] : [{ pod: "web-a", container: "app", previous: true, text: log }];
  return diagnosis(live, { events, logs });
}

/** What must be said about it. */
export const wanted = ({ headline, detail, remedy, fault }: Row): object => ({
  headline: expect.stringMatching(headline),
  details: expect.arrayContaining(detail === undefined ? [] : [expect.stringMatching(detail)]),
  remedy: expect.stringMatching(remedy ?? /./),
  fault: fault ?? expect.stringMatching(/application|infrastructure/),
});
