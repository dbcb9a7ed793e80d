import diagnostics from "node:diagnostics_channel";
import type { ClientRequest } from "node:http";

/**
 * Every host that this process asks over HTTP from here on, with its port: undici's requests (fetch, Octokit, the Kubernetes
 * client) and those of node:http (the AWS SDK). Both tell of a request before it is sent.
 * https://nodejs.org/api/diagnostics_channel.html#http and https://undici.nodejs.org/#/docs/api/DiagnosticsChannel
 */
export function watchOutgoing(): { readonly hosts: ReadonlySet<string>; stop(): void } {
  const hosts = new Set<string>();
  const byUndici = (message: unknown): void => {
    const { request } = message as { request: { origin: string | URL } };
    hosts.add(new URL(request.origin).host);
  };
  const byHttp = (message: unknown): void => {
    const { request } = message as { request: ClientRequest };
    hosts.add(`${request.host}:${portOf(request)}`);
  };
  diagnostics.subscribe("undici:request:create", byUndici);
  diagnostics.subscribe("http.client.request.created", byHttp);
  return {
    hosts,
    stop() {
      diagnostics.unsubscribe("undici:request:create", byUndici);
      diagnostics.unsubscribe("http.client.request.created", byHttp);
    },
  };
}

/** The Host header has the name that was asked for; the request itself keeps no port. */
const portOf = (request: ClientRequest): string =>
  String(request.getHeader("host") ?? "").split(":")[1] ?? (request.protocol === "https:" ? "443" : "80");
