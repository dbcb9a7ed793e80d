import { createServer, type Server } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";

import { parse as parseYaml } from "yaml";

import type { WorldClock } from "../clock.ts";
import type { ServerCertificate } from "./certificate.ts";
import { discover, isServed, unknownPath } from "./discovery.ts";
import { apiVersionOf, kindAt } from "./kinds.ts";
import type { Kubelet } from "./kubelet.ts";
import { serveLog } from "./logs.ts";
import { decodeProtobuf } from "./protobuf.ts";
import { fields, served, text, type Fields, type KubeObject } from "./object.ts";
import { scaleOf, type DeleteOptions, type Place, type Resources, type WriteOptions } from "./resources.ts";
import { fieldSelector, labelSelector, type Predicate } from "./selectors.ts";
import { badRequest, StatusError } from "./status.ts";
import type { ObjectStore } from "./store.ts";
import { table } from "./tables.ts";
import { serveWatch } from "./watch.ts";

export interface User {
  readonly name: string;
  readonly token: string;
  readonly groups?: readonly string[];
}

export interface FacadeParts {
  readonly store: ObjectStore;
  readonly resources: Resources;
  readonly kubelet: Pick<Kubelet, "logs">;
  readonly clock: WorldClock;
  readonly users: readonly User[];
  readonly certificate: ServerCertificate;
  readonly log: (line: object) => void;
}

/** One request, taken apart. */
export interface Call extends Place {
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  readonly query: URLSearchParams;
  readonly matches: Predicate;
  readonly asTable: boolean;
}

/** The Kubernetes API over HTTPS, for whoever holds one of the users' tokens; every user may do everything. */
export function newFacade(parts: FacadeParts): Server {
  const { certificate, log } = parts;
  return createServer({ key: certificate.key, cert: certificate.cert }, (request, response) => {
    void answer(parts, request, response).catch((error: unknown) => {
      if (response.headersSent) return void response.destroy();
      const status =
        error instanceof StatusError
          ? error
          : new StatusError(500, "InternalError", `Internal error occurred: ${String(error)}`);
      if (!(error instanceof StatusError))
        log({
          msg: "cluster api failed",
          method: request.method,
          url: request.url,
          error: String((error as Error).stack),
        });
      send(response, status.code, status.toStatus());
    });
  });
}

async function answer(parts: FacadeParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "https://127.0.0.1");
  if (["/healthz", "/livez", "/readyz"].includes(url.pathname)) return void response.end("ok");
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
  const user = parts.users.find((candidate) => candidate.token === token);
  if (user === undefined && url.pathname !== "/version") throw new StatusError(401, "Unauthorized", "Unauthorized");
  const found = discover(url.pathname);
  if (found !== undefined) return send(response, 200, found);
  if (/^\/apis\/(authentication|authorization)\.k8s\.io\/v1\/selfsubject/.test(url.pathname)) {
    const review = fields(await readBody(request));
    return send(response, 201, {
      ...review,
      status: {
        allowed: true,
        userInfo: { username: user?.name, groups: [...(user?.groups ?? []), "system:authenticated"] },
      },
    });
  }
  if (!isServed(url.pathname))
    return void response.writeHead(404, { "content-type": "text/plain" }).end("404 page not found\n");
  const call = takeApart(url, request);
  switch (request.method) {
    case "GET":
      return get(parts, call, request, response);
    case "POST":
    case "PUT":
    case "PATCH":
      return await write(parts, call, request, response);
    case "DELETE":
      return await remove(parts, call, request, response);
    default:
      throw new StatusError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
  }
}

function takeApart(url: URL, request: IncomingMessage): Call {
  const parts = url.pathname
    .split("/")
    .filter((part) => part !== "")
    .map((part) => decodeURIComponent(part));
  const [root, first = "", second = ""] = parts;
  const core = root === "api";
  const [group, version] = core ? ["", first] : [first, second];
  let rest = parts.slice(core ? 2 : 3);
  let namespace: string | undefined;
  // /namespaces/shop/pods is inside a namespace, /namespaces/shop and /namespaces/shop/status are about one.
  if (rest[0] === "namespaces" && rest.length > 2 && rest[2] !== "status" && rest[2] !== "finalize") {
    namespace = rest[1];
    rest = rest.slice(2);
  }
  const [plural = "", name, subresource] = rest;
  const kind = kindAt(group, version, plural);
  const known =
    kind !== undefined && rest.length <= 3 && (subresource === undefined || kind.subresources.includes(subresource));
  if (!known || (kind.namespaced && name !== undefined && namespace === undefined)) throw unknownPath();
  const labels = labelSelector(url.searchParams.get("labelSelector") ?? "");
  const ofFields = fieldSelector(kind, url.searchParams.get("fieldSelector") ?? "");
  return {
    kind,
    namespace,
    name,
    subresource,
    query: url.searchParams,
    matches: (object) => labels(object) && ofFields(object),
    asTable: (request.headers.accept ?? "").includes("as=Table"),
  };
}

// --- Reading ---------------------------------------------------------------------------------------------------------

function get(parts: FacadeParts, call: Call, request: IncomingMessage, response: ServerResponse): void {
  const { name, subresource, query } = call;
  const watching = ["1", "true"].includes(query.get("watch") ?? "");
  if (watching) {
    const only =
      name === undefined ? call : { ...call, matches: (object: KubeObject) => object.metadata.name === name };
    return serveWatch(parts, only, request, response);
  }
  if (name === undefined) return send(response, 200, list(parts, call));
  const object = parts.resources.read(call, name);
  if (subresource === "log") return serveLog(parts, object, query, response);
  send(response, 200, subresource === "scale" ? scaleOf(object) : rendered(parts, call, object));
}

function rendered({ clock }: FacadeParts, { kind, asTable }: Call, object: KubeObject): object {
  return asTable
    ? table(kind, [object], { nowMs: clock.nowMs(), revision: object.metadata.resourceVersion ?? "" })
    : served(object);
}

function list({ store, clock }: FacadeParts, { kind, namespace, matches, query, asTable }: Call): object {
  const revision = String(store.revision());
  const all = store.list(kind, namespace).filter((object) => matches(object));
  const limit = Number(query.get("limit") ?? 0);
  const start = Number(Buffer.from(query.get("continue") ?? "", "base64url").toString());
  if (Number.isNaN(start)) throw badRequest("continue key is not valid");
  const page = limit > 0 ? all.slice(start, start + limit) : all.slice(start);
  const left = all.length - start - page.length;
  const more =
    left > 0
      ? { continue: Buffer.from(String(start + page.length)).toString("base64url"), remainingItemCount: left }
      : {};
  const metadata = { resourceVersion: revision, ...more };
  if (asTable) return { ...table(kind, page, { nowMs: clock.nowMs(), revision }), metadata };
  // As on a real server, the items of a list do not say their kind again.
  const items = page.map(served).map(({ apiVersion: _apiVersion, kind: _kind, ...item }) => item);
  return { kind: `${kind.kind}List`, apiVersion: apiVersionOf(kind), metadata, items };
}

// --- Writing ---------------------------------------------------------------------------------------------------------

async function write(
  parts: FacadeParts,
  call: Call,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { name } = call;
  const body = await readBody(request);
  if (typeof body !== "object" || body === null) throw badRequest("couldn't get version/kind; json parse error");
  const warnings: string[] = [];
  const options = writeOptions(call, request, (text) => warnings.push(text));
  const done = async (): Promise<{ object: KubeObject; created: boolean }> => {
    if (request.method === "POST")
      return { object: await parts.resources.create(namespaced(call, body), fields(body), options), created: true };
    if (name === undefined)
      throw new StatusError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
    if (request.method === "PUT")
      return { object: await parts.resources.replace(call, name, fields(body), options), created: false };
    const type = (request.headers["content-type"] ?? "").split(";")[0]?.trim() ?? "";
    return await parts.resources.patch(call, name, { type, body }, options);
  };
  const { object, created } = await done();
  for (const text of warnings) response.appendHeader("warning", `299 - ${JSON.stringify(text)}`);
  send(response, created ? 201 : 200, rendered(parts, call, object));
}

function namespaced(call: Call, body: unknown): Call {
  if (!call.kind.namespaced || call.namespace !== undefined) return call;
  return { ...call, namespace: text(fields(fields(body)["metadata"])["namespace"], "default") };
}

function writeOptions(
  { query, subresource }: Call,
  request: IncomingMessage,
  warn: (text: string) => void,
): WriteOptions {
  const agent = (request.headers["user-agent"] ?? "unknown").split("/")[0] ?? "unknown";
  const applying = (request.headers["content-type"] ?? "").startsWith("application/apply-patch");
  return {
    manager: query.get("fieldManager") ?? (applying ? "" : agent),
    dryRun: query.get("dryRun") === "All",
    force: query.get("force") === "true",
    fieldValidation: query.get("fieldValidation") ?? "Warn",
    subresource,
    warn,
  };
}

async function remove(
  parts: FacadeParts,
  call: Call,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { kind, name, query } = call;
  const body = fields(await readBody(request)) as Fields & DeleteOptions; // DeleteOptions of meta/v1; unknown fields are ignored there too
  const grace = query.get("gracePeriodSeconds");
  const options: DeleteOptions = {
    ...(query.has("propagationPolicy") ? { propagationPolicy: query.get("propagationPolicy") ?? "" } : {}),
    ...(grace === null ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(query.has("dryRun") ? { dryRun: query.getAll("dryRun") } : {}),
    ...body,
  };
  if (name === undefined) {
    const { store } = parts;
    const doomed = store.list(kind, call.namespace).filter((object) => call.matches(object));
    for (const { metadata } of doomed)
      await parts.resources.remove({ kind, namespace: metadata.namespace }, metadata.name, options);
    return send(response, 200, {
      kind: `${kind.kind}List`,
      apiVersion: apiVersionOf(kind),
      metadata: { resourceVersion: String(store.revision()) },
      items: doomed,
    });
  }
  const { uid } = parts.resources.read(call, name).metadata;
  const left = await parts.resources.remove(call, name, options);
  const details = { name, ...(kind.group === "" ? {} : { group: kind.group }), kind: kind.plural, uid };
  send(
    response,
    200,
    left === "gone" ? { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details } : left,
  );
}

// --- HTTP ------------------------------------------------------------------------------------------------------------

const mostBytes = 3 * 1024 * 1024; // as the real server's limit on a request body

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > mostBytes)
      throw new StatusError(413, "RequestEntityTooLarge", `Request entity too large: limit is ${mostBytes}`);
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  if (body.length === 0) return undefined;
  const type = request.headers["content-type"] ?? "application/json";
  if (type.includes("protobuf") || type.includes("cbor")) {
    const decoded = decodeProtobuf(body);
    if (decoded !== null) return decoded;
    throw new StatusError(
      415,
      "UnsupportedMediaType",
      "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml",
    );
  }
  const text = body.toString();
  try {
    return type.includes("yaml") ? parseYaml(text) : JSON.parse(text);
  } catch (cause) {
    throw badRequest(`couldn't get version/kind; json parse error: ${(cause as Error).message}`);
  }
}

export function send(response: ServerResponse, code: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(code, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}
