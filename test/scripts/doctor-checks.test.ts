import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { awsChecks } from "../../scripts/doctor/aws-checks.ts";
import type { AwsFacts, FunctionView, QueueView } from "../../scripts/doctor/aws-facts.ts";
import { type Area, type Check, exitCode, type Known, ok, unknown, warn } from "../../scripts/doctor/check.ts";
import { eksChecks, type EksFacts } from "../../scripts/doctor/eks.ts";
import { githubChecks } from "../../scripts/doctor/github-checks.ts";
import type { GitHubFacts } from "../../scripts/doctor/github-facts.ts";
import { imageChecks } from "../../scripts/doctor/images.ts";
import { namesChecks } from "../../scripts/doctor/names-checks.ts";
import type { NamesFacts } from "../../scripts/doctor/names-facts.ts";
import { render } from "../../scripts/doctor/render.ts";
import { APP_PERMISSIONS, EVENTS } from "../../scripts/setup/manifest.ts";
import type { AttemptView } from "../../scripts/installation/github-app.ts";

const is = <T>(value: T): Known<T> => ({ kind: "known", value });
const not = (because: string): Known<never> => ({ kind: "unknown", because });
const NOW = Date.parse("2026-11-22T12:00:00Z");
const DAY = 24 * 60 * 60 * 1000;

/** What is not fine, one line each. */
const complaints = (checks: readonly Check[]): string[] =>
  checks.filter(({ level }) => level !== "ok").map(({ level, what }) => `${level}: ${what}`);

describe("the stack", () => {
  const ready: FunctionView = {
    state: "Active",
    lastUpdate: "Successful",
    runtime: "nodejs24.x",
    role: "",
    environment: {},
  };
  const quiet: QueueView = { waiting: 0, dead: 0, consumed: true };
  const healthy: AwsFacts = {
    stack: {
      id: "arn:aws:cloudformation:eu-west-1:111122223333:stack/proa/1",
      name: "proa",
      region: "eu-west-1",
      account: "111122223333",
      status: "UPDATE_COMPLETE",
      statusReason: null,
      createdAt: NOW,
      outputs: { Version: "0.1.0+abc" },
      parameters: {},
      tags: {},
    },
    functions: { webhook: is(ready), deployer: is(ready), reporter: is(ready), tick: is(ready), sweeper: is(ready) },
    queues: { deployer: is(quiet), reporter: is(quiet), tick: is(quiet) },
    table: is({ status: "ACTIVE", indexes: [{ name: "due", status: "ACTIVE" }] }),
    schedules: is([
      { name: "proa-sweep-overdue", enabled: true },
      { name: "proa-sweep-github", enabled: true },
    ]),
    alarms: is([]),
    secrets: is({ app: {}, webhook: {} }),
    ping: is({ status: 202, body: "" }),
  };
  const stack = (change: Partial<AwsFacts["stack"]>): AwsFacts => ({
    ...healthy,
    stack: { ...healthy.stack, ...change },
  });

  test.each<[string, AwsFacts, string[]]>([
    ["all is well", healthy, []],
    ["rolled back", stack({ status: "UPDATE_ROLLBACK_COMPLETE" }), ["warn: Its last change was taken back"]],
    [
      "stuck",
      stack({ status: "UPDATE_ROLLBACK_FAILED", statusReason: "no role" }),
      ["fail: It is UPDATE_ROLLBACK_FAILED: no role"],
    ],
    ["another version", stack({ outputs: { Version: "0.0.9" } }), ["warn: It runs 0.0.9; this checkout is 0.1.0+abc"]],
    ["no version", stack({ outputs: {} }), ["unknown: Which version runs: the stack has no output Version"]],
    [
      "a function that failed to update",
      { ...healthy, functions: { ...healthy.functions, tick: is({ ...ready, lastUpdate: "Failed" }) } },
      ["fail: tick is Active, its last update Failed"],
    ],
    [
      "a function nobody may look at",
      { ...healthy, functions: { ...healthy.functions, tick: not("AccessDenied") } },
      ["unknown: The function proa-tick could not be looked at: AccessDenied"],
    ],
    [
      "a queue that reaches nobody, with dead letters",
      { ...healthy, queues: { ...healthy.queues, deployer: is({ waiting: 7, dead: 1, consumed: false }) } },
      ["fail: The deployer's queue reaches nobody (7 waiting)", "fail: 1 dead letter of the deployer"],
    ],
    [
      "a table without its index",
      { ...healthy, table: is({ status: "ACTIVE", indexes: [] }) },
      ['fail: The table\'s index "due" is not there: nothing wakes what waits'],
    ],
    [
      "a table whose index nobody describes",
      { ...healthy, table: is({ status: "ACTIVE", indexes: [{ name: "due", status: "" }] }) },
      ["unknown: The table's index: AWS does not say how it is"],
    ],
    [
      "a schedule that is off",
      {
        ...healthy,
        schedules: is([
          { name: "proa-sweep-overdue", enabled: false },
          { name: "proa-sweep-github", enabled: true },
        ]),
      },
      ["fail: Switched off: proa-sweep-overdue. What an event missed stays missed"],
    ],
    ["an alarm", { ...healthy, alarms: is(["proa-webhook-errors"]) }, ["fail: The alarm proa-webhook-errors rings"]],
    ["not set up", { ...healthy, ping: is({ status: 503, body: "" }) }, ["fail: The webhook is not set up yet"]],
    [
      "a secret the function does not know",
      { ...healthy, ping: is({ status: 401, body: "" }) },
      ["fail: The webhook does not take the stored secret"],
    ],
    [
      "a secret nobody may read",
      { ...healthy, ping: is({ status: 401, body: "" }), secrets: not("AccessDenied") },
      ["unknown: Whether the webhook takes the stored secret: AccessDenied"],
    ],
  ])("%s", (_, facts, expected) => {
    expect(complaints(awsChecks(facts, "0.1.0+abc").checks)).toEqual(expected);
  });

  test("an alarm's remedy is its page", () => {
    const { checks } = awsChecks({ ...healthy, alarms: is(["proa-webhook-errors"]) }, "0.1.0+abc");
    expect(checks.find(({ level }) => level === "fail")?.remedy).toBe("docs/runbooks/webhook-errors.md");
  });
});

describe("EKS", () => {
  const role = "arn:aws:iam::111122223333:role/proa-deployer";
  const healthy: EksFacts = {
    cluster: "blue",
    description: is({ status: "ACTIVE", authenticationMode: "API", open: "anywhere" }),
    entries: [{ role, entry: is({ groups: ["proa:deployers"], createdAt: NOW }) }],
    rolesSince: NOW - DAY,
    inVpc: false,
  };
  const entry = (value: { groups: string[]; createdAt: number } | null): EksFacts => ({
    ...healthy,
    entries: [{ role, entry: is(value) }],
  });
  const open = (how: "some addresses" | "its network", inVpc: boolean): EksFacts => ({
    ...healthy,
    inVpc,
    description: is({ status: "ACTIVE", authenticationMode: "API", open: how }),
  });

  test.each<[string, EksFacts, string[]]>([
    ["all is well", healthy, []],
    ["no entry", entry(null), ["fail: proa-deployer has no access entry in blue"]],
    [
      "another group",
      entry({ groups: ["admins"], createdAt: NOW }),
      ["fail: The access entry of proa-deployer is not in the group proa:deployers"],
    ],
    [
      "an entry of a role that was deleted",
      entry({ groups: ["proa:deployers"], createdAt: NOW - 2 * DAY }),
      ["fail: The access entry of proa-deployer is older than the role: it lets in one that was deleted"],
    ],
    [
      "a cluster that is not there: nobody has an entry in it",
      { ...entry(null), description: not("No cluster found for name: blue") },
      ["unknown: The EKS cluster blue could not be looked at: No cluster found for name: blue"],
    ],
    [
      "aws-auth alone",
      { ...healthy, description: is({ status: "ACTIVE", authenticationMode: "CONFIG_MAP", open: "anywhere" }) },
      ["fail: It does not look at access entries (CONFIG_MAP)"],
    ],
    [
      "private, functions outside",
      open("its network", false),
      ["fail: It is reached from its own network only, and the functions are in none"],
    ],
    ["private, functions inside", open("its network", true), []],
    [
      "open to some",
      open("some addresses", false),
      ["warn: It is open to some addresses only, and Lambda has no fixed one"],
    ],
  ])("%s", (_, facts, expected) => {
    expect(complaints(eksChecks(facts))).toEqual(expected);
  });
});

describe("GitHub", () => {
  const attempt: AttemptView = {
    id: "1",
    guid: "a",
    deliveredAt: NOW,
    ok: true,
    event: "push",
    redelivery: false,
    status: 202,
  };
  const app = {
    id: 7,
    slug: "proa-acme",
    htmlUrl: "https://github.com/apps/proa-acme",
    owner: "acme",
    permissions: APP_PERMISSIONS,
    events: EVENTS,
  };
  const hook = { url: "https://hook.example/", contentType: "json", verifiesTls: true, hasSecret: true };
  const installation = { id: 1, account: "acme", suspended: false, permissions: APP_PERMISSIONS, htmlUrl: "https://x" };
  const healthy: GitHubFacts = {
    appId: 7,
    slug: "proa-acme",
    hookUrl: "https://hook.example",
    now: NOW,
    app: is(app),
    hook: is(hook),
    installations: is([installation]),
    deliveries: is([attempt]),
  };

  test.each<[string, GitHubFacts, string[]]>([
    ["all is well", healthy, []],
    [
      "a key GitHub does not take",
      { ...healthy, app: not("GET /app: 401 A JSON web token could not be decoded") },
      ["fail: GitHub does not take the stored key: GET /app: 401 A JSON web token could not be decoded"],
    ],
    ["GitHub down", { ...healthy, app: not("fetch failed") }, ["fail: GitHub cannot be asked: fetch failed"]],
    [
      "a permission and an event short",
      { ...healthy, app: is({ ...app, permissions: { ...APP_PERMISSIONS, checks: "read" }, events: EVENTS.slice(1) }) },
      ["fail: It lacks the permissions checks: write", "fail: It is not sent the events check_run"],
    ],
    [
      "more than it needs",
      {
        ...healthy,
        app: is({ ...app, permissions: { ...APP_PERMISSIONS, administration: "write", issues: "write" } }),
      },
      ["warn: It may do more than Proa needs: administration: write, issues: write"],
    ],
    [
      "renamed",
      { ...healthy, app: is({ ...app, slug: "proa-new" }) },
      ["fail: It is called proa-new now; Proa knows its comments by proa-acme[bot]"],
    ],
    [
      "a hook that goes elsewhere, as a form, unsigned",
      { ...healthy, hook: is({ ...hook, url: "https://old.example/", contentType: "form", hasSecret: false }) },
      [
        "fail: GitHub delivers to https://old.example/, and the stack listens at https://hook.example",
        "fail: Deliveries come as form, not as JSON",
        "fail: GitHub signs nothing: the App has no webhook secret",
      ],
    ],
    ["installed nowhere", { ...healthy, installations: is([]) }, ["fail: It is installed nowhere"]],
    [
      "suspended, and not yet accepted",
      {
        ...healthy,
        installations: is([
          { ...installation, suspended: true },
          { ...installation, account: "other", permissions: { ...APP_PERMISSIONS, merge_queues: "none" } },
        ]),
      },
      ["warn: It is suspended in acme: nothing happens there", "fail: other has not accepted merge_queues: read"],
    ],
    [
      "deliveries that still fail",
      {
        ...healthy,
        deliveries: is([
          { ...attempt, id: "3", guid: "c", ok: false, status: 401 },
          { ...attempt, id: "2", guid: "b", ok: false, status: 0 },
          attempt,
        ]),
      },
      ["fail: 2 of the last day's deliveries did not arrive: 1× no answer, 1× 401, the secret on GitHub is not Proa's"],
    ],
    [
      "a delivery that failed and arrived later",
      {
        ...healthy,
        deliveries: is([
          { ...attempt, id: "2", redelivery: true },
          { ...attempt, ok: false, status: 500 },
        ]),
      },
      [],
    ],
    ["quiet for a day", { ...healthy, deliveries: is([]) }, ["warn: GitHub has delivered nothing for a day"]],
  ])("%s", (_, facts, expected) => {
    expect(complaints(githubChecks(facts).checks)).toEqual(expected);
  });
});

describe("the names of previews", () => {
  const healthy: NamesFacts = {
    host: "proa-doctor-1.preview.example",
    now: NOW,
    addresses: is(["192.0.2.1"]),
    ingress: is(["192.0.2.1", "192.0.2.2"]),
    certificate: is({ issuer: "Example CA", validTo: NOW + 60 * DAY, distrust: null }),
  };
  test.each<[string, NamesFacts, string[]]>([
    ["all is well", healthy, []],
    ["no record", { ...healthy, addresses: is([]) }, ["fail: *.preview.example leads nowhere"]],
    [
      "somewhere else",
      { ...healthy, addresses: is(["198.51.100.9"]) },
      ["warn: *.preview.example leads to 198.51.100.9; the ingress' load balancer is at 192.0.2.1, 192.0.2.2"],
    ],
    [
      "nobody knows where the ingress is",
      { ...healthy, ingress: not("forbidden") },
      ["unknown: *.preview.example leads to 192.0.2.1: whether that is the ingress is not known (forbidden)"],
    ],
    [
      "a certificate for another name",
      { ...healthy, certificate: is({ issuer: "x", validTo: NOW, distrust: "Hostname does not match" }) },
      ["fail: Browsers would not trust it: Hostname does not match"],
    ],
    [
      "one that ends soon",
      { ...healthy, certificate: is({ issuer: "Example CA", validTo: NOW + 20 * DAY, distrust: null }) },
      ["warn: The certificate of Example CA is good for 20 days more"],
    ],
    [
      "nobody listens",
      { ...healthy, certificate: not("ECONNREFUSED") },
      ["unknown: The certificate could not be looked at: ECONNREFUSED"],
    ],
    ["plain http", { ...healthy, certificate: null }, ["warn: They are served over plain http (PROA_PUBLIC_URL)"]],
  ])("%s", (_, facts, expected) => {
    expect(complaints(namesChecks("preview.example", facts).checks)).toEqual(expected);
  });
});

describe("the registries", () => {
  const ecr = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/acme/**";
  const refused = { kind: "problem", code: "forbidden", because: "401" } as const;
  test.each([
    [
      "whoever may look is told that the tag is not there",
      { pattern: ecr, guessed: true, answer: { kind: "looked" } },
      "ok",
    ],
    ["ECR says so where somebody may not", { pattern: ecr, guessed: true, answer: refused }, "fail"],
    [
      "another registry says the same of what is not there",
      { pattern: "registry.example/acme/**", guessed: true, answer: refused },
      "unknown",
    ],
    [
      "a repository that was named is there",
      { pattern: "registry.example/a", guessed: false, answer: refused },
      "fail",
    ],
  ] as const)("%s", (_, facts, level) => {
    expect(imageChecks([facts]).checks[0]?.level).toBe(level);
  });
});

test("every page that a remedy names is there", () => {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const scripts = globSync("scripts/{doctor,setup,rotate,redrive,installation}{,/*}.ts", { cwd: root });
  const pages = scripts.flatMap((file) => readFileSync(join(root, file), "utf8").match(/docs\/[\w/-]+\.md/g) ?? []);
  expect(pages.length).toBeGreaterThan(5);
  expect(pages.filter((page) => !existsSync(join(root, page)))).toEqual([]);
});

test("unknown is not well: it ends with another code than a failure", () => {
  const area = (...checks: Check[]): Area[] => [{ name: "x", checks }];
  expect(exitCode(area(ok("a"), warn("b", "c")))).toBe(0);
  expect(exitCode(area(ok("a"), unknown("b", "c")))).toBe(2);
  expect(exitCode(area(unknown("b", "c"), { level: "fail", what: "d" }))).toBe(1);
});

test("a line is as wide as a terminal, and says below what to do", () => {
  const long = "word ".repeat(30).trim();
  const text = render([{ name: "The stack", checks: [warn(long, `run ${long}`), ok("fine")] }], false);
  expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
  expect(text).toContain("  warn     word word");
  expect(text).toContain("           → run word");
  expect(text).toContain("Of 2 checks 1 worth a look.");
});

test("a command is not broken: it is there to be copied", () => {
  const command = `aws eks create-access-entry ${"--option value ".repeat(8)}`.trim();
  expect(render([{ name: "Cluster", checks: [warn("no entry", command)] }], false)).toContain(`→ ${command}\n`);
});
