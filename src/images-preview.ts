import { changedServices } from "./core/changes.ts";
import type { RepoConfig } from "./core/config.ts";
import type { ImageSeen } from "./core/decision.ts";
import type { Sha, Target } from "./core/names.ts";
import type { TargetState } from "./core/state.ts";
import type { Effects } from "./effects.ts";
import type { PreviewTarget } from "./gather-preview.ts";
import { resolveImages } from "./images.ts";

/** The images of a pull request's services at one commit; one that it does not touch has what the base branch's environment runs. */
export async function previewImages(
  target: PreviewTarget,
  at: { readonly head: Sha; readonly base: string; readonly config: RepoConfig; readonly state: TargetState },
  fx: Effects,
): Promise<ImageSeen[]> {
  const { config, state } = at;
  const { installation, repo } = state;
  const own = (services: RepoConfig["services"]) =>
    resolveImages({ repoId: target.repoId, repo, services, sha: at.head }, fx);
  // One service that is the whole repository is always touched: no need to ask for the files.
  if (config.services.every(({ path }) => path === ".")) return own(config.services);
  const [files, staging] = await Promise.all([
    fx.github.installation(installation).changedFiles(repo, target.number),
    stagingDigests(target, at.base, config, fx),
  ]);
  const changed = changedServices(config, files);
  const fromStaging = (name: string) => (changed.has(name) ? undefined : staging[name]);
  const resolved = await own(config.services.filter(({ name }) => fromStaging(name) === undefined));
  return config.services.map((service): ImageSeen => {
    const digest = fromStaging(service.name);
    const found = resolved.find((image) => image.service === service.name);
    if (found !== undefined || digest === undefined) return found ?? unresolved(service.name);
    const image = digest.image;
    return { service: service.name, image, tag: "", found: { kind: "digest", digest: digest.digest, moved: null } };
  });
}

const unresolved = (service: string): ImageSeen => ({ service, image: service, tag: "", found: { kind: "absent" } });

/** What the environment that follows the base branch runs: the images of services a pull request does not touch. */
async function stagingDigests(target: PreviewTarget, base: string, config: RepoConfig, fx: Effects) {
  const environment = config.environments.find(({ from }) => from.kind === "branch" && from.branch === base);
  if (environment === undefined) return {};
  const staging: Target = { kind: "env", repoId: target.repoId, environment: environment.name };
  const { state } = await fx.store.load(staging);
  const release = state?.live ? await fx.store.release(staging, state.live.rev) : null;
  return Object.fromEntries((release?.services ?? []).map((service) => [service.name, service]));
}
