import type { EnvironmentConfig, RepoConfig } from "./core/config.ts";
import { type DeployPlan, releaseKey } from "./core/decision.ts";
import { withDigest } from "./core/image.ts";
import type { KubeObject } from "./core/manifests.ts";
import { type CopiedSecretRef, copiedSecret, renderPreviewBase } from "./core/manifests-preview.ts";
import { renderServices } from "./core/manifests-services.ts";
import { ANNOTATION, type Millis, type Revision, splitRepo, type Target, targetId } from "./core/names.ts";
import { previewHost, previewNamespaceName, serviceHosts } from "./core/places.ts";
import type { PatchedWorkload, Release, TargetState } from "./core/state.ts";
import type { Effects } from "./effects.ts";

/** How long a preview's rollout may take; environments say it themselves. */
const PREVIEW_DEADLINE_MS = 10 * 60_000;

interface ReleaseInput {
  readonly state: TargetState;
  readonly rev: Revision;
  readonly plan: DeployPlan;
  readonly config: RepoConfig;
  readonly env: EnvironmentConfig | null;
  readonly now: Millis;
}

/** Everything one revision puts into the cluster, rendered once; `refused`: an input of the cluster's owner is missing. */
export async function renderRelease(
  input: ReleaseInput,
  fx: Effects,
): Promise<{ kind: "release"; release: Release } | { kind: "refused"; because: string }> {
  const { state, rev, plan, config, env, now } = input;
  const { target } = state;
  const { owner, repo } = splitRepo(state.repo);
  const preview = target.kind === "preview";
  const namespace = preview ? previewNamespaceName({ owner, repo, number: target.number }) : (env?.namespace ?? "");
  const host = preview ? previewHost(config.previews.host, { n: target.number, repo, owner, domain: fx.installation.domain }) : (env?.host ?? null);
  const deadlineMs = env?.deadlineMs ?? PREVIEW_DEADLINE_MS;

  const copied = preview ? await secretsFor(target, namespace, config, fx) : { objects: [], mount: null };
  if ("refused" in copied) return { kind: "refused", because: copied.refused };
  const patch = preview ? [] : patched(config, plan);
  const objects = patch.length > 0 ? [] : renderServices({
    templates: fx.templates,
    target,
    namespace,
    revision: rev,
    commit: plan.sha,
    services: plan.services.flatMap(({ name, image, digest }) => {
      const service = config.services.find((candidate) => candidate.name === name);
      return service === undefined ? [] : [{ config: service, image, digest }];
    }),
    hosts: serviceHosts(config.services, host),
    ingressClassName: fx.installation.ingressClass,
    deadlineMs,
    secret: copied.mount,
  });
  const fences = preview ? renderPreviewBase({ templates: fx.templates, target, namespace, policy: fx.installation.previewPolicy }) : [];
  const release: Release = {
    rev,
    kind: plan.kind,
    sha: plan.sha,
    configRef: preview ? (state.seen?.base ?? "") : "default branch",
    key: releaseKey(plan.services),
    services: plan.services,
    objects: [...fences, ...copied.objects, ...objects],
    namespace,
    clusters: env?.clusters ?? ["default"],
    url: host === null ? null : fx.installation.publicUrl.replaceAll("{host}", host),
    actor: plan.actor,
    createdAt: now,
    bakeMs: env?.bakeMs ?? 0,
    deadlineMs,
    rollback: env?.rollback ?? "off",
    pulls: plan.pulls,
    patch,
  };
  return { kind: "release", release };
}

/** An earlier release as a new revision: its own objects and digests, only the record of who wrote them is new. */
export function again(earlier: Release, { rev, plan, now }: Pick<ReleaseInput, "rev" | "plan" | "now">): Release {
  const objects = earlier.objects.map((object): KubeObject => {
    if (object.kind !== "Deployment") return object;
    const annotations = { ...object.metadata.annotations, [ANNOTATION.revision]: `${rev}` };
    return { ...object, metadata: { ...object.metadata, annotations } };
  });
  return { ...earlier, rev, kind: "rollback", objects, actor: plan.actor, createdAt: now, pulls: plan.pulls };
}

/** In patch mode Proa owns an image field of Deployments that exist already, and nothing else. */
function patched(config: RepoConfig, plan: DeployPlan): PatchedWorkload[] {
  const { deploy } = config;
  if (deploy.kind !== "patch") return [];
  return plan.services.flatMap(({ name, image, digest }) => {
    const workload = deploy.workloads[name];
    return workload === undefined ? [] : [{ service: name, ...workload, image: withDigest(image, digest) }];
  });
}

async function secretsFor(
  target: Extract<Target, { kind: "preview" }>,
  namespace: string,
  config: RepoConfig,
  fx: Effects,
): Promise<{ objects: KubeObject[]; mount: CopiedSecretRef | null } | { refused: string }> {
  const { secrets } = config.previews;
  if (secrets === null) return { objects: [], mount: null };
  const source = (await fx.clusters.get("default")?.secret(fx.installation.secretsNamespace, secrets.from)) ?? null;
  const copied = copiedSecret({ templates: fx.templates, target, namespace, from: secrets.from, keys: secrets.keys, source });
  return copied.kind === "refused" ? { refused: copied.because } : { objects: [copied.secret], mount: copied.mount };
}

/** The annotations by which a Deployment says who wrote it, and from what. */
export function ownership(release: Release, target: Target, digest: string): Record<string, string> {
  return {
    [ANNOTATION.target]: targetId(target),
    [ANNOTATION.revision]: `${release.rev}`,
    [ANNOTATION.commit]: release.sha,
    [ANNOTATION.digest]: digest,
  };
}
