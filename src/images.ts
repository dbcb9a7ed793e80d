import type { ServiceConfig } from "./core/config.ts";
import type { ImageSeen } from "./core/decision.ts";
import { isAllowedImage } from "./core/image.ts";
import { type RepoId, type RepoName, type Sha, splitRepo } from "./core/names.ts";
import type { Effects } from "./effects.ts";

/**
 * Each service's image for one commit, as a digest. What the ledger has is what runs; the registry is asked all the same, side
 * by side, so that a tag that was pushed again is noticed and said. Registries are only asked about images on the allow-list.
 */
export function resolveImages(
  { repoId, repo, services, sha }: { repoId: RepoId; repo: RepoName; services: readonly ServiceConfig[]; sha: Sha },
  fx: Effects,
): Promise<ImageSeen[]> {
  return Promise.all(
    services.map(async (service): Promise<ImageSeen> => {
      const image = service.image ?? defaultImage(fx.installation.defaultImage, repo, service.name);
      const tag = service.tag.replaceAll("{sha}", sha);
      const seen = { service: service.name, image, tag };
      if (!isAllowedImage(image, fx.installation.imageAllowList)) {
        const list = fx.installation.imageAllowList.join(", ");
        return {
          ...seen,
          found: {
            kind: "refused",
            because: `image ${image} of ${service.name} is not on this installation's list (${list})`,
          },
        };
      }
      const [kept, present] = await Promise.all([
        fx.store.digest(repoId, image, tag),
        fx.registries.resolve(image, tag),
      ]);
      if (kept !== null)
        return {
          ...seen,
          found: { kind: "digest", digest: kept, moved: present !== null && present !== kept ? present : null },
        };
      return {
        ...seen,
        found: present === null ? { kind: "absent" } : { kind: "digest", digest: present, moved: null },
      };
    }),
  );
}

/** Image names are lower case, whatever the repository's name is. */
function defaultImage(pattern: string, name: RepoName, service: string): string {
  const { owner, repo } = splitRepo(name);
  return pattern.replaceAll("{owner}", owner).replaceAll("{repo}", repo).replaceAll("{service}", service).toLowerCase();
}
