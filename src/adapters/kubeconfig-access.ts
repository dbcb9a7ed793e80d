import type { KubeConfig } from "@kubernetes/client-node";
import type { OutgoingHttpHeaders } from "node:http";
import type { RequestOptions } from "node:https";
import { OutsideError } from "../core/problem.ts";
import type { ApiServer, ClusterAccess, Entry } from "./cluster-access.ts";

/**
 * As kubectl would: certificates, tokens, exec plugins, proxies. client-node reads and applies all of it; the transport is ours.
 * @param text with files named in full; nothing is read before the first `enter`
 * @param context null: its current one
 */
export function kubeconfigAccess(text: string, context: string | null = null): ClusterAccess {
  let config: Promise<KubeConfig> | null = null;
  let entering: Promise<Entry> | null = null;
  let fixed: Entry | null = null;
  let last: { readonly id: string; readonly server: ApiServer } | null = null;

  async function enter(): Promise<Entry> {
    const read = await (config ??= load(text, context));
    const { server, headers } = await credentialsOf(read);
    // Certificates that an exec plugin renews are another server's: connections are made as whoever the certificate names.
    const { url, tls } = server;
    const id = [url, tls.ca, tls.cert, tls.key, tls.servername, tls.rejectUnauthorized].map(String).join("\n");
    if (last?.id !== id) last = { id, server };
    const entry = { server: last.server, headers };
    if (isFixed(read)) fixed = entry;
    return entry;
  }

  return {
    async enter() {
      if (fixed !== null) return fixed;
      // Those who ask at the same time share one run of an exec plugin.
      entering ??= enter().finally(() => (entering = null));
      try {
        return await entering;
      } catch (cause) {
        config = null;
        const detail = `Proa could not get its credentials for the cluster: ${cause instanceof Error ? cause.message : String(cause)}`;
        throw new OutsideError({ code: "unavailable", detail, retryable: true }, { cause });
      }
    },
    renew() {
      // It keeps what a plugin said and what was in a token's file.
      config = null;
      fixed = null;
    },
    lost: () => undefined,
    advice: () => null,
  };
}

async function load(text: string, context: string | null): Promise<KubeConfig> {
  const { KubeConfig } = await import("./kubeconfig.ts");
  const config = new KubeConfig();
  config.loadFromString(text);
  if (context !== null) config.setCurrentContext(context);
  if (config.getCurrentCluster() === null) {
    const wanted = context === null ? "current context names no cluster" : `context "${context}" names no cluster`;
    throw new Error(
      `the kubeconfig's ${wanted}: set \`current-context\`, or name another after the path (path#context)`,
    );
  }
  return config;
}

/** Neither a plugin nor a file has a say in it. */
function isFixed(config: KubeConfig): boolean {
  const [cluster, user] = [config.getCurrentCluster(), config.getCurrentUser()];
  const changing: unknown[] = [user?.exec, user?.authProvider, user?.certFile, user?.keyFile, cluster?.caFile];
  return !changing.some(Boolean);
}

type Applied = Omit<RequestOptions, "headers"> & { servername?: string; headers?: OutgoingHttpHeaders };

async function credentialsOf(config: KubeConfig): Promise<Entry> {
  const cluster = config.getCurrentCluster();
  const applied: Applied = {};
  await config.applyToHTTPSOptions(applied);
  const { ca, cert, key, servername, rejectUnauthorized, auth, agent } = applied;
  const material = { ca, cert, key, servername, ...(rejectUnauthorized === false ? { rejectUnauthorized } : {}) };
  return {
    server: {
      url: cluster?.server ?? "",
      tls: Object.fromEntries(Object.entries(material).filter(([, value]) => value !== undefined)),
      ...(cluster?.proxyUrl === undefined || typeof agent !== "object" ? {} : { agent }),
    },
    headers: {
      ...headersOf(applied),
      ...(typeof auth === "string" ? { authorization: `Basic ${Buffer.from(auth).toString("base64")}` } : {}),
    },
  };
}

function headersOf({ headers = {} }: Applied): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));
}
