import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Field, MalformedReply } from "../../src/adapters/github-field.ts";
import * as github from "../../src/adapters/github-parse.ts";
import * as kubernetes from "../../src/adapters/kubernetes-parse.ts";
import { OutsideError } from "../../src/core/problem.ts";
import { checkRun, commit, pull, repository, SHA } from "../adapters/github-replies.ts";
import { fixture } from "../adapters/kubernetes-stub.ts";
import { hostileValue, mutationOf, runs } from "./arbitrary.ts";
import { ofOtherTypes, type Path, readFields, replacedAt, valueAt } from "./read-fields.ts";

type Parse = (value: unknown) => unknown;
interface Case {
  readonly name: string;
  readonly reply: unknown;
  readonly parse: Parse;
}

const at = "2026-03-01T11:00:00Z";
const ofGitHub = (name: string, reply: unknown, parse: (field: Field) => unknown): Case => ({
  name,
  reply,
  parse: (value) => parse(new Field(value, "GET /stub")),
});
const GITHUB: readonly Case[] = [
  ofGitHub("a repository", repository, github.parseRepository),
  ofGitHub("a pull request", { ...pull, merged_at: at }, github.parsePullRequest),
  ofGitHub("a git commit", { ...commit(SHA.head), ...commit(SHA.head).commit }, github.parseGitCommit),
  ofGitHub("a commit", commit(SHA.head), github.parseCommit),
  ofGitHub("a changed file", { filename: "a", previous_filename: "b" }, github.parseChangedFile),
  ofGitHub(
    "a comparison",
    {
      status: "ahead",
      ahead_by: 1,
      behind_by: 0,
      total_commits: 1,
      commits: [commit(SHA.head)],
      files: [{ filename: "a" }],
    },
    github.parseComparison,
  ),
  ofGitHub("a check run", checkRun(1, "test"), github.parseCheckRun),
  ofGitHub(
    "a check suite",
    {
      id: 4,
      app: { id: 1 },
      status: "completed",
      conclusion: "success",
      latest_check_runs_count: 1,
      created_at: at,
      updated_at: at,
    },
    github.parseCheckSuite,
  ),
  ofGitHub(
    "a status",
    { context: "ci", state: "success", description: "fine", updated_at: at, target_url: "https://ci.example" },
    github.parseStatus,
  ),
  ofGitHub(
    "a rule",
    {
      type: "required_status_checks",
      parameters: { required_status_checks: [{ context: "test", integration_id: 7 }] },
    },
    github.parseRule,
  ),
  ofGitHub(
    "a branch",
    {
      commit: commit(SHA.head),
      protection: { required_status_checks: { checks: [{ context: "test", app_id: 7 }], contexts: ["test"] } },
    },
    github.parseBranch,
  ),
  ofGitHub("a permission", { role_name: "custom", permission: "write" }, github.parsePermission),
  ofGitHub("a delivery", { id: 1, guid: "d", delivered_at: at, status_code: 200 }, github.parseDelivery),
];

const pod = fixture("pod");
const KUBERNETES: readonly Case[] = [
  {
    name: "a namespace",
    reply: {
      metadata: {
        name: "shop",
        uid: "u",
        resourceVersion: "1",
        labels: { a: "b" },
        creationTimestamp: at,
        deletionTimestamp: at,
      },
      status: {
        phase: "Terminating",
        conditions: [{ type: "x", status: "True", message: "m", lastTransitionTime: at }],
      },
    },
    parse: kubernetes.parseNamespace,
  },
  { name: "a deployment", reply: fixture("deployment"), parse: (value) => kubernetes.parseDeployment(value, "proa") },
  { name: "a replica set", reply: fixture("replicaset"), parse: kubernetes.parseReplicaSet },
  { name: "a pod", reply: pod, parse: kubernetes.parsePod },
  {
    name: "a pod that ended",
    reply: {
      metadata: { name: "web-1", uid: "u", ownerReferences: [{ controller: true, uid: "o" }] },
      status: {
        phase: "Failed",
        containerStatuses: [
          {
            name: "web",
            ready: false,
            started: false,
            restartCount: 3,
            state: { waiting: { reason: "CrashLoopBackOff", message: "m" } },
            lastState: { terminated: { exitCode: 1, signal: 9, reason: "Error", message: "m", finishedAt: at } },
          },
        ],
      },
    },
    parse: kubernetes.parsePod,
  },
  {
    name: "an event",
    reply: {
      involvedObject: { kind: "Pod", name: "web-1" },
      type: "Warning",
      reason: "Failed",
      message: "m",
      count: 2,
      lastTimestamp: at,
    },
    parse: kubernetes.parseEvent,
  },
  {
    name: "a Secret",
    reply: { metadata: { name: "s", uid: "u", resourceVersion: "1", labels: { a: "b" } }, data: { KEY: "dmFsdWU=" } },
    parse: kubernetes.parseSecret,
  },
];

const thrownBy = (work: () => unknown): unknown => {
  try {
    work();
    return null;
  } catch (error) {
    return error;
  }
};

/** As GitHub's errors name it, `commits[0].sha`, and Kubernetes', `Pod.status.phase`. */
const dotted = (path: Path): string =>
  path.reduce<string>((text, key) => (/^\d+$/.test(`${key}`) ? `${text}[${key}]` : `${text}.${key}`), "").slice(1);

/** Wrong fields that a parser took for right ones. */
function swallowed({ reply, parse }: Case, isRefusal: (error: unknown) => boolean): string[] {
  return readFields(reply, parse).flatMap((path) => {
    const right = valueAt(reply, path);
    if (right === undefined || right === null) return [];
    return ofOtherTypes(right).flatMap((wrong) => {
      const error = thrownBy(() => parse(replacedAt(reply, path, wrong)));
      const named = isRefusal(error) && String(error).includes(dotted(path));
      return named ? [] : [`${dotted(path)} as ${JSON.stringify(wrong)}: ${String(error)}`];
    });
  });
}

/** A port is a number, or the name of one. https://pkg.go.dev/k8s.io/apimachinery/pkg/util/intstr */
const MEANT = /\.port as (?:"|7)/;

describe("GitHub's answer:", () => {
  test.each(GITHUB)("$name with a field of another type is refused, and the field is named", (one) => {
    expect(readFields(one.reply, one.parse).length).toBeGreaterThan(0);
    expect(swallowed(one, (error) => error instanceof MalformedReply)).toEqual([]);
  });

  test("anything in place of it is read or refused, and never a bug", () => {
    const answer = fc
      .constantFrom(...GITHUB)
      .chain(({ reply, parse }) =>
        fc.record({ parse: fc.constant(parse), value: fc.oneof(mutationOf(reply), hostileValue) }),
      );
    fc.assert(
      fc.property(answer, ({ parse, value }) => {
        const error = thrownBy(() => parse(value));
        expect(error === null || error instanceof MalformedReply).toBe(true);
        expect(String(error).length).toBeLessThan(400);
      }),
      runs(3_000),
    );
  });
});

describe("the cluster's answer:", () => {
  const isRefusal = (error: unknown): boolean => error instanceof OutsideError && error.problem.retryable;

  test.each(KUBERNETES)("$name with a field of another type is refused, and the field is named", (one) => {
    expect(readFields(one.reply, one.parse).length).toBeGreaterThan(0);
    expect(swallowed(one, isRefusal).filter((field) => !MEANT.test(field))).toEqual([]);
  });

  test("anything in place of it is read or refused, and never a bug", () => {
    const answer = fc
      .constantFrom(...KUBERNETES)
      .chain(({ reply, parse }) =>
        fc.record({ parse: fc.constant(parse), value: fc.oneof(mutationOf(reply), hostileValue) }),
      );
    fc.assert(
      fc.property(answer, ({ parse, value }) => {
        const error = thrownBy(() => parse(value));
        expect(error === null || isRefusal(error)).toBe(true);
        expect(String(error).length).toBeLessThan(400);
      }),
      runs(3_000),
    );
  });

  test("a Secret that cannot be read is not quoted", () => {
    const reply = { metadata: { name: "s", uid: "u" }, data: { KEY: ["canary-7f3a"] } };
    const error = thrownBy(() => kubernetes.parseSecret(reply));
    expect(String(error)).toContain("Secret.data.KEY");
    expect(String(error)).not.toContain("canary");
  });
});
