import { readFileSync } from "node:fs";
import { kubeconfigAccess } from "../../src/adapters/kubeconfig-access.ts";
import { createKubernetes } from "../../src/adapters/kubernetes-client.ts";
import type { ImagePatch } from "../../src/adapters/kubernetes.ts";
import type { KubeObject } from "../../src/core/manifests.ts";
import { asRevision, type TargetId } from "../../src/core/names.ts";
import { OutsideError, type Problem } from "../../src/core/problem.ts";
import { startServer, status, type Answer, type Asked, type StubServer } from "./kubernetes-server.ts";

type Raw = { metadata: Record<string, unknown>; spec: Record<string, unknown> };
export const fixture = (name: string): Raw =>
  JSON.parse(readFileSync(new URL(`../fixtures/cluster/${name}.json`, import.meta.url), "utf8")) as Raw;

export const deployment = fixture("deployment");
export const UID = "0c7f1d6e-7a43-4a0c-9f0e-1b1a3b1f0001";
export const DEPLOYMENTS = "/apis/apps/v1/namespaces/shop-7/deployments";
export const ok = (body: unknown): Answer => ({ status: 200, body });
export const page = (items: unknown[], next = ""): Answer => ok({ kind: "List", metadata: { continue: next }, items });
export const notFound = status(404, "NotFound", 'deployments.apps "web" not found');

const started: StubServer[] = [];
/** For `afterEach`. */
export async function closeServers(): Promise<void> {
  await Promise.all(started.splice(0).map((server) => server.close()));
}

export async function against(
  answer: (asked: Asked, n: number) => Answer,
  { timeoutMs = 5_000, renewed = () => undefined }: { timeoutMs?: number; renewed?: () => void } = {},
) {
  let n = 0;
  const server = await startServer((asked) => answer(asked, n++));
  started.push(server);
  const access = kubeconfigAccess(server.kubeConfig);
  const kubernetes = createKubernetes({
    cluster: "default",
    access: { ...access, renew: (refused) => (renewed(), access.renew(refused)) },
    fieldManager: "proa",
    timeoutMs,
  });
  return { kubernetes, asked: server.asked, server };
}

export const image: ImagePatch = {
  namespace: "shop-7",
  deployment: "web",
  container: "app",
  containerIndex: 0,
  from: "registry.example/acme/shop-web:1",
  image: "registry.example/acme/shop-web:2",
  uid: UID,
  target: "preview/12/7" as TargetId,
  revision: asRevision(7),
  annotations: { "proa.dev/revision": "8", "proa.dev/commit": "c0ffee" },
};
export const object: KubeObject = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", namespace: "shop-7" },
};
export const problemOf = async (call: Promise<unknown>): Promise<Problem> => {
  const error: unknown = await call.then(
    () => "no error",
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof OutsideError)) throw new Error(`expected an OutsideError, got ${String(error)}`);
  return error.problem;
};
