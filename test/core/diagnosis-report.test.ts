import { describe, expect, test } from "vitest";
import type { Workloads } from "../../src/core/cluster.ts";
import { diagnose, logsWanted, type DiagnosisInput } from "../../src/core/diagnosis.ts";
import { scalesUp } from "../../src/core/diagnosis-events.ts";
import { redact } from "../../src/core/diagnosis-redact.ts";
import {
  broken,
  condition,
  container,
  crashing,
  deployment,
  ended,
  event,
  expected,
  healthy,
  NOW,
  pod,
  running,
  START,
  waiting,
  withContainer,
  withPods,
} from "../fixtures/cluster/web.ts";

const crashed = withContainer(crashing(1));
const input: DiagnosisInput = {
  service: "web",
  deployment: crashed.deployments[0] ?? null,
  expected,
  workloads: crashed,
  events: [],
  logs: [],
  judgement: { kind: "failed", because: "it failed", fault: "application", timedOut: false },
  oldVersionServes: true,
  now: NOW,
  includeLogs: true,
};
const notReady = withContainer(broken(running, { started: true }));

describe("a report", () => {
  test("reads like krane's, with what to do", () => {
    expect(diagnose(input)).toEqual({
      headline: "web: 0 of 2 pods ready after 1 min: CrashLoopBackOff (exit 1: an error of the application)",
      fault: "application",
      details: [
        "Latest ReplicaSet: web-5d8f",
        "The following containers are in a state that is unlikely to be recoverable:",
        "> app: Crashing repeatedly (exit 1). See logs for more information.",
        "The previous version is still serving all traffic.",
      ],
      remedy: "See the logs of the last run below; the same image and environment show it with `docker run` as well.",
      events: [],
      finalStatus: "2 asked for, 2 updated, 0 ready, 0 available, 2 unavailable",
      logs: [],
    });
  });

  test("says that the old version serves only when it does", () => {
    const { details } = diagnose({ ...input, oldVersionServes: false });
    expect(details.join("\n")).not.toMatch(/previous version/);
  });

  test("leaves hope to a rollout that only ran out of time", () => {
    const late = { ...input.judgement, timedOut: true } as DiagnosisInput["judgement"];
    const hope = /Kubernetes will continue to attempt/;
    expect(diagnose({ ...input, judgement: late, workloads: notReady }).details.join("\n")).toMatch(hope);
    expect(diagnose({ ...input, judgement: late }).details.join("\n")).not.toMatch(hope);
    expect(diagnose({ ...input, workloads: notReady }).details.join("\n")).not.toMatch(hope);
  });

  test("says each thing once, the worst container first", () => {
    const both = withPods({ containers: [{ ...broken(running), name: "proxy" }, crashing(1)] });
    const said = diagnose({ ...input, workloads: both });
    expect(said.headline).toMatch(/CrashLoopBackOff/);
    expect(said.details.filter((line) => line.startsWith("> app"))).toHaveLength(1);
    expect(said.details.filter((line) => line.startsWith("> proxy must become ready"))).toHaveLength(1);
  });

  test("counts in seconds while it is young", () => {
    expect(diagnose({ ...input, now: START + 40_400 }).headline).toMatch(/after 40 s:/);
  });

  test("without any finding is the judgement's own words", () => {
    const said = diagnose({
      ...input,
      deployment,
      workloads: healthy,
      judgement: { kind: "drift", because: "put back by hand" },
    });
    expect(said).toMatchObject({
      headline: "web: 2 of 2 pods ready after 1 min: put back by hand",
      remedy: expect.stringMatching(/Deploy again/),
    });
    expect(said.details[0]).toBe("put back by hand");
  });

  test("of a Deployment that is gone does not pretend to know its pods", () => {
    const nothing: Workloads = { deployments: [], replicaSets: [], pods: [] };
    const judgement = { kind: "blocked", because: "Deployment web is gone" } as const;
    const said = diagnose({ ...input, deployment: null, workloads: nothing, judgement });
    expect(said).toMatchObject({
      headline: "web: Deployment web is gone",
      finalStatus: "gone",
      fault: "infrastructure",
    });
  });
});

describe("events", () => {
  const backOff = event("Pod/web-a", "BackOff", "Back-off restarting failed container", { count: 3 });
  const lines = (...events: (typeof backOff)[]) => diagnose({ ...input, events }).events;

  test("are shown with how often they happened", () => {
    expect(lines(backOff)).toEqual(["Pod/web-a: BackOff: Back-off restarting failed container (3 events)"]);
  });

  test.each(["Started", "Created", "SuccessfulCreate", "Scheduled", "Pulling", "Pulled", "ScalingReplicaSet"])(
    "of every healthy start are left out: %s",
    (reason) => expect(lines({ ...backOff, reason })).toEqual([]),
  );

  test.each([
    { about: "Pod/web-a", shown: 1 },
    { about: "Deployment/web", shown: 1 },
    { about: "ReplicaSet/web-5d8f", shown: 1 },
    { about: "Pod/web-b", shown: 0 },
    { about: "Pod/other", shown: 0 },
    { about: "ReplicaSet/web-77aa", shown: 0 },
  ])("are those of this rollout and its most telling pod: $about", ({ about, shown }) => {
    expect(lines({ ...backOff, about })).toHaveLength(shown);
  });

  test("from long before the write are left out", () => {
    expect(lines({ ...backOff, lastAt: START - 5_001 })).toEqual([]);
    expect(lines({ ...backOff, lastAt: START - 5_000 })).toHaveLength(1);
  });

  test("that say the same are one line", () => {
    expect(lines(backOff, { ...backOff, count: 1 })).toEqual([expect.stringMatching(/\(4 events\)$/)]);
  });

  test("tell when an autoscaler brings a node", () => {
    expect(scalesUp([event("Pod/web-a", "TriggeredScaleUp", "pod triggered scale-up")], START)).toBe(true);
    expect(scalesUp([event("Pod/web-a", "Nominated", "Pod should schedule on nodeclaim")], START)).toBe(true);
    expect(scalesUp([event("Pod/web-a", "TriggeredScaleUp", "", { lastAt: START - 1 })], START)).toBe(false);
    expect(scalesUp([event("Pod/web-a", "NotTriggerScaleUp", "")], START)).toBe(false);
  });
});

describe("logs", () => {
  const log = (text: string) => [{ pod: "web-a", container: "app", previous: true, text }];

  test("are the last 25 lines", () => {
    const text = Array.from({ length: 30 }, (_, n) => `line ${n}`).join("\n");
    const [shown] = diagnose({ ...input, logs: log(`${text}\n`) }).logs;
    expect(shown?.lines).toHaveLength(25);
    expect(shown?.lines.at(-1)).toBe("line 29");
  });

  test("are left out where they must be", () => {
    expect(diagnose({ ...input, logs: log("x"), includeLogs: false }).logs).toEqual([]);
  });

  test("and events show no secret", () => {
    const said = diagnose({
      ...input,
      secrets: ["hunter2hunter2"],
      logs: log("url is hunter2hunter2\npassword=abc"),
      events: [event("Pod/web-a", "Failed", "token: abc and hunter2hunter2")],
    });
    expect(said.logs[0]?.lines).toEqual(["url is [secret]", "password=[secret]"]);
    expect(said.events[0]).toBe("Pod/web-a: Failed: token: [secret] and [secret] (1 event)");
  });

  test.each([
    { when: "it crashes: the run before", live: crashed, wants: [{ pod: "web-a", container: "app", previous: true }] },
    { when: "it runs but is not ready", live: notReady, wants: [{ pod: "web-a", container: "app", previous: false }] },
    {
      when: "it has just ended",
      live: withContainer(broken(ended(1))),
      wants: [{ pod: "web-a", container: "app", previous: false }],
    },
    { when: "it never ran", live: withContainer(broken(waiting("ErrImagePull"))), wants: [] },
    { when: "there is no pod", live: { ...crashed, pods: [] }, wants: [] },
    { when: "there is no Deployment", live: { ...crashed, deployments: [] }, wants: [] },
    {
      when: "an init container fails and another was fine",
      live: withPods({
        initContainers: [
          { ...broken(ended(0)), name: "seed" },
          { ...crashing(2), name: "migrate" },
        ],
        containers: [broken(waiting("PodInitializing"))],
      }),
      wants: [{ pod: "web-a", container: "migrate", previous: true }],
    },
    {
      when: "only one of the pods fails",
      live: { ...crashed, pods: [pod("web-a"), pod("web-b", { containers: [crashing(1)] })] },
      wants: [{ pod: "web-b", container: "app", previous: true }],
    },
    {
      when: "one is not ready and none fails",
      live: {
        ...notReady,
        pods: [
          pod("web-a"),
          pod("web-b", { containers: [broken(running)], conditions: [condition("Ready", "False")] }),
        ],
      },
      wants: [{ pod: "web-b", container: "app", previous: false }],
    },
    {
      when: "a ready container restarted once: this run",
      live: { ...healthy, pods: [pod("web-a", { containers: [{ ...container, restarts: 1, last: ended(1) }] })] },
      wants: [{ pod: "web-a", container: "app", previous: false }],
    },
  ])("are fetched from the most telling pod when $when", ({ live, wants }) => {
    expect(logsWanted(live, expected)).toEqual(wants);
  });
});

const JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";

describe("secrets are taken out of", () => {
  test.each([
    { of: "an installation token", text: `clone with ghs_123456_${JWT} now`, shows: "clone with [secret] now" },
    { of: "a personal token", text: "ghp_0123456789abcdefghij", shows: "[secret]" },
    { of: "a fine-grained token", text: "github_pat_11ABCDEFG0abcdefghijkl_mnop", shows: "[secret]" },
    { of: "an AWS key", text: "key AKIAIOSFODNN7EXAMPLE used", shows: "key [secret] used" },
    { of: "a temporary AWS key", text: "ASIAIOSFODNN7EXAMPLE", shows: "[secret]" },
    { of: "a password in a setting", text: "DB_PASSWORD=s3cr3t ok", shows: "DB_PASSWORD=[secret] ok" },
    {
      of: "a password in JSON",
      text: '{"password": "s3cr3t", "user": "a"}',
      shows: '{"password": [secret], "user": "a"}',
    },
    { of: "a token in YAML", text: "token: abcdef", shows: "token: [secret]" },
    { of: "an API key", text: "api-key = abc", shows: "api-key = [secret]" },
    { of: "a JWT", text: `session ${JWT}`, shows: "session [secret]" },
    { of: "a header", text: "Authorization: Bearer abcdefgh12345678", shows: "Authorization: Bearer [secret]" },
    {
      of: "a connection string",
      text: "postgres://app:s3cr3t@db:5432/shop",
      shows: "postgres://app:[secret]@db:5432/shop",
    },
    {
      of: "a private key",
      text: "a\n-----BEGIN RSA PRIVATE KEY-----\nMII\nx==\n-----END RSA PRIVATE KEY-----\nb",
      shows: "a\n[secret]\nb",
    },
    { of: "a private key that was cut off", text: "a\n-----BEGIN PRIVATE KEY-----\nMII", shows: "a\n[secret]" },
    {
      of: "nothing else",
      text: 'secret "db" not found, exit 1 at 10:30',
      shows: 'secret "db" not found, exit 1 at 10:30',
    },
  ])("$of", ({ text, shows }) => {
    expect(redact(text)).toBe(shows);
  });

  test("a text that contains values we know, the longest first, and no short words", () => {
    expect(redact("abcdef abcdefgh true", ["abcdef", "abcdefgh", "true"])).toBe("[secret] [secret] true");
  });
});
