import { expect, test, vi } from "vitest";
import { eksAccess } from "../../src/adapters/eks-access.ts";
import { createKubernetes } from "../../src/adapters/kubernetes-client.ts";
import type { DeployPlan } from "../../src/core/decision.ts";
import { asRevision, type Target } from "../../src/core/names.ts";
import type { Rollout, TargetState } from "../../src/core/state.ts";
import { deploy } from "../../src/deploy.ts";
import type { Effects } from "../../src/effects.ts";
import { handle } from "../../src/handle.ts";
import { record } from "../../src/record.ts";
import { startEksFront } from "../aws/eks-front.ts";
import { newFolder } from "../adapters/folder.ts";
import { type Answer, type Asked, startServer, status } from "../adapters/kubernetes-server.ts";
import { fixture, ok, page } from "../adapters/kubernetes-stub.ts";
import {
  config,
  digest,
  liveRecord,
  NOW,
  preview,
  record as fresh,
  release,
  rollout,
  sha,
  staging,
} from "../core/decision-fixture.ts";
import { deployerOn } from "./deployer.ts";

const folder = newFolder();
const NAMESPACE = "acme-shop-pr-7";
const UID = "4c1b7c52-6a4e-4d52-9d0b-111111111111";
const BINDINGS = `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}/rolebindings`;

/** The deployer on a cluster that answers as it is told. */
async function deployer(name: string, answer: (asked: Asked) => Answer, now = NOW) {
  const server = await startServer(answer);
  const dir = folder(name);
  const fx = deployerOn({ dir, kubeconfig: server.kubeConfig, clock: { now: () => now } });
  return { fx, asked: server.asked, close: () => server.close() };
}

/** It puts a question before the API server's answers: is this allowed? */
const refusing =
  (denied: (asked: Asked) => string | null, answer: (asked: Asked) => Answer) =>
  (asked: Asked): Answer => {
    const right = denied(asked);
    return right === null ? answer(asked) : status(403, "Forbidden", `x is forbidden: User "proa" cannot ${right}`);
  };

const listPods = `list resource "pods" in API group "" in the namespace "${NAMESPACE}"`;
const isPods = ({ path }: Asked): boolean => path.endsWith("/pods");
const namespace = { metadata: { name: NAMESPACE, uid: UID, labels: {} }, status: { phase: "Active" } };

/** A preview whose rollout is being watched. */
async function watching(fx: Effects, expected: Partial<Expectation> = {}): Promise<void> {
  const expectation: Expectation = {
    service: "web",
    deployment: "web",
    uid: "uid-web",
    revision: asRevision(2),
    generation: 1,
    image: `registry.example/acme/shop-web@${digest("a")}`,
    startedAt: NOW,
    deadlineAt: NOW + 60_000,
    unchanged: false,
    cluster: "default",
    ...expected,
  };
  const state = fresh(preview, {
    phase: "rolling",
    because: "deploying",
    wanted: { sha: sha("a"), since: NOW },
    rollout: rollout("a", expectation.revision, { expectations: [expectation] }),
    placements: { default: { namespace: NAMESPACE, uid: UID, support: "applied" } },
  });
  const released = release("a", expectation.revision, { namespace: NAMESPACE, rollback: "off" });
  await record(await fx.store.load(preview), state, 0, fx, { release: released });
}

type Expectation = Rollout["expectations"][number];

async function stateOf(target: Target, fx: Effects): Promise<TargetState> {
  const { state } = await fx.store.load(target);
  if (state === null) throw new Error("it was recorded");
  return state;
}

async function tick(target: Target, fx: Effects): Promise<TargetState> {
  const { wake } = await stateOf(target, fx);
  if (wake !== null) await handle({ v: 1, kind: "tick", target, n: wake.n }, fx);
  return stateOf(target, fx);
}

test("a preview's binding that was deleted by hand is made again, and nobody is bothered", async (t) => {
  let bound = false;
  const answer = (asked: Asked): Answer => {
    if (asked.method === "POST" && asked.path === BINDINGS) bound = true;
    if (asked.path === `/api/v1/namespaces/${NAMESPACE}`) return ok(namespace);
    return asked.method === "POST" ? { status: 201, body: { metadata: { uid: "u" } } } : page([]);
  };
  const { fx, asked, close } = await deployer(
    "restored",
    refusing((one) => (bound || !isPods(one) ? null : listPods), answer),
  );
  t.onTestFinished(close);
  await watching(fx);
  expect(await tick(preview, fx)).toMatchObject({ phase: "rolling", failures: 1 });
  expect(asked.filter(({ method }) => method === "POST").map(({ path }) => path)).toEqual([BINDINGS]);
  expect(asked.find(({ method }) => method === "POST")?.body).toMatchObject({
    metadata: { name: "proa-deployer", namespace: NAMESPACE },
    roleRef: { kind: "ClusterRole", name: "proa-preview" },
  });
  expect((await tick(preview, fx)).because).not.toContain("no right");
});

test("a right that is still missing the second time is said where the commit is, and goes on being looked for", async (t) => {
  const answer = ({ method, path }: Asked): Answer => {
    if (method === "POST") return status(409, "AlreadyExists", "it is there");
    return path === `/api/v1/namespaces/${NAMESPACE}` ? ok(namespace) : page([]);
  };
  const { fx, close } = await deployer(
    "missing",
    refusing((one) => (isPods(one) ? listPods : null), answer),
  );
  t.onTestFinished(close);
  await watching(fx);
  expect(await tick(preview, fx)).toMatchObject({ phase: "rolling" });
  const because = `Proa has no right to list pods in ${NAMESPACE}: apply templates/cluster/ again (docs/cluster-access.md)`;
  expect(await tick(preview, fx)).toMatchObject({ phase: "blocked", because, wake: { dueAt: NOW + 4_000 } });
});

test("an EKS cluster that does not let Proa's role in is named where the commit is, with what to do", async (t) => {
  const server = await startServer(() => page([]));
  const role = { accessKeyId: "ASIAROLE", secretAccessKey: "its key" };
  const front = await startEksFront({
    clusters: { blue: { kubeconfig: server.kubeConfig, entries: () => [] } },
    credentials: [role],
    now: () => NOW,
  });
  t.onTestFinished(() => void vi.unstubAllEnvs());
  t.onTestFinished(() => Promise.all([front.close(), server.close()]).then(() => undefined));
  const environment = {
    ...front.env,
    AWS_ACCESS_KEY_ID: role.accessKeyId,
    AWS_SECRET_ACCESS_KEY: role.secretAccessKey,
  };
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const clock = { now: () => NOW };
  const access = eksAccess({ cluster: "blue", region: "eu-west-1", clock });
  const blue = createKubernetes({ cluster: "default", access, fieldManager: "proa", timeoutMs: 30_000 });
  const composed = deployerOn({ dir: folder("eks"), kubeconfig: server.kubeConfig, clock });
  const fx = { ...composed, clusters: new Map([["default", blue]]) };
  await watching(fx);
  expect(await tick(preview, fx)).toMatchObject({ phase: "rolling" });
  expect(await tick(preview, fx)).toMatchObject({
    phase: "blocked",
    because: expect.stringMatching(/^the EKS cluster blue \(eu-west-1\) does not know .* give it an access entry/),
  });
});

test("a namespace that is somebody else's by now gets no binding of ours", async (t) => {
  const other = { ...namespace, metadata: { ...namespace.metadata, uid: "another" } };
  const answer = ({ path }: Asked): Answer => (path === `/api/v1/namespaces/${NAMESPACE}` ? ok(other) : page([]));
  const { fx, asked, close } = await deployer(
    "foreign",
    refusing((one) => (isPods(one) ? listPods : null), answer),
  );
  t.onTestFinished(close);
  await watching(fx);
  await tick(preview, fx);
  expect(asked.filter(({ method }) => method !== "GET")).toEqual([]);
});

test("an environment whose owner has not bound the role is blocked before anything is claimed, and told how", async (t) => {
  const listDeployments = 'list resource "deployments" in API group "apps" in the namespace "shop-staging"';
  const denied = ({ path }: Asked): string | null => (path.endsWith("/deployments") ? listDeployments : null);
  const answer = ({ path }: Asked): Answer =>
    path === "/api/v1/namespaces/shop-staging" ? ok({ metadata: { name: "shop-staging", uid: UID } }) : page([]);
  const { fx, asked, close } = await deployer("unbound", refusing(denied, answer));
  t.onTestFinished(close);
  const env = { ...stagingConfig, namespace: "shop-staging" };
  const state = liveRecord(staging, "a", 1, { wanted: { sha: sha("b"), since: NOW } });
  await deploy(plan, { ...(await fx.store.load(staging)), state }, fx, { config, env, workloads: null, extra: {} });
  const because =
    "Proa has no right to list deployments.apps in shop-staging: bind the ClusterRole proa-environment to it there (docs/cluster-access.md)";
  expect(await stateOf(staging, fx)).toMatchObject({ phase: "blocked", because, rev: 1, rollout: null });
  expect(asked.filter(({ method }) => method !== "GET")).toEqual([]);
});

test("a failure is reported though the node that has the logs does not answer", async (t) => {
  const [deployment, set, pod] = [fixture("deployment"), fixture("replicaset"), fixture("pod")];
  const lists: Readonly<Record<string, unknown>> = { deployments: deployment, replicasets: set, pods: pod };
  const answer = ({ path }: Asked): Answer => {
    if (path.endsWith("/log")) return status(500, "InternalError", "dial tcp 10.0.1.7:10250: i/o timeout");
    const item = lists[path.slice(path.lastIndexOf("/") + 1)];
    return page(item === undefined ? [] : [item]);
  };
  const now = Date.parse("2026-11-22T05:02:00Z");
  const { fx, close } = await deployer("silent", answer, now);
  t.onTestFinished(close);
  const uid = String(deployment.metadata["uid"]);
  const image = "registry.example/acme/shop-web:1";
  await watching(fx, { uid, image, revision: asRevision(7), generation: 12, startedAt: now - 60_000, deadlineAt: now });
  const { phase, report } = await tick(preview, fx);
  expect(phase).toBe("failed");
  expect(report?.text).toContain("**Not read** get logs");
  expect(report?.text).toContain("i/o timeout");
});

const plan: DeployPlan = {
  kind: "deploy",
  sha: sha("b"),
  services: [{ name: "web", image: "registry.example/acme/shop-web", digest: digest("b") }],
  patch: [],
  actor: "mo",
  pulls: [],
  because: "",
  of: null,
};

const stagingConfig = {
  name: "staging",
  from: { kind: "branch", branch: "main" },
  clusters: ["default"],
  host: null,
  bakeMs: 0,
  approve: null,
  deadlineMs: 60_000,
  rollback: "auto",
} as const;
