import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { DEFAULT_PREVIEW_POLICY, previewAccess, renderPreviewBase } from "../../src/core/manifests-preview.ts";
import type { KubeObject } from "../../src/core/manifests.ts";
import { loadTemplates } from "../../src/templates.ts";
import { repoId } from "./decision-fixture.ts";

const templates = loadTemplates();
const namespace = "acme-shop-pr-7";
const text = (file: string): string =>
  readFileSync(new URL(`../../templates/cluster/${file}.yaml`, import.meta.url), "utf8");
const objects = (file: string): KubeObject[] =>
  parseAllDocuments(text(file)).map((document) => document.toJS() as KubeObject);

type Rule = { resources: string[]; resourceNames?: string[]; verbs: string[] };
const rules = (file: string, role: string): Rule[] =>
  objects(file)
    .filter(({ kind, metadata }) => kind === "ClusterRole" && metadata.name === role)
    .flatMap((object) => object["rules"] as Rule[]);

/** Two folders that are applied by two different hands. */
describe("what Proa renders is what templates/cluster/ lets it do", () => {
  const binding = previewAccess({ templates, namespace });

  test("it binds the one role that it may bind, to those whom the policy and the cluster-wide binding name", () => {
    const { name } = binding["roleRef"] as { name: string };
    expect(rules("deployer", "proa-deployer").find(({ verbs }) => verbs.includes("bind"))?.resourceNames).toEqual([
      name,
    ]);
    const [wide] = objects("deployer").filter(({ kind }) => kind === "ClusterRoleBinding");
    expect(binding["subjects"]).toEqual(wide?.["subjects"]);
    const policies = text("admission");
    for (const each of [name, binding.metadata.name, "proa:deployers", "system:serviceaccount:proa:proa-deployer"])
      expect(policies).toContain(`"${each}"`);
  });

  test("its fences have the names that it may change", () => {
    const target = { kind: "preview", repoId, number: 7 } as const;
    const fences = renderPreviewBase({ templates, target, namespace, policy: DEFAULT_PREVIEW_POLICY });
    const named = rules("preview-role", "proa-preview").flatMap(({ resources, resourceNames = [] }) =>
      resources.flatMap((resource) => resourceNames.map((name) => `${resource}/${name}`)),
    );
    const rendered = fences.map(({ kind, metadata }) => `${plural(kind)}/${metadata.name}`);
    expect(named).toEqual(expect.arrayContaining(rendered));
  });

  test("no role but the cluster-wide one deletes anything, and none reads Secrets but by name", () => {
    const all = ["preview-role", "environment-roles"].flatMap((file) =>
      objects(file).flatMap((object) => object["rules"] as Rule[]),
    );
    expect(all.filter(({ verbs }) => verbs.some((verb) => ["delete", "deletecollection", "*"].includes(verb)))).toEqual(
      [],
    );
    const secrets = all.filter(
      ({ resources, verbs }) => resources.includes("secrets") && !verbs.every((verb) => verb === "create"),
    );
    expect(secrets.map(({ resourceNames }) => resourceNames)).toEqual([["proa-preview-secrets"]]);
  });
});

const plural = (kind: string): string => (kind.endsWith("y") ? `${kind.slice(0, -1)}ies` : `${kind}s`).toLowerCase();
