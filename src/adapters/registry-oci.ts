import { createHash } from "node:crypto";
import { parseDigest, type Digest } from "../core/names.ts";
import { OutsideError } from "../core/problem.ts";
import { createRegistryCaller, parseObject, type Answer, type OciSettings } from "./registry-oci-call.ts";
import type { Registry } from "./registry.ts";

/** Any registry that speaks the OCI distribution API: GHCR, Docker Hub, GitLab, Harbor, Google, and the local one. */
export function createOciRegistry(settings: OciSettings): Registry {
  const call = createRegistryCaller(settings);

  return {
    async digest(repository, tag) {
      const head = await call("HEAD", repository, tag);
      if (head === null) return null;
      const named = parseDigest(head.headers.get("docker-content-digest"));
      if (named !== null && !isIndex(head)) return named;

      // The header is optional in the protocol; the digest itself is nothing but the content's hash.
      const manifest = await call("GET", repository, named ?? tag);
      if (manifest === null) return null;
      const digest = sha256(manifest.content);
      const what = `${repository}:${tag}`;
      if (named !== null && named !== digest) throw malformed(`${what} is not what its digest ${named} says`);
      if (!isIndex(manifest)) return digest;
      return (await hasEvery(repository, childrenOf(manifest.content, what))) ? digest : null;
    },
  };

  /** An index can be visible before the images it lists, and a pod that starts then cannot pull. So: not there yet. */
  async function hasEvery(repository: string, children: readonly Digest[]): Promise<boolean> {
    const found = await Promise.all(children.map((child) => call("HEAD", repository, child)));
    return found.every((child) => child !== null);
  }
}

const INDEX_TYPES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];

const isIndex = ({ headers }: Answer): boolean =>
  INDEX_TYPES.includes(headers.get("content-type")?.split(";")[0]?.trim() ?? "");

const sha256 = (content: Buffer): Digest => `sha256:${createHash("sha256").update(content).digest("hex")}` as Digest;

function childrenOf(index: Buffer, what: string): Digest[] {
  const body = parseObject(index);
  const manifests = "manifests" in body ? body.manifests : null;
  if (!Array.isArray(manifests)) throw malformed(`the index of ${what} lists no manifests`);
  if (manifests.length > MAX_CHILDREN)
    throw malformed(`the index of ${what} lists ${manifests.length} manifests, more than ${MAX_CHILDREN}`);
  return manifests.map((entry: unknown) => {
    const digest = parseDigest(typeof entry === "object" && entry !== null && "digest" in entry ? entry.digest : null);
    if (digest === null) throw malformed(`the index of ${what} lists a manifest without a sha256 digest`);
    return digest;
  });
}

/** More platforms and attestations than any image has: each is asked for, and whoever may push an index writes its length. */
const MAX_CHILDREN = 100;

const malformed = (detail: string): OutsideError => new OutsideError({ code: "invalid", detail, retryable: false });
