import type { IncomingMessage, ServerResponse } from "node:http";

import type { Call, FacadeParts } from "./facade.ts";
import { apiVersionOf } from "./kinds.ts";
import { served, type KubeObject } from "./object.ts";
import { badRequest, StatusError } from "./status.ts";
import type { Change } from "./store.ts";
import { table } from "./tables.ts";

/** Below the 30 s of silence after which the Kubernetes client for Node gives a watch up. */
const bookmarkMs = 10_000;

/** WATCH: what matches now where the caller names no revision, then every change in order, as one JSON object a line. */
export function serveWatch(
  { store, clock }: FacadeParts,
  call: Call,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { kind, namespace, matches, query, asTable } = call;
  const since = query.get("resourceVersion") ?? "";
  const initial = query.get("sendInitialEvents") === "true" || since === "" || since === "0";
  if (Number.isNaN(Number(since))) throw badRequest(`resourceVersion: Invalid value: ${JSON.stringify(since)}`);
  const bookmarks = query.get("allowWatchBookmarks") === "true";
  response.writeHead(200, { "content-type": "application/json", "transfer-encoding": "chunked" });
  response.flushHeaders();

  const start = store.revision();
  if (initial) {
    for (const object of store.list(kind, namespace)) if (matches(object)) write("ADDED", object);
    if (query.get("sendInitialEvents") === "true") bookmark(start, { "k8s.io/initial-events-end": "true" });
  }
  const stop = store.follow(initial ? start : Number(since), deliver);
  if (stop === "gone") {
    const error = new StatusError(410, "Expired", `too old resource version: ${since} (${start})`);
    response.end(`${JSON.stringify({ type: "ERROR", object: error.toStatus() })}\n`);
    return;
  }
  // Real time, not the world's: these keep a connection of this machine alive.
  const beat = bookmarks ? setInterval(() => bookmark(store.revision(), {}), bookmarkMs) : undefined;
  const seconds = Number(query.get("timeoutSeconds") ?? 0);
  const limit = seconds > 0 ? setTimeout(() => response.end(), seconds * 1000) : undefined;
  response.once("close", end);
  request.once("aborted", end);

  function deliver({ kind: changed, type, object, previous }: Change): void {
    if (changed !== kind || (namespace ?? object.metadata.namespace) !== object.metadata.namespace) return;
    const was = previous !== null && matches(previous);
    const is = type !== "DELETED" && matches(object);
    // An object that stops matching the selector is deleted as far as this watch is concerned, and the other way round.
    if (is) write(was ? "MODIFIED" : "ADDED", object);
    else if (was) write("DELETED", type === "DELETED" ? object : { ...object });
  }

  function write(type: string, object: KubeObject): void {
    const shown = asTable
      ? table(kind, [object], { nowMs: clock.nowMs(), revision: object.metadata.resourceVersion ?? "" })
      : served(object);
    response.write(`${JSON.stringify({ type, object: shown })}\n`);
  }

  function bookmark(revision: number, annotations: Record<string, string>): void {
    const metadata = {
      resourceVersion: String(revision),
      creationTimestamp: null,
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    };
    response.write(
      `${JSON.stringify({ type: "BOOKMARK", object: { kind: kind.kind, apiVersion: apiVersionOf(kind), metadata } })}\n`,
    );
  }

  function end(): void {
    if (typeof stop === "function") stop();
    clearInterval(beat);
    clearTimeout(limit);
  }
}
