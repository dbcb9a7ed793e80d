import { globMistake } from "./config-glob.ts";
import { text } from "./config-read.ts";
import type { Read, TextRule } from "./config-read.ts";
import { isTag, parseImageName } from "./image.ts";
import { isEnvironmentName } from "./target-names.ts";
import { parseQuantity } from "./quantity.ts";

/** Names the services' Deployment, Service and container; short enough that pods' names keep their random end. */
export const serviceName = matching(/^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/, {
  what: "a service's name",
  remedy: "use 1 to 40 lower-case letters, digits and `-`, beginning with a letter",
});

export const environmentName: Read<string> = text({
  what: "an environment's name",
  remedy: (name) =>
    name === "preview"
      ? "choose another name: `preview` is what GitHub shows for pull requests"
      : "use 1 to 32 lower-case letters, digits and `-`",
  accepts: isEnvironmentName,
});

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

export const namespaceName: Read<string> = text({
  what: "a namespace for an application",
  remedy: (name) =>
    isReserved(name)
      ? "choose a namespace of your own: this one belongs to the cluster"
      : "use 1 to 63 lower-case letters, digits and `-`",
  accepts: (name) => LABEL.test(name) && !isReserved(name),
});

const isReserved = (namespace: string): boolean => namespace === "default" || namespace.startsWith("kube-");

export const objectName = matching(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/, {
  what: "the name of a Kubernetes object",
  remedy: "use lower-case letters, digits, `-` and `.`",
});

export const clusterName = matching(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, {
  what: "a cluster's name",
  remedy: "use the name the cluster has in this installation, such as `default`",
});

export const folder: Read<string> = text({
  what: "a folder of the repository",
  remedy: (path) =>
    path.endsWith("/") && isFolder(path.slice(0, -1))
      ? "remove the `/` at the end"
      : "write a path from the repository's root such as `apps/web`, or `.` for all of it; no leading `/`, no `..`, no wildcards",
  accepts: isFolder,
});

function isFolder(path: string): boolean {
  if (path === ".") return true;
  return /^[^\p{C}\\*?]{1,300}$/u.test(path) && path.split("/").every((segment) => !["", ".", ".."].includes(segment));
}

export const glob: Read<string> = text({
  what: "a pattern that Proa reads",
  remedy: (pattern) => globMistake(pattern) ?? "write it without control characters, under 300 characters",
  accepts: (pattern) => globMistake(pattern) === null && /^\P{C}{1,300}$/u.test(pattern),
});

/** https://git-scm.com/docs/git-check-ref-format */
export const branch: Read<string> = text({
  what: "a branch's name",
  remedy: "write the branch as git shows it, such as `main` or `release/2.x`; patterns are not read here",
  accepts: (name) => /^[^\p{C}\p{Z}~^:?*[\\]{1,200}$/u.test(name) && !/^[-/]|\.\.|\/\/|@\{|[/.]$|\.lock$/.test(name),
});

export const image: Read<string> = text({
  what: "an image's repository",
  remedy: (name) => {
    if (name.includes("://")) return "remove the scheme: `registry.example/acme/shop-web`";
    if (name.includes("@")) return "remove the digest: Proa finds it from the tag";
    if (/:[^/]*$/.test(name)) return 'remove the tag and write it as `tag`, such as `tag: "{sha}"`';
    return "write it with its registry's host, lower-case and without a tag: `registry.example/acme/shop-web`";
  },
  accepts: (name) => parseImageName(name) !== null,
});

export const tag: Read<string> = text({
  what: "a tag with `{sha}`",
  remedy: (pattern) =>
    pattern.includes("{sha}")
      ? "use letters, digits, `_`, `.` and `-` around `{sha}`, 128 characters in all"
      : 'write `{sha}` where the full commit stands, such as `"{sha}"` or `"sha-{sha}"`',
  accepts: (pattern) => pattern.includes("{sha}") && isTag(pattern.replaceAll("{sha}", "a".repeat(40))),
});

export const healthPath: Read<string> = text({
  what: "a path that answers 200 when the service is ready",
  remedy: (path) =>
    path.includes("://")
      ? "write the path only: the service is asked on its own port"
      : "begin with `/`, such as `/healthz`; no spaces",
  accepts: (path) => /^\/[!-~]{0,199}$/.test(path),
});

export const argument: Read<string> = text({
  what: "one word of a command",
  remedy: "write the words one by one: `[node, server.js]`",
  accepts: (word) => word.length <= 4096 && !word.includes("\0"),
});

export const variableName: Read<string> = text({
  what: "a name for a variable of your own",
  remedy: (name) =>
    name === "PORT"
      ? "remove it and set `port`: `PORT` is what Proa tells the service"
      : "use letters, digits and `_`, not beginning with a digit",
  accepts: (name) => name !== "PORT" && /^[A-Za-z_][A-Za-z0-9_]{0,199}$/.test(name),
});

export const variableValue: Read<string> = text({
  what: "a variable's value",
  remedy: 'write text, a number, true or false; `""` for an empty value',
  accepts: (value) => value.length <= 8192 && !value.includes("\0"),
});

export const cpu: Read<string> = text({
  what: "an amount of CPU",
  remedy: "write cores such as `0.5` or `2`, or thousandths such as `250m`; at least `1m`",
  accepts: (amount) => /^(?:[0-9]{1,4}(?:\.[0-9]{1,3})?|[0-9]{1,7}m)$/.test(amount) && (parseQuantity(amount) ?? 0) > 0,
});

/** `m` is a valid suffix to Kubernetes, thousandths of a byte: `256m` starts nothing and says nothing. */
export const memory: Read<string> = text({
  what: "an amount of memory",
  remedy: (amount) =>
    /^[0-9]+(?:m|mb|MB|mib)?$/.test(amount)
      ? `did you mean \`${amount.replace(/[a-zA-Z]+$/, "")}Mi\`?`
      : "write a number and `Mi` or `Gi`, such as `256Mi`; at least `4Mi`",
  accepts: (amount) =>
    /^[0-9]{1,6}(?:\.[0-9]{1,3})?(?:Ki|Mi|Gi|Ti|k|M|G|T)$/.test(amount) && (parseQuantity(amount) ?? 0) >= 4 * 2 ** 20,
});

/** A check's name is whatever a CI calls it, so only what can never match is refused. */
export const checkName: Read<string> = text({
  what: "a check's name",
  remedy: (name) =>
    isOwnContext(name)
      ? "remove it: Proa would wait for its own result"
      : "write the name as GitHub shows it beside the commit, such as `test`",
  accepts: (name) => /^\P{C}{1,255}$/u.test(name) && name.trim() === name && !isOwnContext(name),
});

const isOwnContext = (name: string): boolean => name.startsWith("proa/");

export const checkPattern = matching(/^\P{C}{1,255}$/u, {
  what: "a check's name or pattern",
  remedy: "write a name, or a pattern such as `codecov/*`",
});

/** https://docs.github.com/issues/using-labels-and-milestones-to-track-work/managing-labels */
export const pullRequestLabel = matching(/^\P{C}{1,50}$/u, {
  what: "a label's name",
  remedy: "write the label as GitHub shows it",
});

export const host: Read<string> = text({
  what: "a host name",
  remedy: (name) =>
    name.includes("://") || name.includes("/")
      ? "write the name only, without scheme and path: `shop.example`"
      : (labelTooLong(name) ?? "use lower-case letters, digits, `-` and `.`, such as `shop.example`"),
  accepts: isHost,
});

export const previewHost: Read<string> = text({
  what: "a pattern for a preview's host",
  remedy: (pattern) => {
    if (!pattern.includes("{n}"))
      return "put `{n}`, the pull request's number, into it: without it all previews share one host";
    if (pattern.includes("://") || pattern.includes("/")) return "write the name only, without scheme and path";
    const [unknown] = pattern.match(/\{(?!(?:n|repo|owner|domain)\})[^}]*\}?/) ?? [];
    if (unknown !== undefined) return "use only the placeholders `{n}`, `{repo}`, `{owner}` and `{domain}`";
    if (!pattern.endsWith(".{domain}"))
      return "end it with `.{domain}`: previews live below this installation's domain";
    return (
      labelTooLong(pattern.replaceAll(/\{\w+\}/g, "x")) ??
      "use lower-case letters, digits, `-` and `.` around the placeholders"
    );
  },
  // Whoever can push any branch can have it as a base: without this, a preview could take the host of somebody's production.
  accepts: (pattern) =>
    pattern.includes("{n}") &&
    pattern.endsWith(".{domain}") &&
    isHost(pattern.replaceAll(/\{(?:n|repo|owner|domain)\}/g, "x")),
});

function isHost(name: string): boolean {
  return name.length <= 253 && name.split(".").every((label) => LABEL.test(label));
}

const labelTooLong = (name: string): string | null =>
  name.split(".").some((label) => label.length > 63)
    ? "shorten it: DNS takes at most 63 characters between two dots"
    : null;

function matching(pattern: RegExp, rule: Omit<TextRule, "accepts">): Read<string> {
  return text({ ...rule, accepts: (value) => pattern.test(value) });
}
