import {
  createServer as createHttp,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { createServer as createHttps, request as httpsRequest } from "node:https";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { serverCertificate } from "../../local/cluster/certificate.ts";
import type { Entry } from "../../src/adapters/cluster-access.ts";
import { kubeconfigAccess } from "../../src/adapters/kubeconfig-access.ts";
import { callerOf, type Caller, isSigned } from "./signatures.ts";
import { admit } from "./token-webhook.ts";

export interface EksFrontOptions {
  /** By their names in EKS. The kubeconfig says as whom whoever is let in acts. */
  readonly clusters: Readonly<Record<string, FrontedCluster>>;
  /** Whom AWS knows. */
  readonly credentials: readonly Caller[];
  readonly now?: () => number;
}

export interface FrontedCluster {
  readonly kubeconfig: string;
  /** Access entries, by access key. Without: everybody whom AWS knows has one. */
  readonly entries?: () => readonly string[];
  /** What DescribeCluster says instead of the truth. */
  readonly trouble?: { readonly status: number; readonly type: string };
  readonly status?: string;
  readonly endpoint?: string;
  readonly resourcesVpcConfig?: {
    readonly endpointPublicAccess: boolean;
    readonly publicAccessCidrs?: readonly string[];
  };
}

export interface EksFront {
  readonly env: { readonly AWS_ENDPOINT_URL_EKS: string };
  /** DescribeCluster calls so far, by cluster; refused ones count. */
  readonly described: readonly string[];
  /** TLS connections that a cluster has accepted. */
  connections(cluster: string): number;
  /** What came of each request's token: `admitted`, or why not. */
  readonly verdicts: readonly string[];
  /** Nobody listens at the cluster's former endpoint any more; DescribeCluster names another. */
  move(cluster: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * EKS as its clients see it, on 127.0.0.1: DescribeCluster, and before each cluster's API server the check of bearer tokens, both with
 * real signatures. What is admitted goes on to the cluster that the kubeconfig names.
 */
export async function startEksFront({ clusters, credentials, now = Date.now }: EksFrontOptions): Promise<EksFront> {
  const dir = mkdtempSync(join(tmpdir(), "proa-eks-"));
  const certificate = serverCertificate(dir);
  rmSync(dir, { recursive: true });
  const described: string[] = [];
  const verdicts: string[] = [];
  const doors = new Map<string, Door>();
  const open = async (name: string, cluster: FrontedCluster): Promise<void> => {
    const verdict = (token: string): Promise<string> =>
      admit(token, { cluster: name, credentials, entries: cluster.entries?.() ?? null, now: now() });
    doors.set(
      name,
      await openDoor({ cluster, certificate, verdict, verdicts, accepted: doors.get(name)?.accepted ?? 0 }),
    );
  };
  for (const [name, cluster] of Object.entries(clusters)) await open(name, cluster);

  const api = createHttp((request, response) => void describe(request, response));
  async function describe(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const name = decodeURIComponent(/^\/clusters\/([^/?]+)$/.exec(request.url ?? "")?.[1] ?? "");
    described.push(name);
    const refuse = (status: number, type: string, message: string): void =>
      void response.writeHead(status, { "x-amzn-errortype": type }).end(JSON.stringify({ message }));
    const caller = callerOf(request, credentials);
    if (caller === null) return refuse(403, "UnrecognizedClientException", "The security token is invalid.");
    if (!(await isSigned(request, "eks", caller)))
      return refuse(403, "InvalidSignatureException", "The request signature we calculated does not match.");
    const [cluster, door] = [clusters[name], doors.get(name)];
    if (cluster === undefined || door === undefined)
      return refuse(404, "ResourceNotFoundException", `No cluster found for name: ${name}.`);
    const { trouble, status = "ACTIVE", endpoint = door.url, resourcesVpcConfig } = cluster;
    if (trouble !== undefined) return refuse(trouble.status, trouble.type, "as the test wants it");
    const ca = Buffer.from(certificate.ca).toString("base64");
    const where = status === "CREATING" ? {} : { endpoint, certificateAuthority: { data: ca } };
    const body = { cluster: { name, status, ...where, resourcesVpcConfig } };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
  }

  return {
    env: { AWS_ENDPOINT_URL_EKS: `http://127.0.0.1:${await listen(api)}` },
    described,
    verdicts,
    connections: (cluster) => doors.get(cluster)?.accepted ?? 0,
    async move(name) {
      const [cluster, former] = [clusters[name], doors.get(name)];
      if (cluster !== undefined) await open(name, cluster);
      await former?.close();
    },
    async close() {
      await Promise.all([shut(api), ...[...doors.values()].map((door) => door.close())]);
    },
  };
}

interface Door {
  readonly url: string;
  accepted: number;
  close(): Promise<void>;
}

interface Behind {
  readonly cluster: FrontedCluster;
  readonly certificate: { readonly cert: string; readonly key: string };
  readonly verdict: (token: string) => Promise<string>;
  readonly verdicts: string[];
  readonly accepted: number;
}

async function openDoor({ cluster, certificate, verdict, verdicts, accepted }: Behind): Promise<Door> {
  const upstream = kubeconfigAccess(cluster.kubeconfig);
  const server = createHttps({ cert: certificate.cert, key: certificate.key }, (request, response) => {
    const answer = async (): Promise<void> => {
      const found = await verdict(request.headers.authorization?.replace(/^Bearer /, "") ?? "");
      verdicts.push(found);
      if (found === "admitted") forward(await upstream.enter(), request, response);
      else unauthorized(response);
    };
    answer().catch(() => response.destroy());
  });
  const door = { accepted, url: `https://127.0.0.1:${await listen(server)}`, close: () => shut(server) };
  server.on("secureConnection", () => (door.accepted += 1));
  return door;
}

function forward({ server, headers }: Entry, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", server.url);
  const send = url.protocol === "http:" ? httpRequest : httpsRequest;
  const { authorization: _, host: __, ...asked } = request.headers;
  const outgoing = send(url, { ...server.tls, method: request.method, headers: { ...asked, ...headers } });
  outgoing.on("response", (incoming) => {
    response.writeHead(incoming.statusCode ?? 502, incoming.headers);
    incoming.pipe(response);
  });
  outgoing.on("error", () => response.destroy());
  response.on("close", () => outgoing.destroy());
  request.pipe(outgoing);
}

/** As the API server says it. */
function unauthorized(response: ServerResponse): void {
  const status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message: "Unauthorized" };
  response.writeHead(401, { "content-type": "application/json" });
  response.end(JSON.stringify({ ...status, reason: "Unauthorized", code: 401 }));
}

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function shut(server: ReturnType<typeof createHttp> | ReturnType<typeof createHttps>): Promise<void> {
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
}
