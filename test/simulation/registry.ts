import type { Registries } from "../../src/adapters/registry.ts";
import { isTag, parseImageName } from "../../src/core/image.ts";
import { type Digest, type Millis, parseDigest } from "../../src/core/names.ts";
import { OutsideError } from "../../src/core/problem.ts";
import type { Sim, Sync } from "./sim.ts";

/** Every registry of the world in one: tags that name digests, which can be late, moved, or deleted. */
export interface RegistryModel {
  readonly registries: Sync<Registries>;
  /** The digest can be pulled at once; its tag is seen `lateMs` later. */
  push(image: string, tag: string, digest: Digest, lateMs?: Millis): void;
  /** The same tag from now on names another digest. */
  move(image: string, tag: string, digest: Digest): void;
  /** Tag and digest: as a retention policy deletes. */
  remove(image: string, tag: string): void;
  /** What the tag named first; what was tested under it. */
  first(image: string, tag: string): Digest | null;
  now(image: string, tag: string): Digest | null;
}

export function createRegistryModel(sim: Sim): RegistryModel {
  const tags = new Map<string, Digest>();
  const firsts = new Map<string, Digest>();
  const digests = new Set<string>();
  const reference = (image: string, tag: string): string => `${image}:${tag}`;

  function name(image: string, tag: string, digest: Digest): void {
    const key = reference(image, tag);
    tags.set(key, digest);
    if (!firsts.has(key)) firsts.set(key, digest);
    sim.note(`registry ${key.slice(-52)} is ${digest.slice(7, 19)}`);
  }

  return {
    registries: {
      resolve: (image, asked) => {
        if (parseImageName(image) === null || !(isTag(asked) || parseDigest(asked) !== null)) {
          const detail = `${image}:${asked} is not an image: write it as registry.example/team/name, with its host and in lower case`;
          throw new OutsideError({ code: "invalid", detail, retryable: false });
        }
        const digest = parseDigest(asked);
        if (digest !== null) return digests.has(`${image}@${digest}`) ? digest : null;
        return tags.get(reference(image, asked)) ?? null;
      },
    },

    push: (image, tag, digest, lateMs = 0) => {
      digests.add(`${image}@${digest}`);
      if (lateMs === 0) return name(image, tag, digest);
      sim.at(lateMs, `tag ${tag.slice(0, 7)} of ${image}`, () => name(image, tag, digest));
    },

    move: (image, tag, digest) => {
      digests.add(`${image}@${digest}`);
      if (tags.has(reference(image, tag))) name(image, tag, digest);
    },

    remove: (image, tag) => {
      const digest = tags.get(reference(image, tag));
      if (digest === undefined) return;
      tags.delete(reference(image, tag));
      digests.delete(`${image}@${digest}`);
      sim.note(`registry lost ${tag.slice(0, 7)} of ${image}`);
    },

    first: (image, tag) => firsts.get(reference(image, tag)) ?? null,
    now: (image, tag) => tags.get(reference(image, tag)) ?? null,
  };
}
