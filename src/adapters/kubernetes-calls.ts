import type { KubeObject } from "../core/manifests.ts";
import { OutsideError } from "../core/problem.ts";
import { refusal, thrown, type Refusal } from "./kubernetes-errors.ts";
import { list, object, parseBody, parsePage, text } from "./kubernetes-json.ts";
import { collectionPath, groupPath, knownResource, objectPath, type Resource } from "./kubernetes-paths.ts";
import { createSend, type Connection, type Send } from "./kubernetes-request.ts";
import type { KubeRequest } from "./kubernetes-transport.ts";

/** client-go's own size: https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks */
const PAGE = 500;

export type Written = { readonly kind: "done"; readonly value: unknown } | Exclude<Refusal, { kind: "problem" }>;

/** What the reads and the writes of one cluster share. */
export interface Calls {
  readonly send: Send;
  /** GET; null: 404. */
  readonly read: (what: string, path: string) => Promise<unknown>;
  /** Any other method: the object that came back, or why not. Problems of the connection or of our rights are thrown. */
  readonly write: (what: string, request: KubeRequest) => Promise<Written>;
  /** Every page of a list, from one snapshot. */
  readonly pages: (what: string, path: string, query?: Readonly<Record<string, string>>) => Promise<unknown[]>;
  /** Asks the cluster only about kinds that are not in our own list, once. */
  readonly paths: (target: KubeObject) => Promise<{ what: string; collection: string; object: string }>;
}

export function createCalls(connection: Connection): Calls {
  const send = createSend(connection);
  const discovered = new Map<string, Resource>();

  const read: Calls["read"] = async (what, path) => {
    const reply = await send({ method: "GET", path });
    if (reply.status === 200) return parseBody(reply.text);
    const refused = refusal(what, false, reply);
    if (refused.kind === "missing") return null;
    throw thrown(refused);
  };

  const snapshot = async (what: string, path: string, query: Readonly<Record<string, string>>) => {
    const items: unknown[] = [];
    for (let more: Record<string, string> | null = {}; more !== null;) {
      const reply = await send({ method: "GET", path, query: { ...query, limit: String(PAGE), ...more } });
      if (reply.status !== 200) return refusal(what, false, reply);
      const page = parsePage(parseBody(reply.text));
      items.push(...page.items);
      more = page.next === null ? null : { continue: page.next };
    }
    return items;
  };

  const resource = async (apiVersion: string, kind: string): Promise<Resource> => {
    const found = knownResource(apiVersion, kind) ?? discovered.get(`${apiVersion}/${kind}`);
    if (found !== undefined) return found;
    const resources = list(object(await read(`list resources ${apiVersion}`, groupPath(apiVersion)))["resources"]).map(
      object,
    );
    // `deployments/scale` and other subresources carry kinds as well.
    const match = resources.find((entry) => entry["kind"] === kind && !text(entry["name"]).includes("/"));
    if (match === undefined) {
      const detail = `This cluster does not know ${kind} in ${apiVersion}: install what defines it, or take the object out.`;
      throw new OutsideError({ code: "invalid", detail, retryable: false });
    }
    const fresh = { plural: text(match["name"]), namespaced: match["namespaced"] === true };
    discovered.set(`${apiVersion}/${kind}`, fresh);
    return fresh;
  };

  return {
    send,
    read,

    async write(what, request) {
      const reply = await send(request);
      if (reply.status >= 200 && reply.status < 300)
        return { kind: "done", value: parseBody(reply.text, "unknown-result") };
      const refused = refusal(what, true, reply);
      if (refused.kind === "problem") throw thrown(refused);
      return refused;
    },

    async pages(what, path, query = {}) {
      let items = await snapshot(what, path, query);
      // etcd compacted what the next page was to be read from. Half a list is no list: once more from the beginning.
      if ("kind" in items && items.kind === "expired") items = await snapshot(what, path, query);
      if ("kind" in items) throw thrown(items);
      return items;
    },

    async paths(target) {
      const found = await resource(target.apiVersion, target.kind);
      const { name, namespace } = target.metadata;
      return {
        what: `${found.plural} ${namespace === undefined ? name : `${namespace}/${name}`}`,
        collection: collectionPath(target, found),
        object: objectPath(target, found),
      };
    },
  };
}
