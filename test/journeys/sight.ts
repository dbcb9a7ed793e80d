import { request } from "node:http";
import { AppsV1Api, CoreV1Api, KubeConfig, NetworkingV1Api, type V1Namespace } from "@kubernetes/client-node";
import type { Octokit } from "@octokit/rest";
import type { World } from "../../local/world.ts";

export interface StatusSeen {
  readonly state: string;
  readonly description: string;
  readonly url: string | null;
}

export interface CheckSeen {
  readonly id: number;
  readonly status: string;
  readonly conclusion: string | null;
  readonly title: string;
  readonly summary: string;
  readonly text: string;
  readonly annotations: readonly { readonly path: string; readonly line: number; readonly message: string }[];
}

export interface DeploymentSeen {
  readonly id: number;
  readonly sha: string;
  readonly task: string;
  /** Of its newest status; null: it has none. */
  readonly state: string | null;
  readonly description: string;
  readonly url: string | null;
}

export interface WorkloadSeen {
  readonly image: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly ready: number;
}

/** What a person sees of one repository: on GitHub, in a browser, with kubectl. */
export interface Sight {
  /** Every status of that context on the commit, oldest first. */
  statuses(sha: string, context: string): Promise<StatusSeen[]>;
  /** The newest; null: none. */
  status(sha: string, context: string): Promise<StatusSeen | null>;
  checkRun(sha: string, name: string): Promise<CheckSeen | null>;
  /** The App's one comment on the pull request; null: none. Throws if there are two. */
  comment(number: number): Promise<string | null>;
  /** Newest first. */
  deployments(environment: string): Promise<DeploymentSeen[]>;
  visit(host: string, path?: string): Promise<{ readonly status: number; readonly body: string }>;
  /**
   * The commit that answers at that host; null: nobody does. The page says it; where pods only pretend to run, it is what the images
   * of the pods that requests would reach were built from.
   */
  serving(host: string): Promise<string | null>;
  /** null: there is none. */
  namespace(name: string): Promise<V1Namespace | null>;
  /** The Deployments of a namespace, by name. */
  live(namespace: string): Promise<Record<string, WorkloadSeen>>;
}

export interface SightOptions {
  /** The present one. */
  readonly world: () => World;
  readonly octokit: Octokit;
  readonly at: { readonly owner: string; readonly repo: string };
  readonly id: number;
  /** Whether pods run the commit's code, or a fake kubelet only says so. */
  readonly pods: "run" | "pretend";
}

export function createSight({ world, octokit, at, id, pods }: SightOptions): Sight {
  async function statuses(sha: string, context: string): Promise<StatusSeen[]> {
    const { data } = await octokit.rest.repos.listCommitStatusesForRef({ ...at, ref: sha, per_page: 100 });
    return data
      .filter((status) => status.context === context)
      .map(({ state, description, target_url: url }) => ({ state, description: description ?? "", url: url ?? null }))
      .reverse();
  }

  const kube = (): KubeConfig => {
    const config = new KubeConfig();
    config.loadFromString(world().cluster.kubeconfig("admin"));
    return config;
  };

  return {
    statuses,
    status: async (sha, context) => (await statuses(sha, context)).at(-1) ?? null,
    async checkRun(sha, name) {
      const { data } = await octokit.rest.checks.listForRef({ ...at, ref: sha, check_name: name });
      const [run] = data.check_runs;
      if (run === undefined) return null;
      const { title, summary, text, annotations_count: count } = run.output;
      const annotations =
        count === 0 ? [] : (await octokit.rest.checks.listAnnotations({ ...at, check_run_id: run.id })).data;
      return {
        id: run.id,
        status: run.status,
        conclusion: run.conclusion,
        title: title ?? "",
        summary: summary ?? "",
        text: text ?? "",
        annotations: annotations.map(({ path, start_line: line, message }) => ({ path, line, message: message ?? "" })),
      };
    },
    async comment(number) {
      const { data } = await octokit.rest.issues.listComments({ ...at, issue_number: number, per_page: 100 });
      const ours = data.filter(({ user }) => user?.login === "proa[bot]");
      if (ours.length > 1) throw new Error(`#${number} has ${ours.length} comments of Proa`);
      return ours[0]?.body ?? null;
    },
    async deployments(environment) {
      const { data } = await octokit.rest.repos.listDeployments({ ...at, environment, per_page: 100 });
      return Promise.all(
        data.map(async ({ id, sha, task }) => {
          const listed = await octokit.rest.repos.listDeploymentStatuses({ ...at, deployment_id: id });
          const [newest] = listed.data;
          const { state = null, description = "", environment_url: url = "" } = newest ?? {};
          return { id, sha, task, state, description, url: url === "" ? null : url };
        }),
      );
    },
    visit: (host, path = "/") => visit(world().url, host, path),
    async serving(host) {
      if (pods === "pretend") return pretended(kube(), world(), host, id);
      const { status, body } = await visit(world().url, host, "/version");
      if (status === 404) return null;
      if (status !== 200) throw new Error(`${host} answers ${status}: ${body}`);
      return (JSON.parse(body) as { commit: string }).commit;
    },
    namespace: (name) => orNull(kube().makeApiClient(CoreV1Api).readNamespace({ name })),
    async live(namespace) {
      const { items } = await kube().makeApiClient(AppsV1Api).listNamespacedDeployment({ namespace });
      const seen = items.map(({ metadata, spec, status }): [string, WorkloadSeen] => [
        metadata?.name ?? "",
        {
          image: spec?.template.spec?.containers[0]?.image ?? "",
          annotations: metadata?.annotations ?? {},
          ready: status?.readyReplicas ?? 0,
        },
      ]);
      return Object.fromEntries(seen);
    },
  };
}

/** From the host to the pods as an ingress controller would go, and from their image to its commit as its label says. */
async function pretended(config: KubeConfig, world: World, host: string, id: number): Promise<string | null> {
  const core = config.makeApiClient(CoreV1Api);
  const own = await core.listNamespace({ labelSelector: `proa.dev/repository-id=${id}` });
  for (const namespace of own.items.map(({ metadata }) => metadata?.name ?? "")) {
    const ingresses = await config.makeApiClient(NetworkingV1Api).listNamespacedIngress({ namespace });
    const rule = ingresses.items.flatMap(({ spec }) => spec?.rules ?? []).find((candidate) => candidate.host === host);
    const name = rule?.http?.paths[0]?.backend.service?.name;
    if (name === undefined) continue;
    const { spec } = await core.readNamespacedService({ namespace, name });
    const labels = Object.entries(spec?.selector ?? {}).map(([key, value]) => `${key}=${value}`);
    const { items } = await core.listNamespacedPod({ namespace, labelSelector: labels.join(",") });
    const ready = items.filter(
      ({ metadata, status }) =>
        metadata?.deletionTimestamp === undefined &&
        status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True"),
    );
    const images = new Set(ready.map((pod) => pod.spec?.containers[0]?.image ?? ""));
    const [image, ...others] = images;
    if (image === undefined || others.length > 0)
      throw new Error(`${host}: ${ready.length} ready pods in ${namespace}, of the images ${[...images].join(", ")}`);
    return builtFrom(image, world);
  }
  return null;
}

async function builtFrom(image: string, { url, secrets }: World): Promise<string> {
  const [, name = "", digest = ""] = /^[^/]+\/(.+)@(sha256:.+)$/.exec(image) ?? [];
  const get = async (path: string): Promise<unknown> => {
    const headers = { authorization: `Bearer ${secrets.registryToken}` };
    return (await fetch(`${url}/v2/${name}/${path}`, { headers })).json();
  };
  const manifest = (await get(`manifests/${digest}`)) as { config: { digest: string } };
  const { config } = (await get(`blobs/${manifest.config.digest}`)) as { config: { Env: string[] } };
  return config.Env.find((variable) => variable.startsWith("SOURCE_COMMIT="))?.split("=")[1] ?? "";
}

/** As a browser asks: by the host's name, on this machine's port. */
function visit(base: string, host: string, path: string): Promise<{ status: number; body: string }> {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const call = request(
      { host: hostname, port, path, headers: { host: `${host}:${port}` }, agent: false },
      (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (body += chunk));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
        response.on("error", reject);
      },
    );
    call.on("error", reject);
    call.end();
  });
}

async function orNull<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if ((error as { code?: number }).code === 404) return null;
    throw error;
  }
}
