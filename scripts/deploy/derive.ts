import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { parseEcrHost } from "../../src/adapters/registry-ecr.ts";
import { refuse, SettingsError } from "../../src/settings-read.ts";
import { clusters } from "../../src/settings.ts";
import type { Package } from "../package.ts";
import { type Artifacts, bundleKey } from "./artifacts.ts";

export interface Place {
  readonly account: string;
  readonly region: string;
  readonly partition: string;
}

/** `WebhookCode` and its like: which bundle each function runs. */
export function codeParameters(
  stack: string,
  { bucket }: Artifacts,
  packages: readonly Package[],
): Record<string, string> {
  const keys = packages.map((item) => [
    `${item.name[0]?.toUpperCase()}${item.name.slice(1)}Code`,
    bundleKey(stack, item),
  ]);
  return { CodeBucket: bucket, ...Object.fromEntries(keys) };
}

export interface Access {
  readonly parameters: Readonly<Record<string, string>>;
  /** Sentences about what could not be understood. */
  readonly problems: readonly string[];
}

/** What `Clusters` and `Images` mean in ARNs, so that nobody writes the same thing twice and the rights fit what is used. */
export function accessOf(
  { Clusters, Images }: { readonly Clusters: string | undefined; readonly Images: string | undefined },
  place: Place,
): Access {
  const repositories = Images === undefined ? {} : { EcrRepositoryArns: repositoryArns(Images, place).join(",") };
  if (Clusters === undefined) return { parameters: repositories, problems: [] };
  try {
    return { parameters: { ...repositories, ClusterArns: clusterArns(Clusters, place).join(",") }, problems: [] };
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return {
      parameters: repositories,
      problems: error.mistakes.map(({ wrong, remedy }) => `Clusters ${wrong}: ${remedy}`),
    };
  }
}

export const isAccessParameter = (name: string): boolean => name === "ClusterArns" || name === "EcrRepositoryArns";

/** As the functions read it; in the deployer's own account, which is where it may describe clusters. */
function clusterArns(text: string, { partition, account, region }: Place): string[] {
  const arns = clusters({ PROA_CLUSTERS: text }).map((cluster) =>
    cluster.kind === "eks"
      ? `arn:${partition}:eks:${cluster.region ?? region}:${account}:cluster/${cluster.cluster}`
      : refuse(
          "PROA_CLUSTERS",
          `names a file for "${cluster.name}"`,
          "on AWS there are none: write name=eks:<cluster>[@region]",
        ),
  );
  return [...new Set(arns)].sort();
}

/** The images of ECR among the allowed ones. `*` and `**` both become IAM's `*`, which matches slashes as well. */
function repositoryArns(images: string, { partition }: Place): string[] {
  const arns = images.split(/[,\n]/).flatMap((image) => {
    const [host = "", ...path] = image.trim().split("/");
    const ecr = parseEcrHost(host);
    const repository = path.join("/").replaceAll(/[^a-z0-9._/-]+/g, "*");
    return ecr === null ? [] : [`arn:${partition}:ecr:${ecr.region}:${ecr.account}:repository/${repository}`];
  });
  return [...new Set(arns)].sort();
}

/** The package's version and the commit: `0.1.0+4f2c1d98a0b1`, with `.dirty` where what is deployed is not committed. */
export function versionOf(root: string): string {
  const { version } = JSON.parse(readFileSync(`${root}/package.json`, "utf8")) as { version: string };
  const git = (...args: string[]): string =>
    execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    const commit = git("rev-parse", "--short=12", "HEAD");
    const changed = git(
      "status",
      "--porcelain",
      "--",
      "functions",
      "src",
      "templates",
      "infra",
      "scripts",
      "package-lock.json",
    );
    return `${version}+${commit}${changed === "" ? "" : ".dirty"}`;
  } catch {
    // No git, or a checkout without its history: then the release is known by its number.
    return version;
  }
}
