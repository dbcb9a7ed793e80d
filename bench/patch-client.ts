// One Kubernetes client in a process of its own, patching one Deployment again and again: forked by patch.ts.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { AppsV1Api, KubeConfig, PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import { createKubernetes } from "../src/adapters/kubernetes-client.ts";

const [which = "", url = ""] = process.argv.slice(2);
const WARM_UP = 300;
const PATCHES = 500;
const { env } = process;
const ca = readFileSync(env["NODE_EXTRA_CA_CERTS"] ?? "");
const [namespace, name] = ["bench", "web"];
const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`;
const IMAGE = `registry.example/acme/shop-web@sha256:${"0".repeat(64)}`;
const body = [{ op: "replace", path: "/spec/template/spec/containers/0/image", value: IMAGE }];

/** About as large as a Deployment that a cluster has looked after for a while. */
const deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, namespace, annotations: { note: "x".repeat(1_500) } },
  spec: { replicas: 1, template: { spec: { containers: [{ name: "web", image: IMAGE }] } } },
};

const agent = new Agent({ keepAlive: true, ca });
const bare = (method: string, at: string, type: string, content: unknown): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const text = JSON.stringify(content);
    const headers = { authorization: "Bearer token", "content-type": type, "content-length": Buffer.byteLength(text) };
    const asked = request(url + at, { method, agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve(JSON.parse(Buffer.concat(chunks).toString("utf8"))));
    });
    asked.on("error", reject).end(text);
  });

await bare("POST", path.replace(/\/web$/, ""), "application/json", deployment);

const clients: Readonly<Record<string, () => () => Promise<unknown>>> = {
  floor: () => () => bare("PATCH", path, "application/json-patch+json", body),
  ours: () => {
    const server = { url, tls: { ca } };
    const entry = { server, headers: { authorization: "Bearer token" } };
    const access = { enter: async () => entry, renew: () => undefined, lost: () => undefined, advice: () => null };
    const cluster = createKubernetes({ cluster: "bench", access, fieldManager: "proa", timeoutMs: 10_000 });
    const patch = { namespace, deployment: name, container: "web", containerIndex: 0, from: IMAGE, image: IMAGE };
    return async () => {
      const result = await cluster.patchImage({
        ...patch,
        uid,
        target: null,
        revision: null,
        annotations: { "proa.dev/x": "y" },
      });
      if (result.kind !== "applied") throw new Error(JSON.stringify(result));
    };
  },
  "client-node": () => {
    const config = new KubeConfig();
    const cluster = { name: "c", server: url, caData: ca.toString("base64"), skipTLSVerify: false };
    config.loadFromClusterAndUser(cluster, { name: "u", token: "token" });
    const api = config.makeApiClient(AppsV1Api);
    const options = setHeaderOptions("Content-Type", PatchStrategy.JsonPatch);
    return () => api.patchNamespacedDeployment({ name, namespace, body }, options);
  },
};

const { metadata } = (await bare("PATCH", path, "application/json-patch+json", body)) as { metadata: { uid: string } };
const { uid } = metadata;
const patch = clients[which]?.() ?? (() => Promise.reject(new Error(`there is no client ${which}`)));
for (let n = 0; n < WARM_UP; n++) await patch();
process.send?.("warm");
await once(process, "message");
const before = process.cpuUsage();
for (let n = 0; n < PATCHES; n++) await patch();
const { user, system } = process.cpuUsage(before);
process.send?.({ us: user + system, patches: PATCHES });
process.on("disconnect", () => process.exit(0));
