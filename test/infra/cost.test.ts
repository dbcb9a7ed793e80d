import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bill, dollars, perIdleMonth, perThousandPullRequests } from "./cost.ts";
import { deployer, resources, root } from "./templates.ts";

const page = readFileSync(join(root, "docs", "cost.md"), "utf8");
const count = (type: string): number => resources(deployer, type).length;
const idle = perIdleMonth({ alarms: count("AWS::CloudWatch::Alarm"), secrets: count("AWS::SecretsManager::Secret") });

test("the page's bills are what the assumptions and the price list come to", () => {
  expect(page).toContain(bill(perThousandPullRequests()));
  expect(page).toContain(bill(idle));
});

test("what its first sentence promises is the rounded-up sum of both", () => {
  const sum = (lines: Parameters<typeof bill>[0]): number =>
    Math.ceil(lines.reduce((total, line) => total + dollars(line), 0));
  expect(page).toContain(
    `about $${sum(perThousandPullRequests())} for 1,000 pull requests, and $${sum(idle)} a month for standing there`,
  );
});

test("a bill is amounts times prices", () => {
  const lines = [
    { what: "Calls", amount: 2_000_000, unit: "calls", price: 0.4, per: 1_000_000 },
    { what: "Keys", amount: 2, unit: "keys", price: 1, per: 1 },
  ];
  expect(bill(lines).split("\n").slice(2)).toEqual([
    "| Calls | 2,000,000 calls | $0.4 per 1,000,000 calls | $0.80 |",
    "| Keys | 2 keys | $1 each | $2.00 |",
    "| **together** | | | **$2.80** |",
  ]);
});
