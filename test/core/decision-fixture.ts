import type { Verdict } from "../../src/core/checks.ts";
import { defaultConfig } from "../../src/core/config-defaults.ts";
import type { ImageSeen, PendingCommand } from "../../src/core/decision.ts";
import type { Command } from "../../src/core/message.ts";
import {
  asRevision,
  parseDigest,
  parseRepoId,
  parseRepoName,
  parseSha,
  type Sha,
  type Target,
} from "../../src/core/names.ts";
import type { LiveRelease, Release, Rollout, TargetState } from "../../src/core/state.ts";
import { newTarget } from "../../src/core/state.ts";

export const NOW = Date.UTC(2026, 4, 1, 12);
export const MINUTE = 60_000;

function parsed<T>(value: T | null): T {
  if (value === null) throw new Error("the fixture is well-formed");
  return value;
}

/** A commit by the one character its id repeats: `sha("a")` is `aaaaaaa…`. */
export const sha = (letter: string): Sha => parsed(parseSha(letter.repeat(40)));
export const digest = (letter: string) => parsed(parseDigest(`sha256:${letter.repeat(64)}`));
export const repoId = parsed(parseRepoId(12));
export const repo = parsed(parseRepoName("acme/shop"));
export const config = defaultConfig("main");

export const preview: Target = { kind: "preview", repoId, number: 7 };
export const staging: Target = { kind: "env", repoId, environment: "staging" };

export const passed: Verdict = { kind: "pass", because: "`test` passed" };
export const running: Verdict = { kind: "wait", because: "waiting for `test`", lookAgainAt: null, missing: [] };
export const red: Verdict = { kind: "fail", because: "`test` failed", failed: [] };
export const human: Verdict = { kind: "human", because: "`deploy` waits for a person" };

export const image = (letter: string): ImageSeen => ({
  service: "web",
  image: "registry.example/acme/shop-web",
  tag: sha(letter),
  found: { kind: "digest", digest: digest(letter), moved: null },
});
export const absent = (letter: string): ImageSeen => ({ ...image(letter), found: { kind: "absent" } });

export const live = (letter: string, rev: number): LiveRelease => ({
  rev: asRevision(rev),
  sha: sha(letter),
  key: `web=${digest(letter)}`,
  digests: { web: digest(letter) },
  healthyAt: NOW - MINUTE,
  because: `${sha(letter).slice(0, 7)} is live`,
});

export const rollout = (letter: string, rev: number, change: Partial<Rollout> = {}): Rollout => ({
  rev: asRevision(rev),
  kind: "deploy",
  sha: sha(letter),
  step: "observing",
  startedAt: NOW - 5_000,
  deadlineAt: NOW + 10 * MINUTE,
  bakeUntil: null,
  expectations: [],
  restarts: {},
  ...change,
});

export const release = (letter: string, rev: number, change: Partial<Release> = {}): Release => ({
  rev: asRevision(rev),
  kind: "deploy",
  sha: sha(letter),
  configRef: "main",
  key: `web=${digest(letter)}`,
  services: [{ name: "web", image: "registry.example/acme/shop-web", digest: digest(letter) }],
  objects: [],
  namespace: "shop-staging",
  clusters: ["default"],
  url: "https://staging.shop.example",
  actor: "mo",
  createdAt: NOW - MINUTE,
  bakeMs: 0,
  deadlineMs: 10 * MINUTE,
  secrets: null,
  rollback: "auto",
  pulls: [],
  patch: [],
  ...change,
});

export const failure = (letter: string, rev: number, serves = "") => ({
  sha: sha(letter),
  rev: asRevision(rev),
  because: "web: 0 of 1 pods ready after 5 s: CrashLoopBackOff.",
  serves,
});

export const record = (target: Target, change: Partial<TargetState> = {}): TargetState => ({
  ...newTarget(target, 3, repo),
  ...change,
});

/** A record in which this commit is live and nothing else is wanted. */
export const liveRecord = (
  target: Target,
  letter: string,
  rev: number,
  change: Partial<TargetState> = {},
): TargetState =>
  record(target, {
    phase: "live",
    because: live(letter, rev).because,
    rev: asRevision(rev),
    wanted: { sha: sha(letter), since: NOW - 2 * MINUTE },
    live: live(letter, rev),
    shown: [asRevision(rev)],
    url: target.kind === "preview" ? "https://pr-7.shop.example" : "https://staging.shop.example",
    ...change,
  });

export function ordered(
  verb: Command["verb"],
  {
    permission = "write",
    login = "mo",
    at = NOW,
    button,
  }: { permission?: PendingCommand["permission"]; login?: string; at?: number; button?: Sha } = {},
): PendingCommand {
  const source: Command["source"] =
    button === undefined
      ? { kind: "comment", number: 7, commentId: 99 }
      : { kind: "button", sha: button, checkRunId: 5, externalId: "" };
  return { id: `${verb}-1`, command: { verb, environment: null, actor: { login, id: 1 }, at, source }, permission };
}
