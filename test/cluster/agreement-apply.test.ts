import type { V1Deployment, V1ManagedFieldsEntry, V1Status } from "@kubernetes/client-node";
import { describe } from "vitest";

import { deployment } from "../parity/cluster-world.ts";
import { bothSides, inOrder, type Answer, type Side } from "./sides.ts";

const { agree, differ } = bothSides();

const applyPatch = "application/apply-patch+yaml";
const mergePatch = "application/merge-patch+json";
const jsonPatch = "application/json-patch+json";

const settings = (data: object, metadata: object = {}) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "settings", ...metadata },
  data,
});
/** As a person or a template writes it: replicas only where they are meant. */
const web = ({ cluster }: Side, more: { replicas?: number; image?: string; env?: object[] } = {}) => {
  const { spec, ...rest } = deployment(more.image ?? cluster.images.good);
  const { replicas: _replicas, strategy: _strategy, ...kept } = spec;
  const [container] = spec.template.spec.containers;
  const containers = [{ ...container, ...(more.env === undefined ? {} : { env: more.env }) }];
  const template = { ...spec.template, spec: { containers } };
  return { ...rest, spec: { ...kept, template, replicas: more.replicas } };
};
const apply = ({ call }: Side, path: string, body: object, manager: string, force = false): Promise<Answer> =>
  call("PATCH", `${path}?force=${force}`, body, { type: applyPatch, manager });

/** What each manager owns, as paths, less most defaults: those are nobody's on the local cluster. */
function owners({ body }: Answer): unknown {
  const { metadata } = body as V1Deployment;
  const entries = (metadata?.managedFields ?? []).filter(({ manager }) => manager !== "kube-controller-manager");
  return inOrder(
    entries.map(({ manager, operation, subresource, fieldsV1 }) => [
      manager,
      operation,
      subresource ?? "",
      paths(fieldsV1).filter(written),
    ]),
  );
}

function paths(fields: V1ManagedFieldsEntry["fieldsV1"], before = ""): string[] {
  return Object.entries(fields as Record<string, object>).flatMap(([key, below]) =>
    key === "." ? [] : Object.keys(below).length === 0 ? [before + key] : paths(below, `${before}${key} `),
  );
}

const written = (path: string): boolean =>
  !/(protocol|imagePullPolicy|terminationMessage\w+|resources|failureThreshold|successThreshold|timeoutSeconds|scheme|dnsPolicy|restartPolicy|schedulerName|securityContext|terminationGracePeriodSeconds|progressDeadlineSeconds|revisionHistoryLimit|f:strategy.*)$/.test(
    path,
  );

describe("server-side apply", () => {
  agree("of what is not there makes it", async (side) => {
    const { status, body } = await apply(side, "configmaps/settings", settings({ a: "1" }), "proa");
    return [status, body];
  });
  agree("without a field manager", ({ call }) =>
    call("PATCH", "configmaps/settings", settings({}), { type: applyPatch }),
  );
  agree("with managed fields in it", (side) =>
    apply(side, "configmaps/settings", settings({}, { managedFields: [{ manager: "x" }] }), "proa"),
  );
  agree("with a field nobody knows", async (side) => {
    const { status, body } = await apply(side, "configmaps/settings", { ...settings({}), frob: 1 }, "proa");
    return [status, (body as { message: string }).message.replace(/\(.*?\)/, "")];
  });
  agree("of a name that is not the path's", (side) =>
    apply(side, "configmaps/settings", settings({}, { name: "other" }), "proa"),
  );
  agree("for a uid where there is nothing", (side) =>
    apply(side, "configmaps/settings", settings({}, { uid: "00000000-0000-4000-8000-000000000000" }), "proa"),
  );
  agree("for a resourceVersion where there is nothing", (side) =>
    apply(side, "configmaps/settings", settings({ a: "1" }, { resourceVersion: "1" }), "proa"),
  );
  agree("for another uid", async (side) => {
    await apply(side, "configmaps/settings", settings({ a: "1" }), "proa");
    const uid = "00000000-0000-4000-8000-000000000000";
    return await apply(side, "configmaps/settings", settings({ a: "2" }, { uid }), "proa");
  });
  agree("for an old resourceVersion", async (side) => {
    await apply(side, "configmaps/settings", settings({ a: "1" }), "proa");
    return await apply(side, "configmaps/settings", settings({ a: "2" }, { resourceVersion: "1" }), "proa");
  });
  agree("of an invalid object", (side) => apply(side, "deployments/web", web(side, { replicas: -1 }), "proa"));
  agree("in a namespace that is not there", ({ call }) =>
    call("PATCH", "/api/v1/namespaces/none/configmaps/settings", settings({}), { type: applyPatch, manager: "proa" }),
  );
});

describe("ownership", () => {
  agree("what a manager leaves out goes, and nobody else's", async (side) => {
    await apply(side, "configmaps/settings", settings({ a: "1", b: "1" }), "proa");
    await apply(side, "configmaps/settings", settings({ c: "1" }), "other");
    const answer = await apply(side, "configmaps/settings", settings({ a: "1" }), "proa");
    return [(answer.body as { data: object }).data, owners(answer)];
  });
  agree("what two managers own stays when one leaves it out", async (side) => {
    await apply(side, "configmaps/settings", settings({ a: "1", b: "1" }), "proa");
    await apply(side, "configmaps/settings", settings({ a: "1" }), "other");
    const answer = await apply(side, "configmaps/settings", settings({ b: "1" }), "proa");
    return [(answer.body as { data: object }).data, owners(answer)];
  });
  agree("another manager's value is a conflict", async (side) => {
    await apply(side, "configmaps/settings", settings({ a: "1", b: "1" }), "proa");
    return await apply(side, "configmaps/settings", settings({ a: "2", b: "2" }), "other");
  });
  agree("force takes over", async (side) => {
    await apply(side, "configmaps/settings", settings({ a: "1", b: "1" }), "proa");
    const answer = await apply(side, "configmaps/settings", settings({ a: "2" }), "other", true);
    return [(answer.body as { data: object }).data, owners(answer)];
  });
  agree("conflicts with several managers", async (side) => {
    await apply(side, "configmaps/settings", settings({ a: "1" }), "proa");
    await side.call("PATCH", "configmaps/settings", { data: { b: "1" } }, { type: mergePatch, manager: "hand" });
    const { status, body } = await apply(side, "configmaps/settings", settings({ a: "2", b: "2" }), "other");
    const { message, details } = body as V1Status;
    // The real server's causes come in any order.
    return [status, message, inOrder(details?.causes ?? [])];
  });
  agree("a created Deployment belongs to its creator", async (side) =>
    owners(await side.call("POST", "deployments", web(side, { replicas: 0 }), { manager: "proa" })),
  );
  agree("a JSON Patch moves the image to whoever wrote it", async (side) => {
    await side.call("POST", "deployments", web(side, { replicas: 0 }), { manager: "proa" });
    const image = side.cluster.images.alsoGood;
    const patch = [{ op: "replace", path: "/spec/template/spec/containers/0/image", value: image }];
    return owners(await side.call("PATCH", "deployments/web", patch, { type: jsonPatch, manager: "hand" }));
  });
  agree("an image set by hand is a conflict for whoever applied it", async (side) => {
    await apply(side, "deployments/web", web(side), "proa");
    const image = side.cluster.images.alsoGood;
    const patch = [{ op: "replace", path: "/spec/template/spec/containers/0/image", value: image }];
    await side.call("PATCH", "deployments/web", patch, { type: jsonPatch, manager: "hand" });
    return await apply(side, "deployments/web", web(side), "proa");
  });
  agree("replicas scaled by another manager are a conflict, and stay when left out", async (side) => {
    await apply(side, "deployments/web", web(side, { replicas: 0 }), "proa");
    const scaled = { spec: { replicas: 1 } };
    await side.call("PATCH", "deployments/web/scale", scaled, { type: mergePatch, manager: "hpa" });
    const conflict = await apply(side, "deployments/web", web(side, { replicas: 0 }), "proa");
    const without = await apply(side, "deployments/web", web(side), "proa");
    return [conflict, without.status, (without.body as V1Deployment).spec?.replicas, owners(without)];
  });
  agree("replicas that nobody owns any more go back to one", async (side) => {
    await apply(side, "deployments/web", web(side, { replicas: 0 }), "proa");
    const { status, body } = await apply(side, "deployments/web", web(side), "proa");
    return [status, (body as V1Deployment).spec?.replicas];
  });
  agree("a variable that is left out goes", async (side) => {
    const env = [
      { name: "PORT", value: "8080" },
      { name: "LOG", value: "debug" },
    ];
    await apply(side, "deployments/web", web(side, { env }), "proa");
    const { body } = await apply(side, "deployments/web", web(side), "proa");
    return (body as V1Deployment).spec?.template.spec?.containers[0]?.env;
  });
  agree("an entry moved from Update to Apply lets its manager take fields back", async (side) => {
    const env = [
      { name: "PORT", value: "8080" },
      { name: "LOG", value: "debug" },
    ];
    const { body } = await side.call("POST", "deployments", web(side, { env, replicas: 0 }), { manager: "proa" });
    const { metadata } = body as { metadata: { managedFields: object[] } };
    const moved = metadata.managedFields.map((entry) => ({ ...entry, operation: "Apply" }));
    const adopted = await side.call(
      "PATCH",
      "deployments/web",
      [{ op: "replace", path: "/metadata/managedFields", value: moved }],
      { type: jsonPatch, manager: "proa" },
    );
    const applied = await apply(side, "deployments/web", web(side), "proa");
    const left = (applied.body as V1Deployment).spec?.template.spec?.containers[0]?.env;
    return [owners(adopted), applied.status, left, owners(applied)];
  });
  differ("a status write belongs to its subresource", "Server-side apply", async (side) => {
    await side.call("POST", "deployments", web(side, { replicas: 0 }), { manager: "proa" });
    const status = { conditions: [{ type: "Seen", status: "True" }] };
    const patch = { type: mergePatch, manager: "watcher" };
    const { body } = await side.call("PATCH", "deployments/web/status", { status }, patch);
    const entries = (body as V1Deployment).metadata?.managedFields ?? [];
    return entries
      .filter(({ manager }) => manager === "watcher")
      .map(({ operation, subresource }) => [operation, subresource]);
  });
  differ("a default belongs to whoever created the object", "Server-side apply", async (side) =>
    owners(await side.call("POST", "deployments", web(side), { manager: "proa" })),
  );
  agree("an apply that changes nothing keeps the version", async (side) => {
    const version = ({ body }: Answer) => (body as V1Deployment).metadata?.resourceVersion;
    const first = await apply(side, "configmaps/settings", settings({ a: "1" }), "proa");
    return version(first) === version(await apply(side, "configmaps/settings", settings({ a: "1" }), "proa"));
  });
});
