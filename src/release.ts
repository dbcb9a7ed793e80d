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
  readonly secret: CopiedSecretRef | null;
  readonly now: Millis;
}

/** Everything one revision puts into the cluster, rendered once; but for the Secret of a preview, whose values no record keeps. */
export function renderRelease(input: ReleaseInput, fx: Pick<Effects, "templates" | "installation">): Release {
  const { state, rev, plan, config, env, secret, now } = input;
  const { target } = state;
  const { owner, repo } = splitRepo(state.repo);
  const preview = target.kind === "preview";
  const namespace = namespaceOf(state, env);
  const host = preview
    ? previewHost(config.previews.host, { n: target.number, repo, owner, domain: fx.installation.domain })
    : (env?.host ?? null);
  const deadlineMs = env?.deadlineMs ?? PREVIEW_DEADLINE_MS;

  const patch = preview ? [] : patched(config, plan);
  const objects =
    patch.length > 0
      ? []
      : renderServices({
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
          secret,
        });
  const fences = preview
    ? renderPreviewBase({ templates: fx.templates, target, namespace, policy: fx.installation.previewPolicy })
    : [];
  return {
    rev,
    kind: plan.kind,
    sha: plan.sha,
    configRef: preview ? (state.seen?.base ?? "") : "default branch",
    key: releaseKey(plan.services),
    services: plan.services,
    objects: [...fences, ...objects],
    namespace,
    clusters: env?.clusters ?? ["default"],
    url: host === null ? null : fx.installation.publicUrl.replaceAll("{host}", host),
    actor: plan.actor,
    createdAt: now,
    bakeMs: env?.bakeMs ?? 0,
    deadlineMs,
    secrets: preview ? config.previews.secrets : null,
    rollback: env?.rollback ?? "off",
    pulls: plan.pulls,
    patch,
  };
}

/** Where a target's objects go: a preview's own, or the one that the environment's owner made. */
export function namespaceOf({ target, repo, placements }: TargetState, env: EnvironmentConfig | null): string {
  if (target.kind === "env") return env?.namespace ?? "";
  // Where it is, if it is anywhere: the repository may have had another name then.
  return placements["default"]?.namespace ?? previewNamespaceName({ ...splitRepo(repo), number: target.number });
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

/** The Secret a preview's pods take variables from, copied anew at each deployment and never kept: a release goes into the store. */
export async function previewSecret(
  target: Target,
  { secrets, namespace }: Pick<Release, "secrets" | "namespace">,
  fx: Effects,
): Promise<
  { kind: "copied"; secret: KubeObject | null; mount: CopiedSecretRef | null } | { kind: "refused"; because: string }
> {
  if (secrets === null || target.kind === "env") return { kind: "copied", secret: null, mount: null };
  const source = (await fx.clusters.get("default")?.secret(fx.installation.secretsNamespace, secrets.from)) ?? null;
  return copiedSecret({ templates: fx.templates, target, namespace, ...secrets, source });
}

/**
 * What a preview's pods were given in confidence, in the forms in which they may print it: for taking it out of their logs. A
 * value that was replaced since the copy is not known any more.
 */
export async function copiedValues(target: Target, release: Release, fx: Effects): Promise<string[]> {
  const copied = await previewSecret(target, release, fx);
  if (copied.kind === "refused" || copied.secret === null) return [];
  const data = copied.secret["data"] as Readonly<Record<string, string>>; // base64, as `copiedSecret` puts it there
  return Object.values(data).flatMap((encoded) => {
    const value = Buffer.from(encoded, "base64").toString();
    return [value, encoded, JSON.stringify(value).slice(1, -1), ...value.split("\n")];
  });
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
