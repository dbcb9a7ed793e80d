import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import type { Inventory } from "../../scripts/uninstall/inventory.ts";
import { parseOptions, type UninstallOptions } from "../../scripts/uninstall/options.ts";
import { isEmpty, kept, planText } from "../../scripts/uninstall/plan.ts";

const options = (...args: string[]): UninstallOptions => {
  const parsed = parseOptions(args);
  if (parsed === null) throw new Error("no help was asked for");
  return parsed;
};
const secret = (name: string) => ({
  name: `proa/${name}`,
  arn: `arn:aws:secretsmanager:eu-west-1:1:secret:proa/${name}-x`,
  isWaiting: false,
});
const installed: Inventory = {
  stack: {
    id: "arn:aws:cloudformation:eu-west-1:123456789012:stack/proa/1",
    name: "proa",
    region: "eu-west-1",
    account: "123456789012",
    status: "UPDATE_COMPLETE",
    statusReason: null,
    createdAt: 0,
    outputs: {},
    parameters: {},
    tags: {},
  },
  resources: 74,
  tables: [{ name: "proa", arn: "arn:aws:dynamodb:eu-west-1:1:table/proa", items: 1204, isOurs: true }],
  secrets: [secret("webhook"), secret("app")],
  artifacts: { bucket: "proa-bundles", prefix: "proa/" },
  appSlug: "proa-acme",
  inFlight: { deployer: 2, reporter: 1, ticks: 12, dead: 0 },
};
const gone: Inventory = {
  ...installed,
  stack: null,
  resources: 0,
  artifacts: null,
  secrets: installed.secrets.map((each) => ({ ...each, isWaiting: true })),
};
const plan = (inventory: Inventory, ...args: string[]) =>
  stripVTControlCharacters(planText(inventory, options(...args)));

describe("an uninstall", () => {
  test("keeps the table, and the secrets for a month", () => {
    const text = plan(installed);
    expect(text).toContain("- stack proa: 74 resources");
    expect(text).toContain("- secret proa/app; it can be had back for 30 days");
    expect(text).toContain("= table proa, about 1204 records (--delete-data removes it)");
  });
  test("says what is on its way, and what is done about it", () => {
    expect(plan(installed)).toContain("2 targets to look at, 1 report, 12 reminders. Webhooks are refused first");
    expect(plan(installed, "--now")).toContain("Not waited for (--now)");
  });
  test("says what was never in the stack", () => {
    const text = plan(installed).replaceAll(/\s+/g, " ");
    expect(text).toContain("kubectl get namespaces -l app.kubernetes.io/managed-by=proa");
    expect(text).toContain("https://github.com/settings/apps/proa-acme,");
  });
  test("removes all of it when it is told to", () => {
    const text = plan(installed, "--delete-data", "--forget");
    expect(text).toContain("- table proa with about 1204 records: all that Proa remembers");
    expect(text).toContain("- secret proa/webhook, at once and for good");
    expect(kept(installed, options("--delete-data", "--forget"))).toEqual([]);
  });
  test("leaves a table that is not labelled as ours to its owner", () => {
    const restored = { name: "restored", arn: "arn:aws:dynamodb:eu-west-1:1:table/restored", items: 7, isOurs: false };
    expect(kept({ ...installed, tables: [restored] }, options("--delete-data", "--forget"))).toEqual([
      "table restored, about 7 records (without the label proa:stack=proa: it is left to you)",
    ]);
  });
  test("leaves the bundles in a bucket of one's own", () => {
    const stack = installed.stack === null ? null : { ...installed.stack, parameters: { CodeBucket: "ours" } };
    expect(kept({ ...installed, tables: [], artifacts: null, stack }, options())).toEqual([
      "the bundles below proa/ in ours, a bucket of your own",
    ]);
  });
  test("fits 80 columns", () => {
    const lines = `${plan(installed)}\n${plan(installed, "--now", "--delete-data")}`.split("\n");
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
  });
  test("that was done finds nothing to do, until the rest is asked for", () => {
    expect(isEmpty(gone, options())).toBe(true);
    expect(isEmpty(gone, options("--delete-data"))).toBe(false);
    expect(isEmpty(gone, options("--forget"))).toBe(false);
  });
  test("that stopped half-way goes on with what is left", () => {
    expect(plan({ ...gone, artifacts: installed.artifacts })).toContain(
      "- stack proa-artifacts: the bucket proa-bundles",
    );
  });
});
