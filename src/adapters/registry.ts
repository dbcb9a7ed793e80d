import type { Digest } from "../core/names.ts";

/** A container registry, asked one question. Two real ones: any OCI registry (`registry-oci.ts`) and ECR (`registry-ecr.ts`). */
export interface Registry {
  /**
   * The digest a tag names now (an index counts as one image; its digest is the index's). null: the tag does not exist.
   * Everything else (no right to read, throttled, down) throws `OutsideError`.
   */
  digest(repository: string, tag: string): Promise<Digest | null>;
}

/** Finds the registry for an image's host: `registry.example/acme/shop-web` → that host's registry and `acme/shop-web`. */
export interface Registries {
  resolve(image: string, tag: string): Promise<Digest | null>;
}
