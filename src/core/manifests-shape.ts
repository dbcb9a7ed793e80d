import { hash, stable } from "./hash.ts";
import type { KubeObject } from "./manifests.ts";
import { ANNOTATION } from "./names.ts";

/**
 * What writing a rendered Deployment over the live one takes. Equal shapes differ by the image only, which one JSON Patch
 * replaces; anything else, or a Deployment that carries no shape, needs a full apply.
 */
export function diffShape(live: Readonly<Record<string, string>>, rendered: KubeObject): "image-only" | "apply" {
  return live[ANNOTATION.shape] === shapeOf(rendered) ? "image-only" : "apply";
}

/**
 * Names everything in a rendered Deployment that is neither the service's image nor Proa's own annotations. A sidecar's image,
 * from an installation's template, is part of the shape.
 */
export function shapeOf(deployment: KubeObject): string {
  const { metadata } = deployment;
  const foreign = Object.entries(metadata.annotations ?? {}).filter(([name]) => !name.startsWith("proa.dev/"));
  return hash(
    stable({
      ...deployment,
      metadata: { ...metadata, annotations: Object.fromEntries(foreign) },
      spec: withoutImageOf(metadata.name, deployment["spec"]),
    }),
  );
}

/** The service's container has the Deployment's name. */
function withoutImageOf(container: string, part: unknown): unknown {
  if (Array.isArray(part)) return part.map((item) => withoutImageOf(container, item));
  if (typeof part !== "object" || part === null) return part;
  const fields = new Map<string, unknown>(Object.entries(part));
  if (fields.get("name") === container) fields.delete("image");
  return Object.fromEntries([...fields].map(([key, value]) => [key, withoutImageOf(container, value)]));
}

export function withShape(deployment: KubeObject): KubeObject {
  const { metadata } = deployment;
  const annotations = { ...metadata.annotations, [ANNOTATION.shape]: shapeOf(deployment) };
  return { ...deployment, metadata: { ...metadata, annotations } };
}
