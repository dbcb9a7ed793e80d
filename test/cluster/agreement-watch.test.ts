import type { V1Status } from "@kubernetes/client-node";
import { describe } from "vitest";

import { until } from "../parity/test-cluster.ts";
import { bothSides, inOrder, type Answer, type Side } from "./sides.ts";

const { agree, differ } = bothSides();

const settings = (name: string, labels: object = {}) => ({ metadata: { name, labels }, data: { name } });
const listVersion = ({ body }: Answer): string =>
  (body as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
const merge = { type: "application/merge-patch+json" };
const ours = "labelSelector=ours";

const widgets = (group: string) => ({
  metadata: { name: `widgets.${group}` },
  spec: {
    group,
    scope: "Namespaced",
    names: { plural: "widgets", singular: "widget", kind: "Widget" },
    versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
  },
});

/** All events of a watch that ends by itself after a second; not those of objects that only one of the clusters has. */
async function watched({ call }: Side, query: string): Promise<unknown[]> {
  const { status, body } = await call("GET", `configmaps?watch=1&timeoutSeconds=1&${query}`);
  if (typeof body !== "string") return [status, kindOfEvent(body)];
  return body
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => kindOfEvent(JSON.parse(line)));
}

function kindOfEvent(event: unknown): unknown {
  const { type, object } = event as {
    type: string;
    object: { kind: string; metadata?: { name?: string; annotations?: object } };
  };
  if (type === undefined) return event;
  return object.kind === "Status" ? event : [type, object.kind, object.metadata?.name, object.metadata?.annotations];
}

describe("a watch", () => {
  agree("from a list's version on shows what came after it, in order", async (side) => {
    const { call } = side;
    await call("POST", "configmaps", settings("before", { ours: "1" }));
    const since = listVersion(await call("GET", "configmaps"));
    await call("POST", "configmaps", settings("a", { ours: "1" }));
    await call("PATCH", "configmaps/a", { data: { more: "1" } }, merge);
    await call("POST", "configmaps", settings("b", { ours: "1" }));
    await call("DELETE", "configmaps/a");
    return await watched(side, `${ours}&resourceVersion=${since}`);
  });
  agree("from an object's own version on", async (side) => {
    const since = listVersion(await side.call("POST", "configmaps", settings("a", { ours: "1" })));
    await side.call("PATCH", "configmaps/a", { data: { more: "1" } }, merge);
    return await watched(side, `${ours}&resourceVersion=${since}`);
  });
  agree("from nowhere shows what is there first", async (side) => {
    await side.call("POST", "configmaps", settings("a", { ours: "1" }));
    await side.call("POST", "configmaps", settings("b", { ours: "1" }));
    return inOrder(await watched(side, ours));
  });
  agree("from zero shows what is there first", async (side) => {
    await side.call("POST", "configmaps", settings("a", { ours: "1" }));
    return await watched(side, `${ours}&resourceVersion=0`);
  });
  agree("by label takes an object that stops matching for deleted, and one that begins to for added", async (side) => {
    const { call } = side;
    await call("POST", "configmaps", settings("a", { ours: "1" }));
    await call("POST", "configmaps", settings("b"));
    const since = listVersion(await call("GET", "configmaps"));
    await call("PATCH", "configmaps/a", { metadata: { labels: { ours: null } } }, merge);
    await call("PATCH", "configmaps/b", { metadata: { labels: { ours: "1" } } }, merge);
    await call("PATCH", "configmaps/b", { data: { more: "1" } }, merge);
    return await watched(side, `${ours}&resourceVersion=${since}`);
  });
  agree("of one object by name", async (side) => {
    const since = listVersion(await side.call("GET", "configmaps"));
    await side.call("POST", "configmaps", settings("a"));
    await side.call("POST", "configmaps", settings("b"));
    return await watched(side, `fieldSelector=metadata.name%3Db&resourceVersion=${since}`);
  });
  agree("with a list at its beginning ends it with a bookmark", async (side) => {
    await side.call("POST", "configmaps", settings("a", { ours: "1" }));
    const query = "sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan";
    // Other bookmarks may follow whenever a server likes.
    return (await watched(side, `${ours}&${query}`)).slice(0, 2);
  });
  agree("from before what is kept is told so", async (side) => {
    const { call, namespace } = side;
    // A real server keeps all it has seen of an old kind; of a new one nothing from before it was made. Here there are no new kinds.
    const group = `${namespace}.example`;
    const kinds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    const made = await call("POST", kinds, widgets(group));
    const path = made.status === 201 ? `/apis/${group}/v1/namespaces/${namespace}/widgets` : "configmaps";
    await until(
      () => call("GET", path),
      ({ status }) => status === 200,
    );
    const { body } = await call("GET", `${path}?watch=1&timeoutSeconds=1&resourceVersion=1`);
    if (made.status === 201) await call("DELETE", `${kinds}/widgets.${group}`);
    return [(body as { type: string }).type, (body as { object: V1Status }).object];
  });
  agree("from what is no version is refused", async ({ call }) => {
    const { status } = await call("GET", "configmaps?watch=1&timeoutSeconds=1&resourceVersion=yesterday");
    return status >= 400;
  });
});

describe("a list", () => {
  agree("in pages: how many are left, and how to go on", async ({ call }) => {
    for (const name of ["a", "b", "c"]) await call("POST", "configmaps", settings(name, { ours: "1" }));
    const page = (await call("GET", `configmaps?${ours}&limit=2`)).body as Page;
    const token = encodeURIComponent(page.metadata.continue ?? "");
    const next = (await call("GET", `configmaps?${ours}&limit=2&continue=${token}`)).body as Page;
    return [names(page), page.metadata.continue !== undefined, names(next), next.metadata.continue];
  });
  agree("of a kind that has none", ({ call }) => call("GET", "networkpolicies"));
  agree("by a selector that is none", async ({ call }) => {
    const { status, body } = await call("GET", "configmaps?labelSelector=%3D%3D");
    return [status, (body as { reason: string }).reason];
  });
  agree("by a field that cannot be selected by", ({ call }) => call("GET", "configmaps?fieldSelector=data.a%3Db"));
  agree("of pods by phase and node", async ({ call }) => {
    const { status, body } = await call("GET", "pods?fieldSelector=status.phase%3DRunning%2Cspec.nodeName%3Dnone");
    return [status, (body as Page).items];
  });
  agree("with a continue token that is none", async ({ call }) => {
    const { status, body } = await call("GET", "configmaps?limit=2&continue=garbage");
    return [status, (body as { reason: string }).reason];
  });
  differ("a later page shows the first page's moment", "Lists in pages", async ({ call }) => {
    for (const name of ["a", "b", "c"]) await call("POST", "configmaps", settings(name, { ours: "1" }));
    const { metadata } = (await call("GET", `configmaps?${ours}&limit=1`)).body as Page;
    await call("DELETE", "configmaps/c");
    const token = encodeURIComponent(metadata.continue ?? "");
    return names((await call("GET", `configmaps?${ours}&continue=${token}`)).body as Page);
  });
});

interface Page {
  readonly metadata: { readonly continue?: string };
  readonly items: { metadata: { name: string } }[];
}
const names = ({ items }: Page): string[] => items.map(({ metadata }) => metadata.name);
