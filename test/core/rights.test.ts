import { expect, test } from "vitest";
import type { Target } from "../../src/core/names.ts";
import type { MissingRight } from "../../src/core/problem.ts";
import { missingRightText } from "../../src/core/rights.ts";
import { preview, staging } from "./decision-fixture.ts";

const again = "apply templates/cluster/ again (docs/cluster-access.md)";
const bind = "bind the ClusterRole proa-environment to it there (docs/cluster-access.md)";
const right = (verb: string, resource: string, namespace: string | null): MissingRight => ({
  verb,
  resource,
  namespace,
});

test.for<[MissingRight, Target | null, string]>([
  [right("create", "services", "acme-shop-pr-7"), preview, `create services in acme-shop-pr-7: ${again}`],
  [right("list", "deployments.apps", "shop-staging"), staging, `list deployments.apps in shop-staging: ${bind}`],
  [right("get", "secrets", "proa"), preview, `get secrets in proa: ${again}`],
  [right("get", "namespaces", "shop-staging"), staging, `get the namespace shop-staging: ${again}`],
  [right("create", "namespaces", null), preview, `create namespaces: ${again}`],
  [right("list", "namespaces", null), null, `list namespaces: ${again}`],
])("%o for %o", ([missing, target, said]) => {
  expect(missingRightText(missing, target)).toBe(`Proa has no right to ${said}`);
});
