import type { GitHubApp } from "./adapters/github.ts";
import type { Kubernetes } from "./adapters/kubernetes.ts";
import type { Queue } from "./adapters/queue.ts";
import type { Registries } from "./adapters/registry.ts";
import type { Store } from "./adapters/store.ts";
import type { Clock } from "./clock.ts";
import type { Templates } from "./core/manifests.ts";
import type { PreviewPolicy } from "./core/manifests-preview.ts";
import type { Log } from "./log.ts";
import type { Recent } from "./recent.ts";

/** What the deployer may touch, built once per process by `compose.ts`. */
export interface Effects {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: Store;
  readonly queue: Queue;
  readonly github: GitHubApp;
  readonly registries: Registries;
  /** By the name that `environments.*.clusters` uses; previews live in `default`. */
  readonly clusters: ReadonlyMap<string, Kubernetes>;
  readonly templates: Templates;
  readonly recent: Recent;
  readonly installation: InstallationSettings;
}

/** What whoever runs Proa decided, beyond any repository's reach. */
export interface InstallationSettings {
  readonly appId: number;
  /** Globs an image's name must match. */
  readonly imageAllowList: readonly string[];
  /** `{owner}`, `{repo}`, `{service}`: the image of a service that names none. */
  readonly defaultImage: string;
  /** The domain below which previews answer. */
  readonly domain: string;
  /** `{host}` becomes the address people click. */
  readonly publicUrl: string;
  readonly ingressClass: string | null;
  readonly previewPolicy: PreviewPolicy;
  /** Where the Secrets are that previews may copy from, each opted in by its labels. */
  readonly secretsNamespace: string;
  readonly previewCaps: { readonly cpu: string; readonly memory: string };
  /** Pod logs in reports of public repositories; private ones always have them. */
  readonly logsInPublic: boolean;
}
