import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { createCluster } from "../scripts/rehearsal/kubernetes.ts";

export const INSTALLATION = 5;
const AT = "2026-01-01T00:00:00Z";
const BASE = "b".repeat(40);
export const configWith = (cap: number): string => `version: 1
services:
  web: {health: /healthz}
gate: {require: [test]}
previews: {cap: ${cap}}
`;
const app = { id: 15368, slug: "github-actions" };

export interface Crowd {
  readonly url: string;
  /** The head that a pull request has from now on. */
  push(repository: number, number: number, sha: string): void;
  /** The requests since the last call, without numbers and ids. */
  asked(): string[];
  close(): Promise<void>;
}

export const repositoryOf = (n: number) => ({ id: 1_000 + n, name: `acme/shop-${n}` });
export const firstHead = (repository: number, number: number): string => shaOf(`${repository}#${number}`);
export const shaOf = (text: string): string => createHash("sha1").update(text).digest("hex");

interface CrowdOptions {
  readonly repositories: number;
  /** Open in each of them. */
  readonly pulls: number;
  /** How many of them may have a preview at a time. */
  readonly cap: number;
}

/** GitHub, a registry and a cluster behind one listener, with as many open pull requests as wanted; all of their checks have passed. */
export async function openCrowd({ repositories, pulls, cap }: CrowdOptions): Promise<Crowd> {
  const heads = new Map<string, string>();
  const cluster = createCluster();
  let asked: string[] = [];
  let made = 0;

  const repository = (n: number) => ({
    id: repositoryOf(n).id,
    full_name: repositoryOf(n).name,
    default_branch: "main",
    private: true,
    archived: false,
  });
  const pull = (n: number, number: number) => ({
    number,
    state: "open",
    merged: false,
    merged_at: null,
    merge_commit_sha: null,
    draft: false,
    title: "A better basket",
    user: { login: "mo", id: 11, type: "User" },
    labels: [],
    head: { sha: heads.get(`${n}#${number}`) ?? firstHead(n, number), ref: `basket-${number}`, repo: repository(n) },
    base: { sha: BASE, ref: "main", repo: repository(n) },
    created_at: AT,
    updated_at: AT,
    body: "What changes, and why. ".repeat(100),
  });
  const checkRuns = [
    {
      id: 1,
      name: "test",
      app,
      status: "completed",
      conclusion: "success",
      started_at: AT,
      completed_at: AT,
      html_url: "https://github.example/1",
    },
  ];
  const suites = [
    {
      id: 1,
      app,
      status: "completed",
      conclusion: "success",
      latest_check_runs_count: 1,
      created_at: AT,
      updated_at: AT,
    },
  ];
  const tip = { tree: { sha: BASE }, message: "first", committer: { date: AT } };

  function ofRepository(n: number, rest: string, page: number): unknown {
    const [, number] = /^\/pulls\/(\d+)$/.exec(rest) ?? [];
    if (number !== undefined) return pull(n, Number(number));
    switch (rest.replace(/[0-9a-f]{40}/, "SHA").replace(/\/\d+/, "/N")) {
      case "":
        return repository(n);
      case "/pulls": {
        const first = (page - 1) * 100;
        return Array.from({ length: Math.max(0, Math.min(100, pulls - first)) }, (_, at) =>
          pull(n, pulls - first - at),
        );
      }
      case "/pulls/N/files":
        return [{ filename: "server.js" }];
      case "/contents/.proa.yml":
        return configWith(cap);
      case "/commits/SHA/check-runs":
        return { total_count: 1, check_runs: checkRuns };
      case "/commits/SHA/status":
        return { sha: BASE, state: "success", statuses: [] };
      case "/commits/SHA/check-suites":
        return { total_count: 1, check_suites: suites };
      case "/branches/main":
        return { name: "main", commit: { sha: BASE, commit: tip, parents: [] } };
      case "/rules/branches/main":
      case "/deployments":
      case "/deployments/N/statuses":
      case "/issues/N/comments":
        return [];
      default:
        throw new Error(`${rest} is not rehearsed`);
    }
  }

  function answer(request: IncomingMessage, text: string): { status: number; body: unknown; link?: string } {
    const { method = "", headers } = request;
    const { pathname, searchParams } = new URL(request.url ?? "", url);
    const path = decodeURIComponent(pathname);
    const page = Number(searchParams.get("page") ?? 1);
    if (path.startsWith("/v2/")) return { status: 200, body: "" };
    if (/^\/apis?\//.test(path))
      return cluster.answer(method, path, String(headers["content-type"]), text === "" ? null : JSON.parse(text));
    if (path.endsWith("/access_tokens")) {
      const expires_at = new Date(Date.now() + 3_600_000).toISOString();
      return { status: 201, body: { token: "ghs_crowd", expires_at, permissions: {}, repository_selection: "all" } };
    }
    if (path === "/app/installations") return { status: 200, body: [{ id: INSTALLATION, suspended_at: null }] };
    if (path === "/app/hook/deliveries") return { status: 200, body: [] };
    if (path === "/installation/repositories") {
      const all = Array.from({ length: repositories }, (_, n) => repository(n));
      return { status: 200, body: { total_count: all.length, repositories: all } };
    }
    const [, n = "", rest = ""] = /^\/repos\/acme\/shop-(\d+)(.*)$/.exec(path) ?? [];
    if (n === "") throw new Error(`${method} ${path} is not rehearsed`);
    if (method !== "GET")
      return { status: method === "POST" ? 201 : 200, body: { id: ++made, node_id: "x", created_at: AT } };
    const next =
      rest === "/pulls" && page * 100 < pulls ? `<${url}${path}?state=open&per_page=100&page=${page + 1}>` : "";
    return {
      status: 200,
      body: ofRepository(Number(n), rest, page),
      ...(next === "" ? {} : { link: `${next}; rel="next"` }),
    };
  }

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      asked.push(`${request.method} ${(request.url ?? "").replace(/\?.*/, "")}`);
      const { status, body, link } = answer(request, Buffer.concat(chunks).toString());
      const isText = typeof body === "string";
      const [, tag] = /^\/v2\/.*\/manifests\/(.*)$/.exec(request.url ?? "") ?? [];
      response.writeHead(status, {
        "content-type": isText ? "application/vnd.github.raw+json; charset=utf-8" : "application/json; charset=utf-8",
        ...(link === undefined ? {} : { link }),
        ...(tag === undefined
          ? {}
          : { "docker-content-digest": `sha256:${createHash("sha256").update(tag).digest("hex")}` }),
      });
      response.end(isText ? body : JSON.stringify(body));
    });
  });
  server.keepAliveTimeout = 600_000;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url,
    push: (n, number, sha) => void heads.set(`${n}#${number}`, sha),
    asked() {
      const requests = asked;
      asked = [];
      return requests;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
