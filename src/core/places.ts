import type { ServiceConfig } from "./config.ts";
import { hash } from "./hash.ts";

/** DNS takes 63 characters between two dots, and so does a namespace's name. */
const MAX_LABEL = 63;

export interface PullRequestPlace {
  readonly owner: string;
  readonly repo: string;
  readonly number: number;
}

/**
 * `acme-shop-pr-7`. Two pull requests never share a name: where lower-casing aside something was replaced or cut, or where
 * the owner's own hyphen hides the border between owner and repository (`a-b/c`, `a/b-c`), the full name's hash stands at the end.
 */
export function previewNamespaceName({ owner, repo, number }: PullRequestPlace): string {
  const plain = label(`${owner}-${repo}-pr-${number}`);
  const exact =
    plain === `${owner}-${repo}-pr-${number}`.toLowerCase() && plain.length <= MAX_LABEL && !owner.includes("-");
  return exact ? plain : withHash(plain, `${owner}/${repo}#${number}`);
}

export interface PreviewHostParts {
  readonly n: number;
  readonly repo: string;
  readonly owner: string;
  /** The installation's wildcard domain. */
  readonly domain: string;
}

/** Fills `previews.host`. Names are made to fit one DNS label; one that had to change carries a hash of the real one. */
export function previewHost(pattern: string, { n, repo, owner, domain }: PreviewHostParts): string {
  const fitting = (name: string): string => {
    const plain = label(name);
    return plain === name.toLowerCase() ? plain : withHash(plain, name);
  };
  const words: Readonly<Record<string, string>> = {
    n: String(n),
    repo: fitting(repo),
    owner: fitting(owner),
    domain: domain.toLowerCase(),
  };
  const filled = pattern.replaceAll(/\{(n|repo|owner|domain)\}/g, (_, word: string) => words[word] ?? "");
  return filled.split(".").map(short).join(".");
}

/**
 * Host of every exposed service: the first in the file's order has the target's own host, `<service>-<host>` serve the
 * others, still under the same wildcard.
 */
export function serviceHosts(
  services: readonly ServiceConfig[],
  host: string | null,
): Readonly<Record<string, string>> {
  if (host === null) return {};
  const exposed = services.filter(({ expose }) => expose);
  return Object.fromEntries(exposed.map(({ name }, index) => [name, index === 0 ? host : serviceHost(name, host)]));
}

export function serviceHost(service: string, host: string): string {
  const [first = "", ...rest] = host.split(".");
  return [short(`${service}-${first}`), ...rest].join(".");
}

const label = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, "-")
    .replaceAll(/^-+|-+$/g, "");

const short = (name: string): string => (name.length <= MAX_LABEL ? name : withHash(name, name));

/** Case is no difference to GitHub either, so it is none to the hash. */
function withHash(text: string, whole: string): string {
  const suffix = hash(whole.toLowerCase()).slice(0, 8);
  return `${text.slice(0, MAX_LABEL - 1 - suffix.length).replace(/-+$/, "")}-${suffix}`.replace(/^-/, "");
}
