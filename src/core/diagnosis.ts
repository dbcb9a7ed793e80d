import type { DeploymentView, EventView, PodView, ReplicaSetView, Workloads } from "./cluster.ts";
import { admissionFinding } from "./diagnosis-admission.ts";
import { containerFinding } from "./diagnosis-container.ts";
import { eventLines, tellingEvents } from "./diagnosis-events.ts";
import type { Finding } from "./diagnosis-finding.ts";
import { redact } from "./diagnosis-redact.ts";
import { preparationFinding, schedulingFinding } from "./diagnosis-scheduling.ts";
import type { Millis } from "./names.ts";
import { activePods, isReplicaFailure, newestReplicaSet, type Judgement, type RolloutExpectation } from "./rollout.ts";
import { containersOf, isDisrupted, podDoom } from "./rollout-doom.ts";

export interface ContainerLog {
  readonly pod: string;
  readonly container: string;
  readonly previous: boolean;
  readonly text: string;
}

export interface DiagnosisInput {
  readonly service: string;
  /** null: it is gone. */
  readonly deployment: DeploymentView | null;
  readonly expected: RolloutExpectation;
  readonly workloads: Workloads;
  readonly events: readonly EventView[];
  /** What `logsWanted` asked for. */
  readonly logs: readonly ContainerLog[];
  readonly judgement: Judgement;
  /** Pods of the version before are ready, so its Service still has somewhere to send every request. */
  readonly oldVersionServes: boolean;
  readonly now: Millis;
  readonly includeLogs: boolean;
  /** Values that must not be shown, whatever they stand in. */
  readonly secrets?: readonly string[];
}

export interface Diagnosis {
  /** `web: 0 of 2 pods ready after 5 min: ImagePullBackOff on sha256:4f2c6aa…` */
  readonly headline: string;
  readonly fault: "application" | "infrastructure";
  readonly details: readonly string[];
  readonly remedy: string;
  readonly events: readonly string[];
  readonly finalStatus: string;
  readonly logs: readonly { readonly container: string; readonly lines: readonly string[] }[];
}

const LOG_LINES = 25;

/** Says why a rollout did not succeed, in krane's order and words where those are good: what, why, what to do, and the evidence. */
export function diagnose(input: DiagnosisInput): Diagnosis {
  const { service, deployment, expected, workloads, judgement, now } = input;
  const clean = (text: string): string => redact(text, input.secrets);
  const newest = deployment === null ? null : newestReplicaSet(expected, deployment, workloads);
  const pods = activePods(newest, workloads);
  const best = mostUseful(pods);
  const about = new Set([
    `Deployment/${expected.deployment}`,
    ...(newest === null ? [] : [`ReplicaSet/${newest.name}`]),
    ...(best === null ? [] : [`Pod/${best.name}`]),
  ]);
  const events = tellingEvents(input.events, about, expected.startedAt);
  const findings = deployment === null ? [] : findAll(deployment, newest, best, pods, input);
  const [first] = findings;
  const why = first?.headline ?? judgement.because;
  const count = deployment === null || newest === null ? "" : `${newest.ready} of ${deployment.replicas} pods ready `;
  return {
    headline: clean(
      `${service}: ${count === "" ? "" : `${count}after ${duration(now - expected.startedAt)}: `}${oneLine(why)}`,
    ),
    fault: first?.fault ?? (judgement.kind === "failed" ? judgement.fault : "infrastructure"),
    details: details(newest, findings, input).map(clean),
    remedy: clean(first?.remedy ?? remedyFor(judgement)),
    events: eventLines(events).map(clean),
    finalStatus: deployment === null ? "gone" : finalStatus(deployment),
    logs: input.includeLogs
      ? input.logs.map(({ container, text }) => ({ container, lines: lastLines(clean(text)) }))
      : [],
  };
}

/**
 * The logs worth fetching for `diagnose`: those of the most telling pod, of the run before where that is the one that crashed.
 * Containers that never ran have none.
 */
export function logsWanted(
  workloads: Workloads,
  expected: RolloutExpectation,
): { readonly pod: string; readonly container: string; readonly previous: boolean }[] {
  const deployment = workloads.deployments.find((candidate) => candidate.uid === expected.uid);
  if (deployment === undefined) return [];
  const pod = mostUseful(activePods(newestReplicaSet(expected, deployment, workloads), workloads));
  if (pod === null) return [];
  return containersOf(pod)
    .filter(
      ([{ state, last }]) => last.kind === "terminated" || state.kind === "running" || state.kind === "terminated",
    )
    .filter(([{ state }, init]) => !(init && state.kind === "terminated" && state.exitCode === 0))
    .map(([{ name, state, last, ready }]) => {
      const previous = last.kind === "terminated" && !ready && state.kind !== "terminated";
      return { pod: pod.name, container: name, previous };
    });
}

/** krane: a failed pod, else one that is not ready, else any. Names break ties, so two looks choose the same. */
function mostUseful(pods: readonly PodView[]): PodView | null {
  const rank = (pod: PodView): number => {
    if (podDoom(pod, Number.POSITIVE_INFINITY) !== null) return 0;
    return pod.containers.length > 0 && pod.containers.every((container) => container.ready) ? 2 : 1;
  };
  const [best] = [...pods].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
  return best ?? null;
}

function findAll(
  deployment: DeploymentView,
  newest: ReplicaSetView | null,
  best: PodView | null,
  pods: readonly PodView[],
  input: DiagnosisInput,
): Finding[] {
  const ordered = best === null ? [] : [best, ...pods.filter((pod) => pod !== best)];
  const found = [
    ...refusals(deployment, newest, input),
    ...ordered.flatMap((pod) => podFindings(pod, deployment, input)),
    ...nodeFindings(newest, input.workloads),
    ...oldPods(deployment, newest, input.workloads),
  ];
  return found.filter((finding, index) => found.findIndex((other) => other.line === finding.line) === index);
}

function refusals(deployment: DeploymentView, newest: ReplicaSetView | null, input: DiagnosisInput): Finding[] {
  const conditions = newest?.conditions ?? deployment.status.conditions;
  const standing = conditions.filter(isReplicaFailure).map(({ message }) => message);
  if (standing.length > 0 || newest === null || newest.replicas > 0) return standing.map(admissionFinding);
  // The condition is gone between two attempts; the event stays.
  const about = `ReplicaSet/${newest.name}`;
  const refused = input.events.filter((event) => event.about === about && event.reason === "FailedCreate");
  return refused.slice(-1).map(({ message }) => admissionFinding(message));
}

function podFindings(pod: PodView, deployment: DeploymentView, input: DiagnosisInput): Finding[] {
  const events = input.events.filter((event) => event.about === `Pod/${pod.name}`);
  const scheduled = pod.conditions.find((condition) => condition.type === "PodScheduled");
  if (scheduled?.status === "False") return [schedulingFinding(scheduled.message)];
  const specs = [...deployment.initContainers, ...deployment.containers];
  const containers = containersOf(pod).flatMap(([container, init]) => {
    const spec = specs.find((candidate) => candidate.name === container.name) ?? null;
    const logs = input.logs.filter((log) => log.pod === pod.name && log.container === container.name);
    const finding = containerFinding({ container, spec, init, events, log: logs.map((log) => log.text).join("\n") });
    return finding === null ? [] : [finding];
  });
  if (containers.length > 0) return containers.sort((a, b) => severity(a) - severity(b));
  const waiting = containersOf(pod).some(([{ state }]) => state.kind === "waiting" || state.kind === "unknown");
  const stuck = waiting || pod.containers.length === 0 ? events.toReversed() : [];
  return stuck.flatMap(({ reason, message }) => preparationFinding(reason, message) ?? []).slice(0, 1);
}

const severity = ({ section }: Finding): number => (section === "unrecoverable" ? 0 : 1);

/** Pods that the cluster took away: not the application's fault, and another attempt may go well. */
function nodeFindings(newest: ReplicaSetView | null, { pods }: Workloads): Finding[] {
  return pods
    .filter((pod) => pod.ownerUid === newest?.uid && isDisrupted(pod))
    .map((pod) => {
      const reason =
        pod.reason ?? pod.conditions.find(({ type }) => type === "DisruptionTarget")?.reason ?? "disrupted";
      return {
        headline: `a pod was taken away: ${reason}`,
        section: "other",
        line: `${pod.name} on ${pod.node ?? "no node"}: ${reason}${pod.message === null ? "" : `: ${pod.message}`}`,
        remedy: "Have the cluster's nodes looked at, then run the deploy again.",
        fault: "infrastructure",
      };
    });
}

/** The new pods are fine, but old ones do not go: a finalizer, a long grace period, or a node that does not answer. */
function oldPods(deployment: DeploymentView, newest: ReplicaSetView | null, { pods }: Workloads): Finding[] {
  const { updated, replicas } = deployment.status;
  // The Deployment counts old pods as available too; only the ReplicaSet knows of the new ones.
  const newAreFine = newest !== null && newest.available >= deployment.replicas;
  if (!newAreFine || replicas <= updated) return [];
  const stopping = pods.filter((pod) => pod.ownerUid !== newest?.uid && pod.deletedAt !== null).map((pod) => pod.name);
  return [
    {
      headline: "old pods do not stop",
      section: "other",
      line: `Old pods are still there: ${stopping.length === 0 ? `${replicas - updated} of them` : stopping.sort().join(", ")}.`,
      remedy:
        "`kubectl describe pod` shows finalizers, terminationGracePeriodSeconds and the node: one of them holds the pod.",
      fault: "infrastructure",
    },
  ];
}

const HEADINGS = {
  unrecoverable: "The following containers are in a state that is unlikely to be recoverable:",
  unready: "The following containers have not passed their readiness probes on at least one pod:",
} as const;

function details(newest: ReplicaSetView | null, findings: readonly Finding[], input: DiagnosisInput): string[] {
  const section = (name: keyof typeof HEADINGS): string[] => {
    const lines = findings.filter((finding) => finding.section === name).map(({ line }) => `> ${oneLine(line)}`);
    return lines.length === 0 ? [] : [HEADINGS[name], ...lines];
  };
  const { judgement, oldVersionServes } = input;
  const known = findings.map(({ line }) => line);
  const hopeful =
    judgement.kind === "failed" &&
    judgement.timedOut &&
    findings.every((finding) => finding.section !== "unrecoverable");
  return [
    ...(known.length === 0 ? [judgement.because] : []),
    ...(newest === null ? [] : [`Latest ReplicaSet: ${newest.name}`]),
    ...findings.filter((finding) => finding.section === "other").map(({ line }) => oneLine(line)),
    ...section("unrecoverable"),
    ...section("unready"),
    ...(hopeful
      ? [
          "Kubernetes will continue to attempt to deploy this, but at this point it is considered unlikely that it will succeed.",
        ]
      : []),
    ...(oldVersionServes ? ["The previous version is still serving all traffic."] : []),
  ];
}

function remedyFor(judgement: Judgement): string {
  switch (judgement.kind) {
    case "drift":
    case "superseded":
      return "Deploy again to put back what is in the repository, or keep what was changed by hand.";
    case "blocked":
      return "A person has to undo what holds it; then deploy again.";
    case "failed":
    case "progressing":
    case "healthy":
    case "empty":
      return "See the events and logs; push a correction or deploy again.";
  }
}

function finalStatus({ replicas, status }: DeploymentView): string {
  const { updated, ready, available, unavailable } = status;
  return `${replicas} asked for, ${updated} updated, ${ready} ready, ${available} available, ${unavailable} unavailable`;
}

function duration(ms: Millis): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return seconds < 60 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}

const oneLine = (text: string): string => text.replace(/\s+/g, " ").trim();

const lastLines = (text: string): string[] =>
  text
    .replace(/\s+$/, "")
    .split("\n")
    .slice(-LOG_LINES)
    .filter((line) => line !== "");
