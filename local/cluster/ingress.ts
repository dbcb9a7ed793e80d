import type { V1Ingress, V1Pod, V1Service } from "@kubernetes/client-node";

import { kindNamed } from "./kinds.ts";
import type { ObjectStore } from "./store.ts";

export interface Ingress<Address> {
  readonly route: (host: string, path: string) => Address | "unavailable" | null;
  readonly hosts: () => string[];
}

/**
 * An ingress controller's routing, over the pods themselves: a pod is in from its Ready condition until its deletion begins,
 * both of which one and the same cache shows in order, so that a rolling update has no moment without an endpoint.
 */
export function newIngress<Address>(
  store: Pick<ObjectStore, "get" | "list">,
  addressOf: (pod: V1Pod, port: number) => Address | undefined,
): Ingress<Address> {
  let turn = 0;
  return {
    route(host, path) {
      const backend = backendFor(host.toLowerCase().replace(/:\d+$/, ""), path);
      if (backend === null) return null;
      const addresses = endpoints(backend);
      turn += 1;
      return addresses[turn % addresses.length] ?? "unavailable";
    },
    hosts: () => [...new Set(rules().flatMap(({ host }) => (host === undefined ? [] : [host])))].sort(),
  };

  function rules() {
    const ingresses = store.list(kindNamed("Ingress")) as unknown as V1Ingress[]; // checked by the schema at the door
    return ingresses.flatMap(({ metadata, spec }) =>
      (spec?.rules ?? []).map((rule) => ({ host: rule.host, http: rule.http, namespace: metadata?.namespace ?? "" })),
    );
  }

  function backendFor(
    host: string,
    path: string,
  ): { namespace: string; service: string; port: number | string } | null {
    const matching = rules()
      .filter((rule) => matches(rule.host, host))
      // An exact host comes before a wildcard, then the longest path, Exact before Prefix of the same length.
      .sort((left, right) => Number(right.host === host) - Number(left.host === host));
    for (const { namespace, http } of matching) {
      const paths = (http?.paths ?? []).filter((rule) =>
        rule.pathType === "Exact" ? rule.path === path : underPrefix(path, rule.path ?? "/"),
      );
      const [best] = paths.sort(
        (a, b) =>
          (b.path ?? "/").length - (a.path ?? "/").length ||
          Number(b.pathType === "Exact") - Number(a.pathType === "Exact"),
      );
      const service = best?.backend.service;
      if (service !== undefined)
        return { namespace, service: service.name, port: service.port?.name ?? service.port?.number ?? 80 };
    }
    return null;
  }

  function endpoints({
    namespace,
    service,
    port,
  }: {
    namespace: string;
    service: string;
    port: number | string;
  }): Address[] {
    const found = store.get(kindNamed("Service"), namespace, service) as unknown as V1Service | undefined;
    const servicePort = found?.spec?.ports?.find((candidate) => candidate.port === port || candidate.name === port);
    const selector = Object.entries(found?.spec?.selector ?? {});
    if (servicePort === undefined || selector.length === 0) return [];
    const target = servicePort.targetPort ?? servicePort.port;
    const pods = store.list(kindNamed("Pod"), namespace) as unknown as V1Pod[];
    return pods.flatMap((pod) => {
      const { metadata, spec, status } = pod;
      if (
        metadata?.deletionTimestamp !== undefined ||
        !selector.every(([label, value]) => metadata?.labels?.[label] === value)
      )
        return [];
      if (!(status?.conditions ?? []).some(({ type, status: is }) => type === "Ready" && is === "True")) return [];
      const named = (spec?.containers ?? []).flatMap(({ ports }) => ports ?? []).find(({ name }) => name === target);
      const address = addressOf(pod, typeof target === "number" ? target : (named?.containerPort ?? Number(target)));
      return address === undefined ? [] : [address];
    });
  }
}

/** `*.shop.localhost` stands for exactly one label, as in an Ingress rule. */
function matches(rule: string | undefined, host: string): boolean {
  if (rule === undefined || rule === host) return true;
  return rule.startsWith("*.") && host.slice(host.indexOf(".")) === rule.slice(1);
}

/** Element by element: `/foo` covers `/foo` and `/foo/bar`, not `/foobar`. */
function underPrefix(path: string, prefix: string): boolean {
  const clean = prefix.replace(/\/$/, "");
  return path === clean || path.startsWith(`${clean}/`);
}
