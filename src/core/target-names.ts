import { parseRepoId, type Target } from "./names.ts";

/** Names of environments are parts of keys, statuses and GitHub environments: one DNS-like label. */
export const isEnvironmentName = (text: string): boolean =>
  /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/.test(text) && text !== "preview";

export function parseTargetId(text: unknown): Target | null {
  if (typeof text !== "string") return null;
  const [kind, repo = "", last = "", ...rest] = text.split("/");
  // One spelling only: `Number` reads "0xc" and "1e1" as well.
  const repoId = /^[1-9][0-9]*$/.test(repo) ? parseRepoId(Number(repo)) : null;
  if (repoId === null || rest.length > 0) return null;
  if (kind === "preview" && /^[1-9][0-9]{0,9}$/.test(last)) return { kind, repoId, number: Number(last) };
  return kind === "env" && isEnvironmentName(last) ? { kind, repoId, environment: last } : null;
}
