import { type Ingress, newIngress } from "./ingress.ts";
import { kindNamed } from "./kinds.ts";
import type { KubeObject } from "./object.ts";
import type { PodPort } from "./tunnels.ts";

/** What an ingress controller would do with the objects of these namespaces as they are now. */
export async function readIngress(
  namespaces: readonly string[],
  list: <T>(path: string) => Promise<T[]>,
): Promise<Ingress<PodPort>> {
  const objects = await Promise.all(
    ROUTED.map(async ({ kind, group }): Promise<[string, KubeObject[]]> => {
      const { plural } = kindNamed(kind);
      const found = namespaces.map((name) => list<KubeObject>(`${group}/namespaces/${name}/${plural}`));
      return [kind, (await Promise.all(found)).flat()];
    }),
  );
  const byKind = new Map(objects);
  const listed = ({ kind }: { kind: string }, namespace?: string): KubeObject[] =>
    (byKind.get(kind) ?? []).filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace);
  const get = (kind: { kind: string }, namespace: string | undefined, name: string) =>
    listed(kind, namespace).find(({ metadata }) => metadata.name === name);
  return newIngress<PodPort>({ list: listed, get }, ({ metadata }, port) => {
    return { namespace: metadata?.namespace ?? "", pod: metadata?.name ?? "", port };
  });
}

const ROUTED = [
  { kind: "Ingress", group: "/apis/networking.k8s.io/v1" },
  { kind: "Service", group: "/api/v1" },
  { kind: "Pod", group: "/api/v1" },
] as const;
