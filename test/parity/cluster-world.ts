import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { createLocalCluster, type LocalCluster } from "../../local/cluster/cluster.ts";
import { clientsFor, until, type Clients, type TestCluster } from "./test-cluster.ts";

/** Just enough of an OCI registry to pull from: blobs by digest, manifests by digest and tag. */
export interface TestRegistry {
  readonly url: string;
  /** Returns the image's reference by digest. */
  push(files: Record<string, string>, config?: { Env?: string[] }): string;
  close(): void;
}

export async function startRegistry(): Promise<TestRegistry> {
  const content = new Map<string, Buffer>();
  const server = createServer((incoming, response) => {
    const found = content.get(incoming.url?.split("/").at(-1) ?? "");
    response.writeHead(found === undefined ? 404 : 200).end(found);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const keep = (blob: Buffer): string => {
    const digest = `sha256:${createHash("sha256").update(blob).digest("hex")}`;
    content.set(digest, blob);
    return digest;
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    push(files, more = {}) {
      const layer = keep(gzipSync(tar(files)));
      const config = keep(
        Buffer.from(JSON.stringify({ config: { WorkingDir: "/app", Cmd: ["node", "server.js"], ...more } })),
      );
      const manifest = keep(
        Buffer.from(JSON.stringify({ schemaVersion: 2, config: { digest: config }, layers: [{ digest: layer }] })),
      );
      return `registry.localhost/acme/shop@${manifest}`;
    },
    close: () => server.close(),
  };
}

function tar(files: Record<string, string>): Buffer {
  const blocks = Object.entries(files).flatMap(([name, text]) => {
    const header = Buffer.alloc(512);
    header.write(`app/${name}`, 0);
    header.write("0000644\0", 100);
    header.write(Buffer.byteLength(text).toString(8).padStart(11, "0"), 124);
    header.write("0", 156);
    header.write("ustar", 257);
    const body = Buffer.alloc(Math.ceil(Buffer.byteLength(text) / 512) * 512);
    body.write(text);
    return [header, body];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** A web server that says who it is; `/healthz` answers 200 unless told otherwise. */
export function webServer(says: string, more = ""): Record<string, string> {
  return {
    "server.js": `
      ${more}
      const http = require("node:http");
      const server = http.createServer((request, response) => {
        if (request.url === "/env") return response.end(JSON.stringify(process.env));
        setTimeout(() => response.end(${JSON.stringify(says)}), 20);
      });
      server.listen(process.env.PORT, () => console.log("listening as ${says}"));
      process.on("SIGTERM", () => server.close(() => process.exit(0)));
    `,
  };
}

export interface TestWorld extends Clients {
  readonly cluster: LocalCluster;
  readonly registry: TestRegistry;
  readonly dir: string;
  close(): Promise<void>;
}

export async function startWorld(options: { dir?: string; registry?: TestRegistry } = {}): Promise<TestWorld> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), "proa-cluster-"));
  const registry = options.registry ?? (await startRegistry());
  const cluster = await createLocalCluster({
    dir,
    registries: { "registry.localhost": { url: registry.url } },
    users: [{ name: "admin", token: "admin-token" }],
  });
  return {
    ...clientsFor(cluster.kubeconfig("admin")),
    cluster,
    registry,
    dir,
    async close() {
      await cluster.close();
      if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
      if (options.registry === undefined) registry.close();
    },
  };
}

/** The local cluster, with images whose containers are real processes. */
export async function startLocal(): Promise<TestCluster & TestWorld> {
  const world = await startWorld();
  return {
    ...world,
    images: {
      good: world.registry.push(webServer("one")),
      alsoGood: world.registry.push(webServer("two")),
      crashing: world.registry.push({
        "server.js": 'console.log("password=hunter2"); console.error("no database"); process.exit(3);',
      }),
    },
    nowMs: () => world.cluster.clock.nowMs(),
    page: (host) => visit(world.cluster, host),
    abandon: () => Promise.resolve(),
  };
}

export function deployment(
  image: string,
  more: { replicas?: number; pod?: object; container?: object; spec?: object } = {},
) {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web" },
    spec: {
      replicas: more.replicas ?? 2,
      selector: { matchLabels: { app: "web" } },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels: { app: "web" } },
        spec: {
          containers: [
            {
              name: "web",
              image,
              ports: [{ containerPort: 8080 }],
              env: [{ name: "PORT", value: "8080" }],
              readinessProbe: { httpGet: { path: "/healthz", port: 8080 }, periodSeconds: 1 },
              ...more.container,
            },
          ],
          ...more.pod,
        },
      },
      ...more.spec,
    },
  };
}

export const service = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "web" },
  spec: { selector: { app: "web" }, ports: [{ port: 80, targetPort: 8080 }] },
};

export function ingress(host: string) {
  const backend = { service: { name: "web", port: { number: 80 } } };
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: { name: "web" },
    spec: { rules: [{ host, http: { paths: [{ path: "/", pathType: "Prefix", backend }] } }] },
  };
}

/** The same with the world's clock running ahead, except while a process is starting, which takes real time. */
export function untilLater<T>({ cluster }: TestWorld, look: () => Promise<T>, isSo: (seen: T) => boolean): Promise<T> {
  return until(() => {
    if (!cluster.busy()) cluster.clock.step(1_000);
    return look();
  }, isSo);
}

/** A request through the ingress: the answer's body, or why there is none. */
export function visit(cluster: LocalCluster, host: string, path = "/"): Promise<string> {
  const route = cluster.route(host, path);
  if (route === null || route === "unavailable") return Promise.resolve(String(route));
  return new Promise((resolve) => {
    const call = request({ host: "127.0.0.1", port: route.port, path, agent: false }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => (body += chunk.toString()));
      response.on("end", () => resolve(body));
    });
    call.on("error", (error) => resolve(error.message));
    call.end();
  });
}
