import type { V1Container, V1EnvVarSource, V1Pod } from "@kubernetes/client-node";

import { ask, canConnect, startContainer, type Container } from "./container.ts";
import { pullImage, type Image, type Registries } from "./image.ts";
import { kindNamed } from "./kinds.ts";
import { fields, text } from "./object.ts";
import type { ObjectStore } from "./store.ts";
import type { ImageDefinition, Probed, ProcessContext, SimulatedCluster } from "./webernetes.ts";

export interface Kubelet {
  /** The real port behind a pod's port, if a process of it listens there and is not about to stop. */
  portOf(podUid: string, podPort: number): number | undefined;
  logs(podUid: string, container: string, options: { previous: boolean }): Log | undefined;
  /** The pod is gone for good. */
  forget(podUid: string): void;
  busy(): boolean;
  stop(): Promise<void>;
}

export interface Log {
  lines(): readonly LogLine[];
  ended(): boolean;
  follow(listener: (line: LogLine | "end") => void): () => void;
}

export interface LogLine {
  readonly time: string;
  readonly text: string;
}

interface Run {
  readonly podUid: string;
  readonly podIp: string;
  readonly container: Container;
  leaving: boolean;
}

const keptLines = 2_000;
/** From losing its place behind the Service to SIGTERM, as a preStop sleep would: requests under way still arrive. */
const drainMs = 200;
const longestGraceMs = 5_000;

/** Gives the simulator's kubelets real images, real processes and real probes. */
export function attachKubelet({
  cluster,
  store,
  registries,
  dir,
}: {
  cluster: SimulatedCluster;
  store: () => ObjectStore;
  registries: Registries;
  dir: string;
}): Kubelet {
  const runs = new Set<Run>();
  const logs = new Map<string, RunLog>();
  const attempts = new Map<string, number>();
  const pulls = new Map<string, Promise<Image>>();
  let starting = 0;
  let stopped = false;

  for (const { runtime, kubelet } of cluster.servers) {
    const pullBuiltIn = runtime.pullImage.bind(runtime);
    runtime.pullImage = async (context, spec, ...rest) => {
      if (spec.image.startsWith("webernetes/")) return pullBuiltIn(context, spec, ...rest);
      try {
        cluster.imageRegistry.register(imageClass(spec.image, await pull(spec.image)));
        return [spec.image, undefined];
      } catch (error) {
        return ["", error instanceof Error ? error : new Error(String(error))];
      }
    };
    const statusOf = runtime.containerStatus.bind(runtime);
    runtime.containerStatus = async (...call) => {
      const [answer, error] = await statusOf(...call);
      // As containerd words an end; the simulator leaves the reason out.
      if (answer?.status.state === "Exited")
        answer.status.reason ??= answer.status.exitCode === 0 ? "Completed" : "Error";
      return [answer, error];
    };
    const { prober } = kubelet.probeManager;
    prober.http.probe = async (_origin, { url, header }, timeoutMs) => probeHttp(url, header, timeoutMs);
    prober.tcp.probe = async (host, port, timeoutMs) => {
      const real = listener(host, port);
      return real !== undefined && (await canConnect(real, timeoutMs)) ? succeeded : failed(refused(host, port));
    };
    const simulated = kubelet.makeEnvironmentVariables.bind(kubelet);
    kubelet.makeEnvironmentVariables = async (context, pod, container, ...ips) => {
      try {
        return await simulated(
          context,
          pod,
          resolveEnvironment(store(), pod as V1Pod, container as V1Container),
          ...ips,
        );
      } catch (error) {
        return [[], error instanceof Error ? error : new Error(String(error))]; // shown as CreateContainerConfigError
      }
    };
  }
  return {
    portOf(podUid, podPort) {
      for (const run of runs) {
        if (run.podUid === podUid && !run.leaving && run.container.podPort === podPort && run.container.listening())
          return run.container.port;
      }
      return undefined;
    },
    logs(podUid, container, { previous }) {
      const attempt = attempts.get(`${podUid}/${container}`);
      return attempt === undefined ? undefined : logs.get(`${podUid}/${container}/${previous ? attempt - 1 : attempt}`);
    },
    forget(podUid) {
      for (const map of [logs, attempts])
        for (const key of map.keys()) if (key.startsWith(`${podUid}/`)) map.delete(key);
    },
    busy: () => pulls.size > 0 || starting > 0 || [...runs].some(({ container }) => container.state() === "starting"),
    async stop() {
      stopped = true;
      const exits = [...runs].map(async ({ container }) => {
        container.signal("SIGTERM");
        const hurry = setTimeout(() => container.signal("SIGKILL"), 1_000);
        await container.exited;
        clearTimeout(hurry);
      });
      await Promise.all(exits);
    },
  };

  /** Pods that start together share one pull. */
  function pull(reference: string): Promise<Image> {
    const underWay = pulls.get(reference);
    if (underWay !== undefined) return underWay;
    const started = pullImage(reference, registries, dir).finally(() => pulls.delete(reference));
    pulls.set(reference, started);
    return started;
  }

  function imageClass(
    reference: string,
    image: Image,
  ): { new (): ImageDefinition; readonly imageName: string; readonly imageVersion: string } {
    const colon = reference.lastIndexOf(":");
    return class implements ImageDefinition {
      static readonly imageName = reference.slice(0, colon);
      static readonly imageVersion = reference.slice(colon + 1);
      private run: Run | undefined;

      /** The first call is the container's own process; later ones are `exec` probes in it. */
      async exec(context: ProcessContext, argv: readonly string[]): Promise<number> {
        if (this.run !== undefined) return (await this.run.container.run(argv)).code;
        if (stopped) return 137;
        const log = newLog(context);
        starting += 1;
        const container = await startContainer({
          image,
          command: context.container.command,
          args: context.container.args,
          workingDir: context.container.config.workingDir,
          env: Object.fromEntries(context.env),
          ports: context.container.ports.map(({ containerPort }) => containerPort),
          print: (line) => log.add(line, new Date(cluster.clock.nowMs()).toISOString()),
        }).finally(() => (starting -= 1));
        const run: Run = { podUid: context.pod.uid, podIp: context.pod.ip, container, leaving: false };
        this.run = run;
        runs.add(run);
        const code = await container.exited;
        runs.delete(run);
        log.end();
        return code;
      }

      async signalHandler(_context: ProcessContext, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
        const { run } = this;
        if (run === undefined) return;
        run.leaving = true;
        if (signal === "SIGKILL") {
          run.container.signal("SIGKILL");
          await run.container.exited;
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, drainMs));
        run.container.signal("SIGTERM");
        const last = setTimeout(() => run.container.signal("SIGKILL"), longestGraceMs);
        void run.container.exited.then(() => clearTimeout(last));
      }
    };
  }

  function newLog({ pod, container: { name, restartCount } }: ProcessContext): RunLog {
    const log = new RunLog();
    attempts.set(`${pod.uid}/${name}`, restartCount);
    logs.set(`${pod.uid}/${name}/${restartCount}`, log);
    logs.delete(`${pod.uid}/${name}/${restartCount - 2}`); // one earlier run is kept, for --previous
    return log;
  }

  function listener(podIp: string, podPort: number): number | undefined {
    return [...runs].find((run) => run.podIp === podIp && run.container.podPort === podPort)?.container.port;
  }

  async function probeHttp(url: URL, headers: Record<string, string[]>, timeoutMs: number): Promise<Probed> {
    const port = listener(url.hostname, Number(url.port || 80));
    const asked =
      port === undefined
        ? { kind: "refused" as const }
        : await ask(port, url.pathname + url.search, { headers, timeoutMs });
    switch (asked.kind) {
      case "answer":
        return asked.status >= 200 && asked.status < 400
          ? succeeded
          : failed(`HTTP probe failed with statuscode: ${asked.status}`);
      case "refused":
        return failed(`Get "${url.href}": ${refused(url.hostname, Number(url.port || 80))}`);
      case "timeout":
        return failed(`Get "${url.href}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`);
    }
  }
}

class RunLog implements Log {
  private kept: LogLine[] = [];
  private over = false;
  private readonly listeners = new Set<(line: LogLine | "end") => void>();

  add(text: string, time: string): void {
    const line = { text, time };
    this.kept.push(line);
    if (this.kept.length > keptLines) this.kept = this.kept.slice(-keptLines);
    for (const listener of this.listeners) listener(line);
  }

  end(): void {
    this.over = true;
    for (const listener of this.listeners) listener("end");
  }

  lines(): readonly LogLine[] {
    return this.kept;
  }

  ended(): boolean {
    return this.over;
  }

  follow(listener: (line: LogLine | "end") => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

const succeeded: Probed = ["success", "", undefined];

function failed(output: string): Probed {
  return ["failure", output, undefined];
}

function refused(host: string, port: number): string {
  return `dial tcp ${host}:${port}: connect: connection refused`;
}

/** `env` and `envFrom` as the kubelet fills them in, at the start of each container. Throws in the kubelet's words. */
function resolveEnvironment(store: ObjectStore, pod: V1Pod, container: V1Container): V1Container {
  const namespace = pod.metadata?.namespace ?? "default";
  const env = new Map<string, V1Container["env"] extends (infer T)[] | undefined ? T : never>();
  for (const source of container.envFrom ?? []) {
    const reference = source.secretRef ?? source.configMapRef;
    const data = dataOf(
      store,
      source.secretRef === undefined ? "ConfigMap" : "Secret",
      namespace,
      reference?.name ?? "",
      reference?.optional ?? false,
    );
    for (const [key, value] of Object.entries(data ?? {}))
      env.set(`${source.prefix ?? ""}${key}`, { name: `${source.prefix ?? ""}${key}`, value: literal(value) });
  }
  for (const variable of container.env ?? []) {
    const value = variable.valueFrom === undefined ? undefined : referenced(store, namespace, variable.valueFrom);
    if (value === null) continue;
    env.set(variable.name, value === undefined ? variable : { name: variable.name, value: literal(value) });
  }
  return Object.assign({}, container, { env: [...env.values()] });
}

/** Only a value written in the manifest has its $(NAME) expanded; `$$` is how to write a dollar there. */
function literal(value: string): string {
  return value.replaceAll("$", "$$$$");
}

/** undefined: not from a ConfigMap or Secret; null: optional and absent. */
function referenced(store: ObjectStore, namespace: string, source: V1EnvVarSource): string | null | undefined {
  const reference = source.secretKeyRef ?? source.configMapKeyRef;
  if (reference === undefined) return undefined;
  const kind = source.secretKeyRef === undefined ? "ConfigMap" : "Secret";
  const data = dataOf(store, kind, namespace, reference.name ?? "", reference.optional ?? false);
  if (data === null) return null;
  const value = data[reference.key];
  if (value === undefined && reference.optional !== true)
    throw new Error(`couldn't find key ${reference.key} in ${kind} ${namespace}/${reference.name}`);
  return value ?? null;
}

function dataOf(
  store: ObjectStore,
  kind: "ConfigMap" | "Secret",
  namespace: string,
  name: string,
  optional: boolean,
): Record<string, string> | null {
  const object = store.get(kindNamed(kind), namespace, name);
  if (object === undefined) {
    if (optional) return null;
    throw new Error(`${kind.toLowerCase()} "${name}" not found`);
  }
  const decode = (value: unknown) => (kind === "Secret" ? Buffer.from(text(value), "base64").toString() : text(value));
  return Object.fromEntries(Object.entries(fields(object["data"])).map(([key, value]) => [key, decode(value)]));
}
