import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createGitHubClient } from "../../src/adapters/github-client.ts";
import { createGitHubHttp, createOctokit } from "../../src/adapters/github-http.ts";
import { kubeconfigAccess } from "../../src/adapters/kubeconfig-access.ts";
import { createKubernetes } from "../../src/adapters/kubernetes-client.ts";
import { createRegistries } from "../../src/adapters/registry.ts";
import type { Kubernetes } from "../../src/adapters/kubernetes.ts";
import type { GitHub } from "../../src/adapters/github.ts";
import { parseRepoName, type RepoName, type Sha } from "../../src/core/names.ts";
import { OutsideError } from "../../src/core/problem.ts";
import { kubeConfigFor } from "../adapters/kubernetes-server.ts";
import { HOSTILE, hostileText, runs } from "./arbitrary.ts";
import { serve, type Stub } from "./stub.ts";

let stub: Stub;
beforeAll(async () => {
  stub = await serve((request, response) => {
    // Lists are empty; nothing else is there. A call that makes several requests then makes all of them.
    const isList = /\/(?:deployments|replicasets|pods|events)\?/.test(request.url ?? "");
    response.writeHead(isList ? 200 : 404, { "content-type": "application/json" }).end('{"items":[]}');
  });
});
afterAll(() => stub.close());

/** What a call asked for: its request lines, undecoded. Refusing to ask is fine; breaking is not. */
async function askedBy(call: () => Promise<unknown>): Promise<readonly string[]> {
  stub.asked.length = 0;
  try {
    await call();
  } catch (error) {
    if (!(error instanceof OutsideError)) throw error;
  }
  return [...stub.asked];
}

const name = fc.oneof(fc.constantFrom<string>(...HOSTILE), hostileText);

/** The path in its parts, each decoded; and the query apart from it. */
function partsOf(line: string): { method: string; path: string[]; query: URLSearchParams } {
  const [method = "", target = ""] = line.split(" ");
  const [path = "", query = ""] = target.split("?");
  return { method, path: path.split("/").slice(1).map(decodeURIComponent), query: new URLSearchParams(query) };
}

async function expectOnly(call: () => Promise<unknown>, routes: readonly (readonly string[])[]): Promise<void> {
  for (const line of await askedBy(call)) {
    const { path } = partsOf(line);
    expect(routes.map((route) => route.join("\n"))).toContain(path.join("\n"));
  }
}

test("no branch, person, check or environment changes what GitHub is asked for", async () => {
  const octokit = createOctokit({ apiUrl: stub.url, userAgent: "proa-test", clock: { now: () => 0 } });
  const credentials = { token: async () => "t", refused: () => undefined };
  const http = createGitHubHttp(octokit, credentials, { now: () => 0 });
  const github: GitHub = createGitHubClient(http, { id: 7, slug: "proa" });
  const repo = parseRepoName("acme/shop") as RepoName;
  const repos = ["repos", "acme", "shop"];
  const sha = "a".repeat(40) as Sha;

  await fc.assert(
    fc.asyncProperty(name, async (text) => {
      const asSha = text as Sha;
      await expectOnly(() => github.branch(repo, text), [[...repos, "branches", text]]);
      await expectOnly(
        () => github.branchRules(repo, text),
        [
          [...repos, "branches", text],
          [...repos, "rules", "branches", text],
        ],
      );
      await expectOnly(() => github.permission(repo, text), [[...repos, "collaborators", text, "permission"]]);
      await expectOnly(() => github.file(repo, ".proa.yml", text), [[...repos, "contents", ".proa.yml"]]);
      await expectOnly(() => github.file(repo, text, "main"), [[...repos, "contents", text]]);
      await expectOnly(() => github.commit(repo, asSha), [[...repos, "git", "commits", text]]);
      await expectOnly(() => github.compare(repo, sha, asSha), [[...repos, "compare", `${sha}...${text}`]]);
      await expectOnly(() => github.findCheckRun(repo, sha, text, text), [[...repos, "commits", sha, "check-runs"]]);
      await expectOnly(() => github.findDeployment(repo, sha, text, text), [[...repos, "deployments"]]);
      await expectOnly(() => github.findComment(repo, 7, text), [[...repos, "issues", "7", "comments"]]);
    }),
    runs(60),
  );

  const [line = ""] = await askedBy(() => github.file(repo, ".proa.yml", "a&ref=b#c?d"));
  expect(partsOf(line).query.getAll("ref")).toEqual(["a&ref=b#c?d"]);
});

test("no repository's name changes what GitHub is asked for: what is none does not parse", () => {
  fc.assert(
    fc.property(name, name, (owner, repo) => {
      const parsed = parseRepoName(`${owner}/${repo}`);
      const { pathname } = new URL(`https://api.example/repos/${parsed ?? "acme/shop"}`);
      expect(pathname).toBe(`/repos/${parsed ?? "acme/shop"}`);
    }),
    runs(5_000),
  );
});

test("no namespace, service, pod or container changes what the cluster is asked for, or makes it a whole collection", async () => {
  const kubernetes: Kubernetes = createKubernetes({
    cluster: "default",
    access: kubeconfigAccess(kubeConfigFor(stub.url)),
    fieldManager: "proa",
    timeoutMs: 20_000,
  });
  const deployment = (namespace: string, of: string) => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: of, namespace },
  });

  await fc.assert(
    fc.asyncProperty(name, async (text) => {
      const within = ["namespaces", text];
      const lists = [
        ["apis", "apps", "v1", ...within, "deployments"],
        ["apis", "apps", "v1", ...within, "replicasets"],
        ["api", "v1", ...within, "pods"],
      ];
      await expectOnly(() => kubernetes.namespace(text), [["api", "v1", ...within]]);
      await expectOnly(() => kubernetes.deleteNamespace(text, "uid"), [["api", "v1", ...within]]);
      await expectOnly(() => kubernetes.workloads(text), lists);
      await expectOnly(() => kubernetes.events(text, 0), [["api", "v1", ...within, "events"]]);
      await expectOnly(() => kubernetes.secret("proa", text), [["api", "v1", "namespaces", "proa", "secrets", text]]);
      const one = ["apis", "apps", "v1", "namespaces", "shop", "deployments", text];
      await expectOnly(() => kubernetes.deployment("shop", text), [one]);
      await expectOnly(() => kubernetes.remove(deployment("shop", text), "uid"), [one]);
      await expectOnly(() => kubernetes.apply(deployment("shop", text)), [one]);
      await expectOnly(
        () => kubernetes.create(deployment(text, "web")),
        [["apis", "apps", "v1", ...within, "deployments"]],
      );
      const log = ["api", "v1", "namespaces", "shop", "pods", text, "log"];
      await expectOnly(() => kubernetes.logs("shop", text, text, { previous: false, lines: 5 }), [log]);
    }),
    runs(50),
  );

  expect(await askedBy(() => kubernetes.deleteNamespace("", "uid"))).toEqual([]);
  expect(await askedBy(() => kubernetes.remove(deployment("shop", ""), "uid"))).toEqual([]);
  expect(await askedBy(() => kubernetes.remove(deployment("..", "web"), "uid"))).toEqual([]);
  const [line = ""] = await askedBy(() =>
    kubernetes.logs("shop", "web", "a&previous=true", { previous: false, lines: 5 }),
  );
  expect(partsOf(line).query.getAll("previous")).toEqual(["false"]);
});

test("no image or tag changes what a registry is asked for, or which registry", async () => {
  const registries = createRegistries({ hosts: { "registry.example": { url: stub.url } } });
  const asked: string[] = [];
  await fc.assert(
    fc.asyncProperty(name, name, async (repository, tag) => {
      const lines = await askedBy(() => registries.resolve(`registry.example/${repository}`, tag));
      asked.push(...lines);
      for (const line of lines) expect(line).toBe(`HEAD /v2/${repository}/manifests/${tag}`);
    }),
    runs(2_000),
  );
  expect(asked.length).toBeGreaterThan(0);
});
