/**
 * What the main steps cost: time as a person sees it, and every outside call Proa makes for them. Starts a world of its own in a
 * temporary folder, in real time, with the local CI running the commits' own tests. `npm run figures`
 */
import { subscribe } from "node:diagnostics_channel";
import { mkdtempSync, rmSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Octokit } from "@octokit/rest";
import { variants } from "../local/seed/variants.ts";
import { createWorld, type World } from "../local/world.ts";
import type { Effects } from "../src/effects.ts";

interface Call {
  readonly system: "github" | "registry" | "cluster" | "store";
  readonly what: string;
  readonly start: number;
  end: number;
}

const calls: Call[] = [];
const dir = mkdtempSync(join(tmpdir(), "proa-figures-"));
const world = await createWorld({ dir, port: 0, env: process.env, log: () => undefined, interfere: traceStore });
const octokit = new Octokit({ baseUrl: `${world.url}/api/v3`, auth: world.secrets.token });
const repo = { owner: world.repo.owner, repo: world.repo.name };
traceRequests(world);

await answering("shop.localhost", null);
await settle();
const branch = "figures";
const tip = await octokit.git.getRef({ ...repo, ref: "heads/main" });
await octokit.git.createRef({ ...repo, ref: `refs/heads/${branch}`, sha: tip.data.object.sha });

const first = await commit("good", 2);
await greenAt(first);
await step("opened → preview answers (checks already green)", async () => {
  await octokit.pulls.create({ ...repo, title: "Figures", head: branch, base: "main" });
  await answering("pr-1.shop.localhost", first);
});
await step("push → new version answers (CI's tests included)", async () => {
  await answering("pr-1.shop.localhost", await commit("good", 3));
});
await step("merge → staging, then production answer (CI's tests and 3 s of bake included)", async () => {
  const merged = await octokit.pulls.merge({ ...repo, pull_number: 1 });
  const started = performance.now();
  await answering("staging.shop.localhost", merged.data.sha);
  console.log(`\nmerge → staging answers: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  await answering("shop.localhost", merged.data.sha);
});
await world.close();
rmSync(dir, { recursive: true, force: true });
process.exit(0);

/** Runs one step and prints what it took, and what Proa asked of the outside until everything had been told. */
async function step(name: string, work: () => Promise<void>): Promise<void> {
  const from = calls.length;
  const started = performance.now();
  await work();
  const answered = performance.now();
  await settle();
  const made = calls.slice(from);
  const write = made.find(({ system, what }) => system === "cluster" && /^(PATCH|POST) .*deployments/.test(what));
  console.log(`\n${name}: ${((answered - started) / 1000).toFixed(1)} s`);
  if (write !== undefined)
    console.log(
      `  waits one after the other, from the last hint to the patched Deployment: ${waitsBefore(made, write)}`,
    );
  for (const system of ["github", "registry", "cluster", "store"] as const) {
    const own = made.filter((call) => call.system === system);
    console.log(`  ${system}: ${own.length}`);
    for (const [what, count] of tally(own)) console.log(`    ${String(count).padStart(3)} ${what}`);
  }
}

/** The longest chain of calls of which each began after the one before had ended, in the walk that wrote. */
function waitsBefore(made: readonly Call[], write: Call): string {
  const loads = made.filter(({ what, start }) => what === "load" && start < write.start);
  const walk = made.filter(({ start, end }) => start >= (loads.at(-1)?.start ?? 0) && end <= write.end);
  const chain: Call[] = [];
  for (const call of walk.toSorted((a, b) => a.end - b.end))
    if (call.start >= (chain.at(-1)?.end ?? 0)) chain.push(call);
  return `${chain.length} (${chain.map(({ system, what }) => `${system} ${what}`).join(" → ")})`;
}

function tally(made: readonly Call[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const { what } of made) counts.set(what, (counts.get(what) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Every request that leaves this process through undici, told apart by whom it goes to and who sends it. */
function traceRequests({ url, cluster, secrets }: World): void {
  const open = new WeakMap<object, Call>();
  subscribe("undici:request:create", (message) => {
    const { request } = message as { request: { origin: string; path: string; method: string; headers: unknown } };
    const headers = JSON.stringify(request.headers);
    const path = request.path.split("?")[0] ?? "";
    const system =
      request.origin === cluster.url && headers.includes(secrets.deployerToken)
        ? "cluster"
        : request.origin !== url
          ? null
          : path.startsWith("/v2/") && request.method === "HEAD"
            ? "registry"
            : /"proa[ "/]/.test(headers)
              ? "github"
              : null;
    if (system === null) return;
    const what = `${request.method} ${path.replace("/api/v3", "").replaceAll(/[0-9a-f]{40}/g, "{sha}")}`;
    const call: Call = { system, what, start: performance.now(), end: Number.POSITIVE_INFINITY };
    calls.push(call);
    open.set(request, call);
  });
  const ended = (message: unknown) => {
    const call = open.get((message as { request: object }).request);
    if (call !== undefined) call.end = performance.now();
  };
  subscribe("undici:request:trailers", ended);
  subscribe("undici:request:error", ended);
}

/** The store is a file here and a network away on AWS: its calls count as waits. */
function traceStore(fx: Effects): Effects {
  const store = new Proxy(fx.store, {
    get(target, name: keyof Effects["store"]) {
      const method = target[name] as (...args: unknown[]) => Promise<unknown>;
      return async (...args: unknown[]) => {
        const call: Call = { system: "store", what: name, start: performance.now(), end: Number.POSITIVE_INFINITY };
        calls.push(call);
        try {
          return await method(...args);
        } finally {
          call.end = performance.now();
        }
      };
    },
  });
  return { ...fx, store };
}

async function commit(variant: keyof typeof variants, n: number): Promise<string> {
  let sha = "";
  for (const [path, content] of Object.entries(variants[variant](n))) {
    const present = await octokit.repos.getContent({ ...repo, path, ref: branch }).catch(() => null);
    const old = present !== null && "sha" in present.data ? { sha: present.data.sha } : {};
    // Each file is a commit: only those that differ are written.
    if (
      present !== null &&
      "content" in present.data &&
      Buffer.from(present.data.content, "base64").toString() === content
    )
      continue;
    const body = {
      ...repo,
      path,
      branch,
      message: `${variant} ${n}`,
      content: Buffer.from(content).toString("base64"),
      ...old,
    };
    sha = (await octokit.repos.createOrUpdateFileContents(body)).data.commit.sha ?? "";
  }
  return sha;
}

async function greenAt(sha: string): Promise<void> {
  await until(async () => {
    const { data } = await octokit.checks.listForRef({ ...repo, ref: sha, check_name: "test" });
    return data.check_runs.some(({ conclusion }) => conclusion === "success");
  });
}

/** The host answers, with that commit where one is given. */
async function answering(host: string, sha: string | null): Promise<void> {
  await until(async () => {
    const { status, body } = await visit(host);
    return status === 200 && (sha === null || body.includes(sha));
  });
}

/** Through the ingress. Node resolves no *.localhost, and fetch sends no Host header of one's own: so node:http. */
function visit(host: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve) => {
    const asked = get(
      { host: "127.0.0.1", port: new URL(world.url).port, path: "/version", headers: { host } },
      (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    asked.on("error", () => resolve({ status: 0, body: "" }));
  });
}

/** Nothing runs and nothing is due within the next seconds. */
async function settle(): Promise<void> {
  await until(async () => {
    await world.github.idle();
    const next = await world.lambda.nextDueAt();
    return !(await world.lambda.busy()) && (next === null || next > world.clock.nowMs() + 5_000);
  });
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 120_000; !(await condition());) {
    if (Date.now() > end) throw new Error("waited two minutes");
    await delay(20);
  }
}
