import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { deployer, resources, root, stacks } from "./templates.ts";

const access = stacks.filter(({ file }) => file === "cluster-access.yaml");
const bound = readFileSync(join(root, "templates/cluster/deployer.yaml"), "utf8");

test("every function that reaches clusters has an entry, in the group that templates/cluster/ gives rights to", () => {
  const entries = access.flatMap((stack) => resources(stack));
  expect(entries.map(({ type, properties }) => [type, properties["PrincipalArn"]])).toEqual([
    ["AWS::EKS::AccessEntry", { Ref: "DeployerRoleArn" }],
    ["AWS::EKS::AccessEntry", { Ref: "SweeperRoleArn" }],
  ]);
  for (const { properties } of entries) {
    expect(properties).not.toHaveProperty("AccessPolicies");
    expect(properties["KubernetesGroups"]).toEqual(["proa:deployers"]);
  }
  expect(bound).toContain("name: proa:deployers");
  const reaching = resources(deployer, "AWS::IAM::Role").filter(({ properties }) =>
    JSON.stringify(properties).includes("eks:DescribeCluster"),
  );
  expect(reaching.map(({ id }) => `${id}Arn`)).toEqual(["DeployerRoleArn", "SweeperRoleArn"]);
});
