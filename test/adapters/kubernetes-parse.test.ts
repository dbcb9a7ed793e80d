import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parsePage } from "../../src/adapters/kubernetes-json.ts";
import {
  parseDeployment,
  parseEvent,
  parseNamespace,
  parsePod,
  parseReplicaSet,
} from "../../src/adapters/kubernetes-parse.ts";
import { adoptOwnFields } from "../../src/adapters/kubernetes-ownership.ts";

const fixture = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(`../fixtures/cluster/${name}.json`, import.meta.url), "utf8")) as Record<
    string,
    unknown
  >;

const at = (time: string): number => Date.parse(`2026-11-22T${time}Z`);

describe("what the API server says is read as", () => {
  test("a Deployment, with probes in words and foreign owners by name", () => {
    const view = parseDeployment(fixture("deployment"), "proa");
    expect(view).toMatchObject({
      name: "web",
      namespace: "shop-7",
      generation: 12,
      replicas: 2,
      strategy: "RollingUpdate",
      paused: false,
      progressDeadlineSeconds: 600,
      createdAt: at("04:00:00"),
      foreignManagers: ["kubectl-set"],
      status: { observedGeneration: 12, replicas: 3, updated: 1, ready: 2, available: 2, unavailable: 1 },
    });
    expect(view.status.conditions).toEqual([
      {
        type: "Progressing",
        status: "True",
        reason: "ReplicaSetUpdated",
        message: 'ReplicaSet "web-5d8f" is progressing.',
        since: at("04:00:00"),
        updatedAt: at("05:00:10"),
      },
    ]);
    expect(view.containers).toEqual([
      {
        name: "app",
        image: "registry.example/acme/shop-web:1",
        readiness: { kind: "http", target: ":8080/healthz" },
        liveness: { kind: "tcp", target: ":8080" },
        startup: { kind: "exec", target: "cat /tmp/ok" },
        ports: [8080],
      },
      {
        name: "rpc",
        image: "registry.example/acme/rpc:1",
        readiness: { kind: "grpc", target: ":9000" },
        liveness: null,
        startup: null,
        ports: [],
      },
    ]);
    expect(view.initContainers.map(({ name }) => name)).toEqual(["migrate"]);
  });

  test("a Deployment that nobody has looked at yet: the API's defaults", () => {
    const bare = { metadata: { name: "web", uid: "u" }, spec: { template: { spec: { containers: [] } } } };
    expect(parseDeployment(bare, "proa")).toMatchObject({
      replicas: 1,
      progressDeadlineSeconds: null,
      annotations: {},
      status: { observedGeneration: 0, updated: 0, conditions: [] },
    });
  });

  test("a Pod with its containers' states", () => {
    expect(parsePod(fixture("pod"))).toMatchObject({
      ownerUid: "0c7f1d6e-7a43-4a0c-9f0e-1b1a3b1f0002",
      node: "ip-10-0-1-7.ec2.internal",
      deletedAt: null,
      phase: "Running",
      reason: null,
      initContainers: [
        {
          name: "migrate",
          state: { kind: "terminated", exitCode: 0, signal: null, reason: "Completed" },
          last: { kind: "unknown" },
        },
      ],
      containers: [
        {
          ready: false,
          restarts: 3,
          started: false,
          state: { kind: "waiting", reason: "CrashLoopBackOff" },
          last: { kind: "terminated", exitCode: 137, signal: 9, reason: "OOMKilled", finishedAt: at("05:00:40") },
        },
      ],
    });
  });

  test("a ReplicaSet with its revision and owner", () => {
    expect(parseReplicaSet(fixture("replicaset"))).toMatchObject({
      revision: "5",
      ownerUid: "0c7f1d6e-7a43-4a0c-9f0e-1b1a3b1f0001",
      replicas: 1,
      ready: 0,
      images: ["registry.example/acme/shop-web:1"],
    });
  });

  test.each([
    { reporter: "the kubelet", event: { count: 4, lastTimestamp: "2026-11-22T05:00:09Z" }, count: 4, last: "05:00:09" },
    {
      reporter: "the scheduler",
      event: { count: null, lastTimestamp: null, eventTime: "2026-11-22T05:00:08.123456Z" },
      count: 1,
      last: "05:00:08.123",
    },
    {
      reporter: "a series",
      event: { series: { count: 7, lastObservedTime: "2026-11-22T05:00:07Z" } },
      count: 7,
      last: "05:00:07",
    },
  ])("an Event of $reporter", ({ event, count, last }) => {
    const base = { involvedObject: { kind: "Pod", name: "web-a" }, type: "Warning", reason: "BackOff", message: "m" };
    expect(parseEvent({ ...base, ...event })).toEqual({
      about: "Pod/web-a",
      type: "Warning",
      reason: "BackOff",
      message: "m",
      count,
      lastAt: at(last),
    });
  });

  test("a Namespace on its way out", () => {
    const value = {
      metadata: {
        name: "shop-7",
        uid: "u",
        resourceVersion: "1",
        creationTimestamp: "2026-11-22T04:00:00Z",
        deletionTimestamp: "2026-11-22T05:00:00Z",
      },
      status: {
        phase: "Terminating",
        conditions: [{ type: "NamespaceFinalizersRemaining", status: "True", message: "x in 1 object" }],
      },
    };
    expect(parseNamespace(value)).toMatchObject({
      phase: "Terminating",
      deletedAt: at("05:00:00"),
      conditions: [{ type: "NamespaceFinalizersRemaining" }],
    });
  });

  test.each([
    ["a page of a proxy", "<html>"],
    ["an object without a uid", { metadata: { name: "web" } }],
    ["nothing", null],
  ])("nothing at all, when it is %s", (_, value) => {
    expect(() => parsePod(value)).toThrow(/answered with a Pod that has no name or uid/);
    expect(() => parsePage(value)).toThrow(/a list without items/);
  });
});

describe("fields we own by POST and JSON Patch", () => {
  const managed = (fixture("deployment")["metadata"] as Record<string, unknown>)["managedFields"] as Record<
    string,
    unknown
  >[];
  const container = {
    "f:spec": {
      "f:replicas": {},
      "f:template": { "f:spec": { "f:containers": { 'k:{"name":"app"}': { ".": {}, "f:image": {} } } } },
    },
  };

  test("are moved to what we own by apply, and other owners stay", () => {
    const before = [
      ...managed,
      { manager: "proa", operation: "Apply", apiVersion: "apps/v1", fieldsV1: { "f:spec": { "f:paused": {} } } },
    ];
    const after = adoptOwnFields(before, "proa") as Record<string, unknown>[];
    expect(after.map((entry) => [entry["manager"], entry["operation"]])).toEqual([
      ["kubectl-set", "Update"],
      ["kube-controller-manager", "Update"],
      ["kubectl-annotate", "Update"],
      ["proa", "Apply"],
    ]);
    expect(after.at(-1)?.["fieldsV1"]).toEqual({ "f:spec": { ...container["f:spec"], "f:paused": {} } });
  });

  test("are left alone once they are", () => {
    expect(
      adoptOwnFields(
        [
          { manager: "proa", operation: "Apply" },
          { manager: "x", operation: "Update" },
        ],
        "proa",
      ),
    ).toBeNull();
    expect(adoptOwnFields(undefined, "proa")).toBeNull();
  });
});
