import { isRepository } from "./core/image.ts";
import { DEFAULT_PREVIEW_POLICY } from "./core/manifests-preview.ts";
import { parseQuantity } from "./core/quantity.ts";
import type { InstallationSettings } from "./effects.ts";
import { Secret } from "./secret.ts";
import {
  type Environment,
  isPlainUrl,
  items,
  json,
  matching,
  optional,
  privateKey,
  type Reader,
  refuse,
  required,
  together,
} from "./settings-read.ts";
import { appId, webhookSecrets } from "./settings-webhook.ts";

export type ClusterSettings =
  | {
      readonly name: string;
      readonly kind: "kubeconfig";
      /** Path of the file. */
      readonly kubeconfig: string;
      /** null: the kubeconfig's current context. */
      readonly context: string | null;
    }
  | {
      readonly name: string;
      readonly kind: "eks";
      /** Its name in EKS, which need not be its name here. */
      readonly cluster: string;
      /** null: the functions' own. */
      readonly region: string | null;
    };

export type RegistrySettings =
  | {
      readonly kind: "oci";
      readonly url: string;
      readonly credentials: { readonly username: string; readonly password: Secret } | null;
    }
  | { readonly kind: "ecr" };

/** One file of this machine. */
interface SqliteSettings {
  readonly kind: "sqlite";
  readonly path: string;
}

export type StoreSettings = SqliteSettings | { readonly kind: "dynamodb"; readonly table: string };

/** `prefix`: the URL that the three queues' own URLs begin with, `<prefix>-deployer.fifo` and so on. */
export type QueueSettings = SqliteSettings | { readonly kind: "sqs"; readonly prefix: string };

const github = together({
  apiUrl: (env: Environment) =>
    matching(env, "PROA_GITHUB_API_URL", {
      fallback: "https://api.github.com",
      holds: isPlainUrl,
      remedy: "write the API's address, e.g. https://api.github.com",
    }).replace(/\/+$/, ""),
  appId,
  appSlug: (env: Environment) => {
    const remedy = "write the name in the App's URL, github.com/apps/<slug>";
    const slug = required(env, "PROA_GITHUB_APP_SLUG", remedy);
    return /^[a-z0-9][a-z0-9-]*$/.test(slug) ? slug : refuse("PROA_GITHUB_APP_SLUG", `is "${slug}"`, remedy);
  },
  privateKey: (env: Environment) => privateKey(env, "PROA_GITHUB_PRIVATE_KEY"),
});

const store: Reader<StoreSettings> = (env) => {
  const remedy = "write dynamodb:<table> or sqlite:<path of a file>";
  const value = required(env, "PROA_STORE", remedy);
  const { kind, rest } = scheme(value);
  if (kind === "sqlite" && rest !== "") return { kind, path: rest };
  // https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
  if (kind === "dynamodb" && /^[A-Za-z0-9_.-]{3,255}$/.test(rest)) return { kind, table: rest };
  return refuse("PROA_STORE", `is "${value}"`, remedy);
};

const queue: Reader<QueueSettings> = (env) => {
  const remedy = "write sqs:<what the queues' URLs begin with> or sqlite:<path of a file>";
  const value = required(env, "PROA_QUEUE", remedy);
  const { kind, rest } = scheme(value);
  if (kind === "sqlite" && rest !== "") return { kind, path: rest };
  if (kind === "sqs" && isPlainUrl(rest)) return { kind, prefix: rest };
  return refuse("PROA_QUEUE", `is "${value}"`, remedy);
};

function scheme(value: string): { kind: string; rest: string } {
  const [, kind = "", rest = ""] = /^([a-z]+):(.*)$/s.exec(value) ?? [];
  return { kind, rest };
}

/** A plain KUBECONFIG is not looked at: nobody deploys to a cluster because a shell happened to point there. */
export const clusters: Reader<readonly ClusterSettings[]> = (env) => {
  const remedy =
    'write name=eks:<cluster>[@region] or name=path[#context], comma separated, or {"name": {"eks": cluster, "region": name}}; PROA_KUBECONFIG alone for one cluster';
  const fallback = optional(env, "PROA_KUBECONFIG");
  const value = optional(env, "PROA_CLUSTERS");
  const found =
    value === null
      ? []
      : value.startsWith("{")
        ? clustersFromJson(value, remedy)
        : items(value).map((item) => clusterFromText(item, remedy));
  if (fallback !== null && !found.some(({ name }) => name === "default")) {
    found.push({ name: "default", kind: "kubeconfig", kubeconfig: fallback, context: null });
  }
  const names = found.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    return refuse("PROA_CLUSTERS", `names "${twice}" twice`, "give each cluster a name of its own");
  if (value === null && fallback === null) return refuse("PROA_CLUSTERS", "is not set", remedy);
  // Previews live in the cluster of this name.
  if (!names.includes("default")) return refuse("PROA_CLUSTERS", 'names no cluster "default"', remedy);
  return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
};

function clustersFromJson(value: string, remedy: string): ClusterSettings[] {
  return Object.entries(json("PROA_CLUSTERS", value, remedy)).map(([name, entry]) => {
    const fields = fieldsOf("PROA_CLUSTERS", name, entry, remedy);
    const wrong = (): never => refuse("PROA_CLUSTERS", `describes "${name}" wrongly`, remedy);
    if ("eks" in fields) {
      const { eks, region = null, ...rest } = fields;
      const fine = typeof eks === "string" && (region === null || typeof region === "string");
      if (!fine || Object.keys(rest).length > 0) return wrong();
      return eksCluster(name, eks, region) ?? wrong();
    }
    const { kubeconfig, context = null, ...rest } = fields;
    const fine =
      typeof kubeconfig === "string" && kubeconfig !== "" && (context === null || typeof context === "string");
    if (!fine || Object.keys(rest).length > 0) return wrong();
    return { name: clusterName(name), kind: "kubeconfig", kubeconfig, context };
  });
}

function clusterFromText(item: string, remedy: string): ClusterSettings {
  const [, name, place = ""] = /^([^=]+)=(.+)$/.exec(item) ?? [];
  const wrong = (): never => refuse("PROA_CLUSTERS", `has "${item}"`, remedy);
  if (name === undefined) return wrong();
  const [, eks, region = null] = /^eks:([^@]*)(?:@(.*))?$/.exec(place) ?? [];
  if (eks !== undefined) return eksCluster(name, eks, region) ?? wrong();
  const [, kubeconfig, context = null] = /^([^#]+)(?:#(.+))?$/.exec(place) ?? [];
  return kubeconfig === undefined ? wrong() : { name: clusterName(name), kind: "kubeconfig", kubeconfig, context };
}

/** null: EKS has no cluster of such a name, or AWS no such region. https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html */
function eksCluster(name: string, cluster: string, region: string | null): ClusterSettings | null {
  const fine =
    /^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$/.test(cluster) && (region === null || /^[a-z]{2}(?:-[a-z]+)+-\d$/.test(region));
  return fine ? { name: clusterName(name), kind: "eks", cluster, region } : null;
}

const clusterName = (name: string): string =>
  /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name)
    ? name
    : refuse("PROA_CLUSTERS", `names a cluster "${name}"`, "use lower-case letters, digits and hyphens");

/** Only what the rules of `docs/settings.md` do not find by themselves: credentials, another address, plain HTTP. */
const registries: Reader<Readonly<Record<string, RegistrySettings>>> = (env) => {
  const variable = "PROA_REGISTRIES";
  const remedy = 'write {"host": {"kind": "oci", "url": …, "username": …, "password": …} or {"kind": "ecr"}}';
  const value = optional(env, variable);
  if (value === null) return {};
  const entries = Object.entries(json(variable, value, remedy)).map(([host, entry]): [string, RegistrySettings] => {
    const wrong = (what: string): never => refuse(variable, `${what} at "${host}"`, remedy);
    const { kind, url = `https://${host}`, username, password, ...rest } = fieldsOf(variable, host, entry, remedy);
    const [unknown] = Object.keys(rest);
    if (unknown !== undefined) return wrong(`has an unknown key "${unknown}"`);
    if (kind === "ecr") return [host, { kind }];
    if (kind !== "oci") return wrong('has a kind that is neither "oci" nor "ecr"');
    if (typeof url !== "string" || !isPlainUrl(url)) return wrong("has a url that is not an http(s) address");
    if (username === undefined && password === undefined) return [host, { kind, url, credentials: null }];
    if (typeof username !== "string" || typeof password !== "string" || password === "")
      return wrong("needs username and password together");
    return [host, { kind, url, credentials: { username, password: new Secret(password) } }];
  });
  return Object.fromEntries(entries);
};

const fieldsOf = (variable: string, name: string, entry: unknown, remedy: string): Record<string, unknown> =>
  typeof entry === "object" && entry !== null ? { ...entry } : refuse(variable, `has no object at "${name}"`, remedy);

const isDomain = (value: string): boolean =>
  value.length <= 253 &&
  /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/.test(value);
const isLabelValue = (value: string): boolean => /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/.test(value);
const isQuantity = (value: string): boolean => (parseQuantity(value) ?? 0) > 0;

const previewPolicy: Reader<InstallationSettings["previewPolicy"]> = (env) => {
  const variable = "PROA_INGRESS_NAMESPACE_LABEL";
  const [[key, label] = ["", ""]] = Object.entries(DEFAULT_PREVIEW_POLICY.ingressNamespaceLabels);
  const value = matching(env, variable, {
    fallback: `${key}=${label}`,
    holds: (text) =>
      /^(?:[a-z0-9.-]+\/)?[A-Za-z0-9._-]+=/.test(text) && isLabelValue(text.slice(text.indexOf("=") + 1)),
    remedy: "write label=value as the ingress controller's namespace carries it",
  });
  const [name = "", text = ""] = value.split("=");
  return { ...DEFAULT_PREVIEW_POLICY, ingressNamespaceLabels: { [name]: text } };
};

const installation: Reader<InstallationSettings> = together({
  appId,
  imageAllowList: (env: Environment) => {
    const remedy = "write the images that may be deployed, e.g. registry.example/acme/** (comma separated)";
    const globs = items(required(env, "PROA_IMAGES", remedy));
    const wide = globs.find((glob) => !/^[a-z0-9.:-]+\/[^\s]+$/.test(glob));
    return wide === undefined ? globs : refuse("PROA_IMAGES", `has "${wide}", which names no registry`, remedy);
  },
  defaultImage: (env: Environment) =>
    matching(env, "PROA_DEFAULT_IMAGE", {
      fallback: "",
      holds: (value) =>
        /^[a-z0-9.:-]+\//.test(value) &&
        isRepository(value.slice(value.indexOf("/") + 1).replaceAll(/\{(owner|repo|service)\}/g, "x")),
      remedy: "write the image of a service that names none, e.g. registry.example/{owner}/{repo}-{service}",
    }),
  domain: (env: Environment) =>
    matching(env, "PROA_DOMAIN", {
      fallback: "",
      holds: isDomain,
      remedy: "write the domain below which previews answer, e.g. preview.example.com",
    }),
  publicUrl: (env: Environment) =>
    matching(env, "PROA_PUBLIC_URL", {
      fallback: "https://{host}",
      holds: (value) => /^https?:\/\/\{host\}(?::[0-9]{1,5})?(?:\/\S*)?$/.test(value),
      remedy: "write the address people click with {host} in it, e.g. https://{host} or http://{host}:4000",
    }),
  ingressClass: (env: Environment) => optional(env, "PROA_INGRESS_CLASS"),
  previewPolicy,
  secretsNamespace: (env: Environment) =>
    matching(env, "PROA_SECRETS_NAMESPACE", {
      fallback: "proa",
      holds: (value) => isDomain(value) && !value.includes("."),
      remedy: "write a namespace's name",
    }),
  previewCaps: together({
    cpu: (env: Environment) =>
      matching(env, "PROA_PREVIEW_MAX_CPU", {
        fallback: "1",
        holds: isQuantity,
        remedy: "write what one service of a preview may ask for, e.g. 500m",
      }),
    memory: (env: Environment) =>
      matching(env, "PROA_PREVIEW_MAX_MEMORY", {
        fallback: "1Gi",
        holds: isQuantity,
        remedy: "write what one service of a preview may ask for, e.g. 512Mi",
      }),
  }),
  logsInPublic: (env: Environment) =>
    matching(env, "PROA_LOGS_IN_PUBLIC", {
      fallback: "false",
      holds: (value) => ["true", "false"].includes(value),
      remedy: "write true or false",
    }) === "true",
});

const dashboardUrl: Reader<string | null> = (env) => {
  const value = optional(env, "PROA_DASHBOARD_URL");
  return value === null || isPlainUrl(value)
    ? value
    : refuse("PROA_DASHBOARD_URL", `is "${value}"`, "write an http(s) address or leave it out");
};

// Each function is given, and therefore asks for, only what it uses.
export const deployerSettings = together({ github, store, queue, clusters, registries, installation, dashboardUrl });
export const reporterSettings = together({ github, store, queue, dashboardUrl });
export const sweeperSettings = together({ github, store, queue, clusters, dashboardUrl });
// Doctor looks at each half where the other is not there yet.
export const appSettings = together({ github });
export const placeSettings = together({ clusters, registries, installation });
/** All of them, for one process that is all the functions. */
export const readSettings = together({
  github,
  webhookSecrets,
  store,
  queue,
  clusters,
  registries,
  installation,
  dashboardUrl,
});

export type GitHubSettings = ReturnType<typeof github>;
export type Settings = ReturnType<typeof readSettings>;
