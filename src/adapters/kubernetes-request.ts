import type { Millis } from "../core/names.ts";
import { OutsideError } from "../core/problem.ts";
import type { ClusterAccess, Entry } from "./cluster-access.ts";
import { createExchange, type KubeReply, type KubeRequest, NoAnswer } from "./kubernetes-transport.ts";

export type Send = (request: KubeRequest) => Promise<KubeReply>;

export interface Connection {
  readonly access: ClusterAccess;
  /** Of one request, from the first look for the host to the answer's last byte. */
  readonly timeoutMs: Millis;
}

/**
 * Sends one request and answers whatever the API server said. Throws `OutsideError` only where there was no answer (`unavailable` when
 * nothing was sent or nothing was changed, `unknown-result` when a write may have taken effect), where there are no credentials, or
 * where a person has to give us some.
 */
export function createSend({ access, timeoutMs }: Connection): Send {
  const exchange = createExchange(timeoutMs);

  /**
   * A kept connection may have been closed while the process was frozen or idle, which shows only when it is written to. A read is simply
   * asked again; a write is not, where the other side may have received it.
   */
  const ask = async (entry: Entry, request: KubeRequest): Promise<KubeReply> => {
    try {
      return await exchange(entry, request);
    } catch (error) {
      const isSafe = error instanceof NoAnswer && error.broken && (request.method === "GET" || !error.sent);
      if (!isSafe) throw error;
      return await exchange(entry, request);
    }
  };

  /** Nothing was sent where nobody was there: safe to send where the cluster is now. */
  const reach = async (entry: Entry, request: KubeRequest): Promise<KubeReply> => {
    try {
      return await ask(entry, request);
    } catch (error) {
      if (!(error instanceof NoAnswer) || error.sent) throw error;
      access.lost(entry);
      const elsewhere = await access.enter();
      if (elsewhere.server === entry.server) throw error;
      return ask(elsewhere, request);
    }
  };

  /** A request that was answered 401 was never looked at, so with new credentials it is safe to send it again. */
  const admitted = async (request: KubeRequest): Promise<KubeReply> => {
    const entry = await access.enter();
    const reply = await reach(entry, request);
    if (reply.status !== 401) return reply;
    access.renew(entry);
    return reach(await access.enter(), request);
  };

  return async (request) => {
    try {
      const reply = await admitted(request);
      const advice = reply.status === 401 ? access.advice("unauthorized") : null;
      if (advice === null) return reply;
      throw new OutsideError({ code: "forbidden", detail: advice, retryable: true, advice });
    } catch (error) {
      throw error instanceof NoAnswer ? problemOf(request, error, access) : error;
    }
  };
}

function problemOf({ method, path }: KubeRequest, cause: NoAnswer, access: ClusterAccess): OutsideError {
  const advice = cause.sent ? null : access.advice("unreachable");
  const detail = [`${method} ${path}: ${cause.message}`, ...(advice === null ? [] : [advice])].join(" — ");
  const code = cause.sent && method !== "GET" ? "unknown-result" : "unavailable";
  return new OutsideError({ code, detail, retryable: true, ...(advice === null ? {} : { advice }) }, { cause });
}
