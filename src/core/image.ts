import type { Digest } from "./names.ts";

/** `registry.example/acme/shop-web` taken apart: an image's name without tag and digest. */
export interface ImageName {
  /** With the port, where there is one. */
  readonly host: string;
  readonly repository: string;
}

/**
 * null: not a name we take. The host must be written out: `acme/shop` means Docker Hub to Docker and something else to a
 * node with a mirror, and what is deployed must not depend on the node.
 */
export function parseImageName(text: unknown): ImageName | null {
  if (typeof text !== "string" || text.length > 255) return null;
  const slash = text.indexOf("/");
  const host = text.slice(0, Math.max(slash, 0));
  const repository = text.slice(slash + 1);
  return isRegistryHost(host) && isRepository(repository) ? { host, repository } : null;
}

/** What Docker takes for a host and not for a Docker Hub user: it has a dot or a port, or is `localhost`. Lower case only. */
function isRegistryHost(text: string): boolean {
  const label = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?";
  const wellFormed = new RegExp(`^${label}(?:\\.${label})*(?::[0-9]{1,5})?$`).test(text);
  return wellFormed && (/[.:]/.test(text) || text === "localhost");
}

// Both grammars: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
export const isRepository = (text: string): boolean =>
  /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/.test(text);

export const isTag = (text: string): boolean => /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(text);

export const withTag = (image: string, tag: string): string => `${image}:${tag}`;

/** The only form in which an image reaches a cluster: a tag can move between two pods of one rollout. */
export const withDigest = (image: string, digest: Digest): string => `${image}@${digest}`;

/**
 * Whether an installation may deploy this image. Globs over the whole name: `*` stays within one path segment, `**` crosses
 * them (`registry.example/acme/**`). An empty list allows nothing, and neither does a name that does not parse.
 */
export function isAllowedImage(image: string, allowed: readonly string[]): boolean {
  return parseImageName(image) !== null && allowed.some((glob) => globPattern(glob).test(image));
}

function globPattern(glob: string): RegExp {
  const parts = glob.split(/(\*{1,2})/).map((part) => {
    if (part === "**") return ".*";
    return part === "*" ? "[^/]*" : part.replaceAll(/[^\w/]/g, "\\$&");
  });
  return new RegExp(`^${parts.join("")}$`);
}
