import type { V1Status } from "@kubernetes/client-node";
import { describe } from "vitest";

import { deployment } from "../parity/cluster-world.ts";
import { bothSides, type Side } from "./sides.ts";

const { agree } = bothSides();

const settings = (data: object = {}, metadata: object = {}) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "settings", ...metadata },
  data,
});
const jsonPatch = { type: "application/json-patch+json" };
const mergePatch = { type: "application/merge-patch+json" };
const uidOf = ({ body }: { body: unknown }): string => (body as { metadata: { uid: string } }).metadata.uid;
const versionOf = ({ body }: { body: unknown }): string =>
  (body as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
const web = ({ cluster }: Side, more: Parameters<typeof deployment>[1] = {}) =>
  deployment(cluster.images.good, { replicas: 0, ...more });

describe("JSON Patch", () => {
  const refused: [string, unknown][] = [
    ["a test that fails", [{ op: "test", path: "/data/a", value: "2" }]],
    ["a test of what is not there", [{ op: "test", path: "/data/b", value: "2" }]],
    ["a test in what is not there", [{ op: "test", path: "/nothing/b", value: "2" }]],
    ["a replace of what is not there", [{ op: "replace", path: "/data/b", value: "2" }]],
    ["a removal of what is not there", [{ op: "remove", path: "/data/b" }]],
    ["an add to what is not there", [{ op: "add", path: "/metadata/annotations/b", value: "2" }]],
    ["an operation nobody knows", [{ op: "frobnicate", path: "/data/a", value: "2" }]],
    ["an object instead of operations", { data: { a: "2" } }],
    ["a change of the uid", [{ op: "replace", path: "/metadata/uid", value: "00000000-0000-4000-8000-000000000000" }]],
    ["a change of the name", [{ op: "replace", path: "/metadata/name", value: "other" }]],
    ["an old resourceVersion", [{ op: "replace", path: "/metadata/resourceVersion", value: "1" }]],
    ["a test that holds", [{ op: "test", path: "/data/a", value: "1" }]],
  ];
  for (const [what, patch] of refused) {
    agree(what, async ({ call }) => {
      await call("POST", "configmaps", settings({ a: "1" }));
      return await call("PATCH", "configmaps/settings", patch, jsonPatch);
    });
  }
  agree("a value of the wrong type", async ({ call }) => {
    await call("POST", "configmaps", settings({ a: "1" }));
    const patch = [{ op: "replace", path: "/data/a", value: 2 }];
    const { status, body } = await call("PATCH", "configmaps/settings", patch, jsonPatch);
    const { reason, message, details } = body as V1Status;
    // In between stands the whole object, in an order that is nobody's promise.
    return [status, reason, details?.causes?.map(({ field }) => field), message?.replace(/Value: ".*": /i, "")];
  });
  agree("of what is not there", ({ call }) => call("PATCH", "configmaps/none", [], jsonPatch));
});

describe("refusals", () => {
  agree("exists already", async ({ call }) => {
    await call("POST", "configmaps", settings());
    return await call("POST", "configmaps", settings());
  });
  agree("a Deployment exists already", async (side) => {
    await side.call("POST", "deployments", web(side));
    return await side.call("POST", "deployments", web(side));
  });
  agree("is not there", ({ call }) => call("GET", "deployments/none"));
  agree("a namespace is not there", ({ call }) => call("GET", "/api/v1/namespaces/none"));
  agree("its namespace is not there", ({ call }) => call("POST", "/api/v1/namespaces/none/configmaps", settings()));
  agree("a kind nobody knows", ({ call }) => call("GET", "frobs"));
  agree("a group nobody knows", ({ call }) => call("GET", "/apis/nowhere.example/v1/frobs"));
  agree("written since", async ({ call }) => {
    const version = versionOf(await call("POST", "configmaps", settings()));
    await call("PATCH", "configmaps/settings", { data: { a: "1" } }, mergePatch);
    return await call("PUT", "configmaps/settings", settings({ a: "2" }, { resourceVersion: version }));
  });
  agree("a Deployment written since", async (side) => {
    const version = versionOf(await side.call("POST", "deployments", web(side)));
    await side.call("PATCH", "deployments/web", { metadata: { labels: { a: "1" } } }, mergePatch);
    const body = web(side);
    return await side.call("PUT", "deployments/web", { ...body, metadata: { name: "web", resourceVersion: version } });
  });
  agree("a whole object for another uid", async ({ call }) => {
    await call("POST", "configmaps", settings());
    return await call("PUT", "configmaps/settings", settings({}, { uid: "00000000-0000-4000-8000-000000000000" }));
  });
  agree("a resourceVersion at creation", ({ call }) =>
    call("POST", "configmaps", settings({}, { resourceVersion: "1" })),
  );
  agree("a name in the body that is not the path's", async ({ call }) => {
    await call("POST", "configmaps", settings());
    return await call("PUT", "configmaps/settings", settings({}, { name: "other" }));
  });
  agree("another namespace in the body", ({ call }) =>
    call("POST", "configmaps", settings({}, { namespace: "default" })),
  );
  agree("another kind in the body", ({ call }) => call("POST", "configmaps", { ...settings(), kind: "Secret" }));
  agree("no name", ({ call }) => call("POST", "configmaps", { ...settings(), metadata: {} }));
  agree("a name that is none", ({ call }) => call("POST", "configmaps", settings({}, { name: "Not_A_Name" })));
  agree("a namespace's name that is none", ({ call }) =>
    call("POST", "/api/v1/namespaces", { metadata: { name: "Not_A_Name" } }),
  );
  agree("a label that is none", ({ call }) => call("POST", "configmaps", settings({}, { labels: { a: "no spaces" } })));
  agree("an annotation's key that is none", ({ call }) =>
    call("POST", "configmaps", settings({}, { annotations: { "a b": "" } })),
  );
  agree("no JSON", async ({ call }) => {
    const { status, body } = await call("POST", "configmaps", "not an object");
    return [status, (body as { reason: string }).reason];
  });
});

describe("invalid fields", () => {
  const wrong: [string, Parameters<typeof deployment>[1]][] = [
    ["fewer than no replicas", { replicas: -1 }],
    ["no selector", { spec: { selector: undefined } }],
    ["a selector of other labels", { spec: { selector: { matchLabels: { app: "other" } } } }],
    ["a container without an image", { container: { image: "" } }],
    ["a container's name that is none", { container: { name: "Web_1" } }],
    ["a port that is none", { container: { ports: [{ containerPort: 70_000 }] } }],
    ["an unknown pull policy", { container: { imagePullPolicy: "Sometimes" } }],
    ["a variable without a name", { container: { env: [{ name: "", value: "x" }] } }],
    ["a quantity that is none", { container: { resources: { requests: { cpu: "much" } } } }],
    ["more requested than the limit", { container: { resources: { requests: { cpu: "2" }, limits: { cpu: "1" } } } }],
    ["an unknown restart policy", { pod: { restartPolicy: "Sometimes" } }],
    ["a probe that asks in no way", { container: { readinessProbe: { periodSeconds: 1 } } }],
    ["an unknown strategy", { spec: { strategy: { type: "Sideways" } } }],
    ["a progress deadline below the minimum", { spec: { progressDeadlineSeconds: 1, minReadySeconds: 5 } }],
    [
      "no way to roll",
      { spec: { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } } },
    ],
  ];
  for (const [what, more] of wrong) agree(what, (side) => side.call("POST", "deployments", web(side, more)));
  agree("an unknown field, strictly", (side) =>
    side.call("POST", "deployments?fieldValidation=Strict", web(side, { container: { imgae: "x" } })),
  );
  agree("a selector that changes", async (side) => {
    await side.call("POST", "deployments", web(side));
    const spec = {
      selector: { matchLabels: { app: "web", tier: "front" } },
      template: { metadata: { labels: { tier: "front" } } },
    };
    return await side.call("PATCH", "deployments/web", { spec }, mergePatch);
  });
  agree("a Service without ports", ({ call }) =>
    call("POST", "services", { metadata: { name: "web" }, spec: { selector: { app: "web" } } }),
  );
  agree("an Ingress without a path type", ({ call }) =>
    call("POST", "ingresses", {
      metadata: { name: "web" },
      spec: {
        rules: [{ http: { paths: [{ path: "/", backend: { service: { name: "web", port: { number: 80 } } } }] } }],
      },
    }),
  );
  agree("an Ingress without rules", ({ call }) => call("POST", "ingresses", { metadata: { name: "web" }, spec: {} }));
});

describe("dry runs and deletions", () => {
  agree("a dry run answers as the write would, and stores nothing", async ({ call }) => {
    const { status } = await call("POST", "configmaps?dryRun=All", settings({ a: "1" }));
    return [status, await call("GET", "configmaps/settings")];
  });
  agree("a dry run of what exists", async ({ call }) => {
    await call("POST", "configmaps", settings());
    return await call("POST", "configmaps?dryRun=All", settings());
  });
  agree("a dry run in a patch", async ({ call }) => {
    await call("POST", "configmaps", settings({ a: "1" }));
    const { status, body } = await call("PATCH", "configmaps/settings?dryRun=All", { data: { a: "2" } }, mergePatch);
    const { body: after } = await call("GET", "configmaps/settings");
    return [status, (body as { data: object }).data, (after as { data: object }).data];
  });
  const preconditions = (more: object) => ({ apiVersion: "v1", kind: "DeleteOptions", preconditions: more });
  agree("a deletion for another uid", async ({ call }) => {
    await call("POST", "configmaps", settings());
    return await call("DELETE", "configmaps/settings", preconditions({ uid: "00000000-0000-4000-8000-000000000000" }));
  });
  agree("a Deployment's deletion for another uid", async (side) => {
    await side.call("POST", "deployments", web(side));
    const uid = "00000000-0000-4000-8000-000000000000";
    return await side.call("DELETE", "deployments/web", preconditions({ uid }));
  });
  agree("a namespace's deletion for another uid", ({ call, namespace }) =>
    call("DELETE", `/api/v1/namespaces/${namespace}`, preconditions({ uid: "00000000-0000-4000-8000-000000000000" })),
  );
  agree("a deletion of another version", async ({ call }) => {
    await call("POST", "configmaps", settings());
    return await call("DELETE", "configmaps/settings", preconditions({ resourceVersion: "1" }));
  });
  agree("a deletion", async ({ call }) => {
    const uid = uidOf(await call("POST", "configmaps", settings()));
    return [
      await call("DELETE", "configmaps/settings", preconditions({ uid })),
      await call("DELETE", "configmaps/settings"),
    ];
  });
  agree("a Deployment's deletion", async (side) => {
    const uid = uidOf(await side.call("POST", "deployments", web(side)));
    return await side.call("DELETE", "deployments/web", { ...preconditions({ uid }), propagationPolicy: "Background" });
  });
});
