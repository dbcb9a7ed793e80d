import { readFileSync } from "node:fs";
import { request, type RequestOptions } from "node:https";

import { afterAll, beforeAll, expect, test } from "vitest";

import { startLocal } from "../parity/cluster-world.ts";
import { uniqueName, type TestCluster } from "../parity/test-cluster.ts";
import { startReal } from "./real-cluster.ts";

/** One of the two clusters that are asked the same, and a namespace on it for one question. */
export interface Side {
  readonly cluster: TestCluster;
  readonly namespace: string;
  /** Any request, and the answer as it came: a Status is an answer too. `path` is inside the namespace unless it begins with `/`. */
  readonly call: (
    method: string,
    path: string,
    body?: unknown,
    more?: { type?: string; manager?: string },
  ) => Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export interface Agreement {
  /** Both sides answer the same to `ask`, once names, uids, times and resourceVersions are taken out. */
  readonly agree: (what: string, ask: Question) => void;
  /** They do not, and `docs/local-cluster.md` says so under `topic`. */
  readonly differ: (what: string, topic: string, ask: Question) => void;
}

type Question = (side: Side) => Promise<unknown>;

/** The local cluster, and the real one of this run. */
export function bothSides(): Agreement {
  const clusters: TestCluster[] = [];
  beforeAll(async () => {
    clusters.push(...(await Promise.all([startLocal(), startReal()])));
  });
  afterAll(() => Promise.all(clusters.map((cluster) => cluster.close())));

  const askBoth = async (ask: Question): Promise<unknown[]> => {
    const sides = await Promise.all(clusters.map(openSide));
    try {
      return await Promise.all(sides.map(async (side) => normal(await ask(side), side)));
    } finally {
      await Promise.all(sides.map(({ cluster, namespace }) => cluster.abandon(namespace)));
    }
  };
  return {
    agree(what, ask) {
      test(`the same: ${what}`, async () => {
        const [local, real] = await askBoth(ask);
        expect(local).toEqual(real);
      });
    },
    differ(what, topic, ask) {
      test(`differs, and says so: ${what}`, async () => {
        const [local, real] = await askBoth(ask);
        expect(local).not.toEqual(real);
        expect(readFileSync(new URL("../../docs/local-cluster.md", import.meta.url), "utf8")).toContain(`| ${topic} |`);
      });
    },
  };
}

async function openSide(cluster: TestCluster): Promise<Side> {
  const namespace = uniqueName("agree");
  await cluster.core.createNamespace({ body: { metadata: { name: namespace } } });
  return {
    cluster,
    namespace,
    call: (method, path, body, more) =>
      call(cluster, method, path.startsWith("/") ? path : inside(namespace, path), body, more),
  };
}

/** `deployments/web` → `/apis/apps/v1/namespaces/…/deployments/web` */
function inside(namespace: string, path: string): string {
  const group = /^(deployments|replicasets)\b/.test(path)
    ? "/apis/apps/v1"
    : /^(ingresses|networkpolicies)\b/.test(path)
      ? "/apis/networking.k8s.io/v1"
      : "/api/v1";
  return `${group}/namespaces/${namespace}/${path}`;
}

async function call(
  { config }: TestCluster,
  method: string,
  path: string,
  body?: unknown,
  more: { type?: string; manager?: string } = {},
): Promise<Answer> {
  const url = new URL(`${config.getCurrentCluster()?.server}${path}`);
  if (more.manager !== undefined) url.searchParams.set("fieldManager", more.manager);
  const text = body === undefined ? "" : JSON.stringify(body);
  // Node would send a DELETE's body without saying where it ends.
  const headers = { "content-type": more.type ?? "application/json", "content-length": Buffer.byteLength(text) };
  const options: RequestOptions = { method, headers };
  await config.applyToHTTPSOptions(options);
  return await new Promise((resolve, reject) => {
    const sent = request(url, options, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: parsed(text) }));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(text);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** For lists whose order says nothing; the hash in a ReplicaSet's name is another on each side and must not decide. */
export function inOrder<T>(list: readonly T[]): T[] {
  const key = (item: T): string => JSON.stringify(item).replaceAll(HASH, "");
  return list.toSorted((one, other) => (key(one) < key(other) ? -1 : 1));
}

const HASH = /\bweb-[a-z0-9]{6,10}\b/g;
const UID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g;
const TIME = /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g;

/** Without what cannot be the same on two clusters. */
function normal(value: unknown, side: Side): unknown {
  if (Array.isArray(value)) return value.map((item) => normal(item, side));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value)
        // Who owns which field is compared where it is asked for: the local cluster's defaults are owned by nobody.
        .filter(([key, item]) => item !== undefined && key !== "managedFields")
        .map(([key, item]) => [key, key === "resourceVersion" ? "<version>" : normal(item, side)]),
    );
  }
  if (typeof value !== "string") return value;
  const { images } = side.cluster;
  return Object.entries(images)
    .reduce((text, [name, image]) => text.replaceAll(image, `<${name}>`), value)
    .replaceAll(side.namespace, "<namespace>")
    .replaceAll(UID, "<uid>")
    .replaceAll(TIME, "<time>")
    .replaceAll(/\b(ResourceVersion in record|too old resource version: 1) \(\d+\)/g, "$1 (<version>)")
    .replaceAll(HASH, "web-<hash>")
    .replaceAll(/\bweb-<hash>-[a-z0-9]{5}\b/g, "web-<hash>-<random>");
}
