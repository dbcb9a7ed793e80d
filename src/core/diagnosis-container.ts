import type { ContainerSpec, ContainerView, EventView, ProbeSpec } from "./cluster.ts";
import { shortImage, type Finding } from "./diagnosis-finding.ts";
import { imageFinding } from "./diagnosis-image.ts";
import { isBadCommand, isPullFailure, lastEnd } from "./rollout-doom.ts";

export interface ContainerCase {
  readonly container: ContainerView;
  readonly spec: ContainerSpec | null;
  readonly init: boolean;
  /** Those of its pod. */
  readonly events: readonly EventView[];
  readonly log: string;
}

/** What one container's state says, its worst part first; null: nothing is wrong with it, or nothing can be told. */
export function containerFinding(subject: ContainerCase): Finding | null {
  const { container, init } = subject;
  if (container.ready) return null;
  const named = init ? { ...container, name: `init container ${container.name}` } : container;
  return waitingFinding(named, subject) ?? endFinding(named, subject) ?? unreadyFinding(named, subject);
}

function waitingFinding({ name, image, state }: ContainerView, { events, spec }: ContainerCase): Finding | null {
  if (state.kind !== "waiting") return null;
  const { reason, message } = state;
  if (isPullFailure(reason) || reason === "InvalidImageName") {
    const failures = events.filter((event) => event.reason === "Failed").map((event) => event.message);
    return imageFinding(name, spec?.image ?? image, reason, [message, ...failures].join(" ").trim());
  }
  if (reason === "CreateContainerConfigError") return configFinding(name, message);
  if (/^(RunContainerError|CreateContainerError)$/.test(reason)) return startFinding(name, message, null);
  return null;
}

/** The kubelet's sentences: pkg/kubelet/kubelet_pods.go makeEnvironmentVariables, kuberuntime/security_context.go. */
function configFinding(name: string, message: string): Finding {
  const [, kind, object] = /(secret|configmap) "([^"]+)" not found/i.exec(message) ?? [];
  const [, key, keyKind, keyObject] = /couldn't find key (\S+) in (Secret|ConfigMap) (\S+)/i.exec(message) ?? [];
  const base = { section: "unrecoverable", fault: "application" } as const;
  const line = `${name}: Failed to generate container configuration: ${message}`;
  if (key !== undefined) {
    const where = `${keyKind?.toLowerCase()} ${keyObject?.split("/").at(-1)}`;
    return { ...base, line, headline: `${where} has no key ${key}`, remedy: `Add the key ${key} to the ${where}.` };
  }
  if (kind !== undefined) {
    const what = `${kind.toLowerCase()} ${object}`;
    const remedy = `Create the ${what} in the namespace, or take it out of the service's configuration.`;
    return { ...base, line, headline: `${what} does not exist`, remedy };
  }
  if (/runAsNonRoot/.test(message)) {
    const remedy = "Give the image a numeric USER other than 0.";
    return { ...base, line, headline: "the image runs as root, which is not allowed", remedy };
  }
  return {
    ...base,
    line,
    headline: "the container's configuration is wrong",
    remedy: "Correct what the kubelet names.",
  };
}

function startFinding(name: string, message: string, exitCode: number | null): Finding {
  const line = `${name}: Failed to start${exitCode === null ? "" : ` (exit ${exitCode})`}: ${message}`;
  if (/exec format error/i.test(message)) return wrongPlatform(line);
  const bad = isBadCommand(message);
  const command = /exec: "([^"]+)"/.exec(message)?.[1];
  return {
    section: "unrecoverable",
    line,
    headline: bad
      ? `its command ${command === undefined ? "" : `${command} `}cannot be run`
      : "the container cannot be started",
    remedy: bad
      ? "Correct `command` in .proa.yml or the image's own ENTRYPOINT: the file must exist in the image and be executable."
      : "Have the node's container runtime looked at, then run the deploy again.",
    fault: bad ? "application" : "infrastructure",
  };
}

const wrongPlatform = (line: string): Finding => ({
  section: "unrecoverable",
  line,
  headline: "the image was built for another processor",
  remedy: "Build it for the nodes' platform, e.g. `docker buildx build --platform linux/amd64,linux/arm64`.",
  fault: "application",
});

function endFinding(container: ContainerView, { spec, events, log, init }: ContainerCase): Finding | null {
  const end = lastEnd(container);
  if (end === null) return null;
  const { name, restarts, state } = container;
  if (init && state.kind === "terminated" && end.exitCode === 0) return null;
  if (/^(StartError|ContainerCannotRun)$/.test(end.reason)) return startFinding(name, end.message, end.exitCode);
  const base = { section: "unrecoverable", fault: "application" } as const;
  if (end.reason === "OOMKilled") {
    const line = `${name}: Ran out of memory and was killed (exit ${end.exitCode}), ${restarts} restarts.`;
    const remedy = "Raise `resources.memory` in .proa.yml, or find out why it needs more.";
    return { ...base, line, headline: `OOMKilled: more memory than its limit`, remedy };
  }
  if (/exec format error/i.test(log)) return wrongPlatform(`${name}: exec format error (exit ${end.exitCode}).`);
  const killed = events.find(
    (event) => event.reason === "Unhealthy" && /^(Liveness|Startup) probe/.test(event.message),
  );
  const probe = killed?.message.startsWith("Startup") === true ? spec?.startup : spec?.liveness;
  if (killed !== undefined && end.exitCode >= 128) {
    const line = `${name}: Killed because its ${probeWords(probe ?? null)}: ${killed.message}`;
    const remedy = "Make the probe's answer quick and independent of others, or give the probe more time.";
    return { ...base, line, headline: `killed by its probe: ${killed.message}`, remedy };
  }
  if (state.kind === "running" && restarts < 2) return null;
  const meaning = exitMeaning(end.exitCode);
  const said = end.message === "" ? "" : ` It said: ${end.message.trim()}`;
  return {
    ...base,
    headline: `${state.kind === "waiting" ? state.reason : "crashing"} (exit ${end.exitCode}: ${meaning})`,
    line: `${name}: Crashing repeatedly (exit ${end.exitCode}). See logs for more information.${said}`,
    remedy:
      end.exitCode === 0
        ? "A service must keep running: start a server that listens on $PORT, in the foreground."
        : "See the logs of the last run below; the same image and environment show it with `docker run` as well.",
  };
}

/** What shells and kernels mean by an exit code: 128 + n is signal n. */
export function exitMeaning(code: number): string {
  const known: Readonly<Record<number, string>> = {
    0: "it ended by itself",
    1: "an error of the application",
    2: "wrong use of a command",
    126: "command is not executable",
    127: "command not found",
    128: "the container could not be started",
    130: "SIGINT",
    134: "SIGABRT: it gave itself up",
    137: "SIGKILL: out of memory, or it did not stop in time",
    139: "SIGSEGV: segmentation fault",
    143: "SIGTERM: it was asked to stop",
  };
  return known[code] ?? (code > 128 && code < 160 ? `signal ${code - 128}` : "an error of the application");
}

/** Running, but not what its probes call ready: krane's sentences, with the port that they leave out. */
function unreadyFinding(
  { name, state, started, image }: ContainerView,
  { spec, events, init }: ContainerCase,
): Finding | null {
  if (state.kind !== "running") return null;
  if (init) {
    return {
      section: "unready",
      headline: `${name} has not finished`,
      line: `${name} must exit 0 before the others start`,
      remedy: "See its logs: an init container that waits for something never ends without it.",
      fault: "application",
    };
  }
  const kind = started === false && spec?.startup !== null ? "startup" : "readiness";
  const probe = (kind === "startup" ? spec?.startup : spec?.readiness) ?? null;
  const said = events.filter(
    (event) => event.reason === "Unhealthy" && new RegExp(`^${kind} probe`, "i").test(event.message),
  );
  const last = said.at(-1)?.message.replace(/\s+/g, " ").trim();
  return {
    section: "unready",
    headline: last ?? `the ${kind} probe does not pass on ${shortImage(image)}`,
    line: `${name} ${probeWords(probe)}${last === undefined ? "" : ` (${last})`}`,
    remedy: probeRemedy(probe),
    fault: "application",
  };
}

function probeWords(probe: ProbeSpec | null): string {
  if (probe === null) return "must become ready";
  const [, port = "", path = "/"] = /^:(\d+|[\w-]+)(\/.*)?$/.exec(probe.target) ?? [];
  switch (probe.kind) {
    case "http":
      return `must respond with a good status code at '${path}' on port ${port}`;
    case "tcp":
      return `must accept connections on port ${port}`;
    case "grpc":
      return `must answer gRPC health checks on port ${port}`;
    case "exec":
      return `must exit 0 from the following command: '${probe.target}'`;
  }
}

function probeRemedy(probe: ProbeSpec | null): string {
  switch (probe?.kind) {
    case "http":
      return "Listen on 0.0.0.0 and $PORT, and answer that path with 200 once the service can work; or correct `health` in .proa.yml.";
    case "tcp":
    case "grpc":
      return "Listen on 0.0.0.0 (not 127.0.0.1) and $PORT; or correct `port` in .proa.yml.";
    case "exec":
    case undefined:
      return "See the logs: the service runs but does not become ready.";
  }
}
