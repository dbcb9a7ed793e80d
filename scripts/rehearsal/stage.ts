import { createHash, generateKeyPairSync } from "node:crypto";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createDynamoDb } from "./dynamodb.ts";
import { createGitHub, INSTALLATION, PULL, REPO } from "./github.ts";
import { createCluster } from "./kubernetes.ts";

/** A message on one of the three queues. */
export interface Queued {
  readonly queue: "deployer" | "reporter" | "tick";
  readonly body: unknown;
}

export interface StageOptions {
  /** With it everything is https, and the cluster is trusted by this authority. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
  /** A connection serves one request, so that whether one was free in time changes nothing. */
  readonly once?: boolean;
}

const DIGESTS = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

/**
 * AWS, GitHub and a cluster behind one listener, for one small story: as much of each as a deployment asks for, with answers that
 * are always the same. What the story does not need is an error, so that a rehearsal never passes by accident.
 */
export async function openStage({ tls, once = false }: StageOptions = {}) {
  const [dynamoDb, github, cluster] = [createDynamoDb(), createGitHub(), createCluster()];
  const queued: Queued[] = [];
  let asked: { readonly what: string; readonly at: number }[] = [];
  let delayMs = 0;
  let connections = 0;

  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const secrets = {
    PROA_GITHUB_APP_ID: "77",
    PROA_GITHUB_APP_SLUG: "proa",
    PROA_GITHUB_PRIVATE_KEY: privateKey,
    PROA_WEBHOOK_SECRETS: WEBHOOK_SECRET,
  };

  function aws(service: string, action: string, parameters: Record<string, unknown>): unknown {
    switch (service) {
      case "DynamoDB_20120810":
        return dynamoDb.answer(action, parameters);
      case "AmazonSQS": {
        const entries = (parameters["Entries"] ?? []) as { Id: string; MessageBody: string }[];
        const [, queue = ""] = /-(deployer|reporter|tick)(?:\.fifo)?$/.exec(String(parameters["QueueUrl"])) ?? [];
        for (const { MessageBody } of entries)
          queued.push({ queue: queue as Queued["queue"], body: JSON.parse(MessageBody) });
        const taken = entries.map(({ Id, MessageBody }) => ({
          Id,
          MessageId: Id,
          MD5OfMessageBody: hash("md5", MessageBody),
        }));
        return { Successful: taken, Failed: [] };
      }
      case "secretsmanager":
        return { SecretString: JSON.stringify(secrets) };
      case "AmazonEC2ContainerRegistry_V20150921": {
        const [{ imageTag = "" } = {}] = parameters["imageIds"] as { imageTag?: string }[];
        return { imageDetails: [{ imageDigest: `sha256:${hash("sha256", imageTag)}` }] };
      }
      default:
        throw new Error(`${service} ${action} is not rehearsed`);
    }
  }

  function answer(
    request: IncomingMessage,
    text: string,
  ): { what: string; status: number; body: unknown; type?: string } {
    const { method = "", headers } = request;
    const { pathname: path } = new URL(request.url ?? "", url);
    const [service = "", action = ""] = String(headers["x-amz-target"] ?? "").split(".");
    if (service !== "") {
      const what = `${service.split(/_|V\d/)[0]} ${action}`;
      return { what, status: 200, body: aws(service, action, JSON.parse(text)), type: "application/x-amz-json-1.0" };
    }
    const what = `${method} ${path}`;
    if (path.startsWith("/clusters/")) {
      const certificateAuthority = { data: Buffer.from(tls?.ca ?? "").toString("base64") };
      return {
        what,
        status: 200,
        body: { cluster: { name: "proa", status: "ACTIVE", endpoint: url, certificateAuthority } },
      };
    }
    if (/^\/apis?\//.test(path)) {
      const body = text === "" ? null : JSON.parse(text);
      return { what, ...cluster.answer(method, path, String(headers["content-type"]), body) };
    }
    const reply = github.answer(method, decodeURIComponent(path), String(headers.authorization));
    return {
      what,
      ...reply,
      ...(typeof reply.body === "string" ? { type: "application/vnd.github.raw+json; charset=utf-8" } : {}),
    };
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const { what, status, body, type = "application/json; charset=utf-8" } = answer(request, text);
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    asked.push({ what, at: Number(process.hrtime.bigint()) / 1e6 });
    const content = typeof body === "string" ? body : JSON.stringify(body);
    const headers = { "content-type": type, "content-length": Buffer.byteLength(content) };
    response.writeHead(status, once ? { ...headers, connection: "close" } : headers).end(content);
  }

  const listener = (request: IncomingMessage, response: ServerResponse): void =>
    void serve(request, response).catch((error: Error) => {
      console.error(error);
      response.writeHead(500).end(error.message);
    });
  const server = tls === undefined ? createHttpServer(listener) : createHttpsServer(tls, listener);
  server.on(tls === undefined ? "connection" : "secureConnection", () => connections++);
  server.keepAliveTimeout = 600_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `${tls === undefined ? "http" : "https"}://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url,
    env: {
      AWS_ENDPOINT_URL: url,
      AWS_REGION: "eu-west-1",
      AWS_ACCESS_KEY_ID: "AKIAREHEARSAL",
      AWS_SECRET_ACCESS_KEY: "rehearsal",
      AWS_SESSION_TOKEN: "rehearsal",
      PROA_SECRET: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:proa/app",
      PROA_GITHUB_API_URL: url,
      PROA_STORE: "dynamodb:proa",
      PROA_QUEUE: `sqs:${url}/123456789012/proa`,
      PROA_CLUSTERS: "default=eks:proa",
      PROA_IMAGES: `${DIGESTS}/acme/**`,
      PROA_DEFAULT_IMAGE: `${DIGESTS}/{owner}/{repo}-{service}`,
      PROA_DOMAIN: "preview.example",
    },
    push: github.push,
    /** The messages that were sent since the last call. */
    messages: (): Queued[] => queued.splice(0),
    /** The requests since the last call, with the time of their answer in milliseconds of this machine. */
    calls(): typeof asked {
      const calls = asked;
      asked = [];
      return calls;
    },
    connections: (): number => connections,
    /** Every answer takes at least this long from now on. */
    slow: (ms: number): void => void (delayMs = ms),
    /** Brings everything back to how it was at `save`. */
    save(): () => void {
      const restores = [dynamoDb.save(), github.save(), cluster.save()];
      return () => {
        queued.length = 0;
        for (const restore of restores) restore();
      };
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const hash = (algorithm: string, text: string): string => createHash(algorithm).update(text).digest("hex");

export type Stage = Awaited<ReturnType<typeof openStage>>;

export const WEBHOOK_SECRET = "the webhook secret of the rehearsal";

/** The event that the deployer's queue delivers when somebody pushed `sha` to the pull request. */
export const pushed = (sha: string): unknown =>
  records({
    v: 1,
    kind: "look",
    target: { kind: "preview", repoId: REPO.id, number: PULL },
    sha,
    delivery: "rehearsal",
    installation: INSTALLATION,
    repo: REPO.full_name,
    receivedAt: Date.now(),
    because: "pull_request.synchronize",
  });

export const records = (body: unknown): unknown => ({ Records: [{ messageId: "m1", body: JSON.stringify(body) }] });
