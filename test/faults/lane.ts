import { Octokit } from "@octokit/rest";
import { stringify } from "yaml";
import { REGISTRY_HOST, type World } from "../../local/world.ts";
import type { Kubernetes } from "../../src/adapters/kubernetes.ts";
import { kubeconfigAccess } from "../../src/adapters/kubeconfig-access.ts";
import { createKubernetes } from "../../src/adapters/kubernetes-client.ts";
import { type Call, type Fault } from "./fault.ts";
import { IMAGES, pushEmptyImage } from "./image.ts";
import type { Site } from "./invocation.ts";
import type { Point } from "./points.ts";

/** A repository, its installation and its environments' namespaces, of one person alone: nothing of it touches another lane. */
export interface Lane {
  readonly owner: string;
  readonly id: number;
  readonly installation: number;
  readonly namespaces: readonly string[];
  /** Every site met since the last `arm`. */
  readonly met: ReadonlyMap<Site, Call>;
  /** The point that the next call at that site meets, once; null: none. */
  arm(point: Point | null): void;
  /** Whether the armed point has been met. */
  hit(): boolean;
  meet(site: Site, call: Call): Fault | null;
  /** What the person of this lane does. */
  readonly octokit: Octokit;
  readonly at: { readonly owner: string; readonly repo: string };
  /** The cluster, as its owner. */
  readonly admin: Kubernetes;
  /** Commits of this point by the names that its outcome calls them; all earlier ones are `before`. */
  readonly commits: ReadonlyMap<string, string>;
  /** Digest of each commit's image. */
  readonly digests: ReadonlyMap<string, string>;
  forgetCommits(): void;
  name(sha: string, name: string): string;
  branch(name: string, from?: string): Promise<void>;
  /** One commit that changes that file. */
  commit(branch: string, name: string, file?: { readonly path: string; readonly text: string }): Promise<string>;
  /** CI: pushes the commit's image. */
  build(sha: string, pods?: "run" | "crash"): Promise<void>;
  /** CI: reports the commit's tests. */
  passTests(sha: string): Promise<void>;
  /** The pull request that the journey is about. */
  pull: number;
  trouble: Trouble;
}

/** On the way to Proa: `lost` leaves no trace, `failed` GitHub knows of. */
export type Trouble = "none" | "deliveries lost" | "deliveries failed" | "deliveries twice" | "ticks lost";

export interface LaneSeed {
  readonly owner: string;
  readonly person: { readonly login: string; readonly token: string };
  /** `.proa.yml` but for version and services. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Of its environments. */
  readonly namespaces: readonly string[];
}

const REPO = "app";

/** The whole of a lane's `.proa.yml`; its one service listens to nothing, so that its pods are the cheapest there are. */
export const configFile = (
  owner: string,
  config: LaneSeed["config"],
  env: Readonly<Record<string, string>> = {},
): string =>
  stringify({
    version: 1,
    services: { web: { image: `${REGISTRY_HOST}/${owner}/${REPO}`, expose: false, env } },
    gate: { require: ["test"] },
    ...config,
  });

export async function createLane(world: World, { owner, person, config, namespaces }: LaneSeed): Promise<Lane> {
  const { id, installationId } = await world.github.createRepository({
    owner,
    name: REPO,
    files: { ".proa.yml": configFile(owner, config), version: "0" },
  });
  const access = kubeconfigAccess(world.cluster.kubeconfig("admin"));
  const admin = createKubernetes({ cluster: "default", access, fieldManager: "owner", timeoutMs: 10_000 });
  const labels = { "proa.dev/repository-id": `${id}` };
  for (const name of namespaces)
    await admin.create({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });

  const client = (auth: string): Octokit => new Octokit({ baseUrl: `${world.url}/api/v3`, auth, log: SILENT });
  const octokit = client(person.token);
  const ci = client(world.secrets.ciToken);
  const at = { owner, repo: REPO };
  /** Of each branch's files, for replacing them. */
  const contents = new Map<string, string>();
  async function blobAt(ref: string, path: string): Promise<string> {
    const { data } = await octokit.rest.repos.getContent({ ...at, path, ref });
    return (data as { sha: string }).sha; // a file's, by the path
  }
  const met = new Map<Site, Call>();
  const commits = new Map<string, string>();
  const digests = new Map<string, string>();
  let armed: Point | null = null;
  let hit = false;
  let version = 0;

  return {
    owner,
    id,
    installation: installationId,
    namespaces,
    met,
    arm(point) {
      met.clear();
      [armed, hit] = [point, false];
    },
    hit: () => hit,
    meet(site, call) {
      met.set(site, call);
      if (hit || armed === null || armed.site !== site) return null;
      hit = true;
      return armed.fault;
    },
    octokit,
    at,
    admin,
    commits,
    digests,
    pull: 0,
    trouble: "none",
    forgetCommits: () => commits.clear(),
    name(sha, name) {
      commits.set(name, sha);
      return sha;
    },
    async branch(name, from = "main") {
      const { data } = await octokit.rest.git.getRef({ ...at, ref: `heads/${from}` });
      await octokit.rest.git.createRef({ ...at, ref: `refs/heads/${name}`, sha: data.object.sha });
    },
    async commit(branch, name, { path, text } = { path: "version", text: `${++version}` }) {
      const sha = contents.get(`${branch}:${path}`) ?? (await blobAt(branch, path));
      const { data } = await octokit.rest.repos.createOrUpdateFileContents({
        ...at,
        path,
        branch,
        message: name,
        content: Buffer.from(text).toString("base64"),
        sha,
      });
      contents.set(`${branch}:${path}`, data.content?.sha ?? "");
      commits.set(name, data.commit.sha ?? "");
      return data.commit.sha ?? "";
    },
    async build(sha, pods = "run") {
      const to = { url: world.url, token: world.secrets.registryToken, repository: `${owner}/${REPO}`, tag: sha };
      digests.set(sha, await pushEmptyImage(to, IMAGES[pods]));
    },
    async passTests(sha) {
      await ci.rest.checks.create({ ...at, head_sha: sha, name: "test", status: "completed", conclusion: "success" });
    },
  };
}

const ignore = (): void => undefined;
const SILENT = { debug: ignore, info: ignore, warn: ignore, error: ignore };
