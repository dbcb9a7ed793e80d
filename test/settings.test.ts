import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { deployerSettings, readSettings, reporterSettings, sweeperSettings } from "../src/settings.ts";
import { type Environment, SettingsError } from "../src/settings-read.ts";
import { tickSettings, webhookSettings } from "../src/settings-webhook.ts";

const pem = String(
  generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" }),
);
const good: Environment = {
  PROA_GITHUB_APP_ID: "77",
  PROA_GITHUB_APP_SLUG: "proa-test",
  PROA_GITHUB_PRIVATE_KEY: pem,
  PROA_WEBHOOK_SECRETS: "0123456789abcdef",
  PROA_STORE: "sqlite:/var/lib/proa/store.db",
  PROA_QUEUE: "sqs:https://sqs.eu-west-1.amazonaws.com/123456789012/proa",
  PROA_KUBECONFIG: "/etc/proa/kubeconfig",
  PROA_IMAGES: "registry.example/acme/**",
  PROA_DEFAULT_IMAGE: "registry.example/{owner}/{repo}-{service}",
  PROA_DOMAIN: "preview.example.com",
};
const mistakesOf = (env: Environment, read: (env: Environment) => unknown = readSettings): string[] => {
  try {
    read(env);
  } catch (error) {
    if (error instanceof SettingsError) return error.mistakes.map(({ variable, wrong }) => `${variable} ${wrong}`);
    throw error;
  }
  return [];
};

test("the least that works, with its defaults", () => {
  const settings = readSettings(good);
  expect(settings).toMatchObject({
    github: { apiUrl: "https://api.github.com", appId: 77, appSlug: "proa-test" },
    store: { kind: "sqlite", path: "/var/lib/proa/store.db" },
    clusters: [{ name: "default", kind: "kubeconfig", kubeconfig: "/etc/proa/kubeconfig", context: null }],
    registries: {},
    installation: {
      appId: 77,
      imageAllowList: ["registry.example/acme/**"],
      publicUrl: "https://{host}",
      ingressClass: null,
      secretsNamespace: "proa",
      previewCaps: { cpu: "1", memory: "1Gi" },
      logsInPublic: false,
    },
    dashboardUrl: null,
  });
  expect(settings.github.privateKey.reveal()).toBe(pem.trim());
});

test("all mistakes come at once, each with its remedy", () => {
  expect(mistakesOf({ ...good, PROA_GITHUB_APP_ID: "my-app", PROA_STORE: undefined, PROA_DOMAIN: " " })).toEqual([
    'PROA_GITHUB_APP_ID is "my-app"',
    "PROA_STORE is not set",
    "PROA_DOMAIN is not set",
  ]);
  expect(() => readSettings({ ...good, PROA_STORE: "" })).toThrow(
    "PROA_STORE is not set: write dynamodb:<table> or sqlite:<path of a file>",
  );
});

test.each([
  ["PROA_STORE", "dynamodb:", 'is "dynamodb:"'],
  ["PROA_STORE", "dynamodb:a table", 'is "dynamodb:a table"'],
  ["PROA_QUEUE", "sqs:proa", 'is "sqs:proa"'],
  ["PROA_QUEUE", "sqlite:", 'is "sqlite:"'],
  ["PROA_GITHUB_API_URL", "api.github.com", 'is "api.github.com"'],
  ["PROA_GITHUB_APP_SLUG", "Proa Test", 'is "Proa Test"'],
  ["PROA_GITHUB_PRIVATE_KEY", "nonsense", "is no private key"],
  ["PROA_WEBHOOK_SECRETS", "0123456789abcdef,short", "has a secret (number 2) that is too short to be safe"],
  ["PROA_WEBHOOK_SECRETS", " , ", "holds no secret"],
  ["PROA_CLUSTERS", "default", 'has "default"'],
  ["PROA_CLUSTERS", "eu=/a,eu=/b", 'names "eu" twice'],
  ["PROA_CLUSTERS", "EU=/a", 'names a cluster "EU"'],
  ["PROA_CLUSTERS", "eu=eks:", 'has "eu=eks:"'],
  ["PROA_CLUSTERS", "eu=eks:blue@Frankfurt", 'has "eu=eks:blue@Frankfurt"'],
  ["PROA_CLUSTERS", "eu=eks:../blue", 'has "eu=eks:../blue"'],
  ["PROA_CLUSTERS", '{"eu": {"eks": "blue", "kubeconfig": "/a"}}', 'describes "eu" wrongly'],
  ["PROA_CLUSTERS", '{"eu": {"path": "/a"}}', 'describes "eu" wrongly'],
  ["PROA_REGISTRIES", "registry.example", "is not JSON"],
  ["PROA_REGISTRIES", '["registry.example"]', "is not a JSON object"],
  ["PROA_REGISTRIES", '{"r.example": {"kind": "docker"}}', 'has a kind that is neither "oci" nor "ecr" at "r.example"'],
  ["PROA_REGISTRIES", '{"r.example": {"kind": "oci", "user": "x"}}', 'has an unknown key "user" at "r.example"'],
  [
    "PROA_REGISTRIES",
    '{"r.example": {"kind": "oci", "username": "x"}}',
    'needs username and password together at "r.example"',
  ],
  ["PROA_IMAGES", "acme/**,**", 'has "**", which names no registry'],
  ["PROA_DEFAULT_IMAGE", "{repo}", 'is "{repo}"'],
  ["PROA_PUBLIC_URL", "https://previews.example", 'is "https://previews.example"'],
  ["PROA_PREVIEW_MAX_CPU", "lots", 'is "lots"'],
  ["PROA_PREVIEW_MAX_MEMORY", "0", 'is "0"'],
  ["PROA_LOGS_IN_PUBLIC", "yes", 'is "yes"'],
  ["PROA_INGRESS_NAMESPACE_LABEL", "ingress", 'is "ingress"'],
  ["PROA_SECRETS_NAMESPACE", "Not A Namespace", 'is "Not A Namespace"'],
  ["PROA_DASHBOARD_URL", "board", 'is "board"'],
])("%s=%s: it %s", (variable, value, wrong) => {
  expect(mistakesOf({ ...good, [variable]: value })).toEqual([`${variable} ${wrong}`]);
});

describe("secrets", () => {
  test.each([
    ["as it is", pem],
    ["on one line", pem.replaceAll("\n", "\\n")],
    ["in base64", Buffer.from(pem).toString("base64")],
  ])("the private key may be given %s", (_, key) => {
    expect(
      readSettings({ ...good, PROA_GITHUB_PRIVATE_KEY: key })
        .github.privateKey.reveal()
        .trim(),
    ).toBe(pem.trim());
  });

  test("never show when settings are printed", () => {
    const settings = readSettings({
      ...good,
      PROA_REGISTRIES: '{"r.example": {"kind": "oci", "username": "proa", "password": "hunter22"}}',
    });
    const printed = inspect(settings, { depth: 9 }) + JSON.stringify(settings);
    for (const secret of ["hunter22", "0123456789abcdef", "PRIVATE KEY"]) expect(printed).not.toContain(secret);
  });

  test("never show in an error, even where the JSON around them is broken", () => {
    const broken = {
      ...good,
      PROA_REGISTRIES: '{"r.example": {"password": "hunter22"',
      PROA_WEBHOOK_SECRETS: "hunter22",
    };
    expect(mistakesOf(broken).join("\n")).not.toContain("hunter22");
  });
});

const inFile = (name: string, kubeconfig: string, context: string | null = null) => ({
  name,
  kind: "kubeconfig",
  kubeconfig,
  context,
});
const inEks = (name: string, cluster: string, region: string | null = null) => ({ name, kind: "eks", cluster, region });

test.each([
  ["default=/a#blue, eu=/b", [inFile("default", "/a", "blue"), inFile("eu", "/b")]],
  [
    '{"eu": {"kubeconfig": "/b"}, "default": {"kubeconfig": "/a", "context": "blue"}}',
    [inFile("default", "/a", "blue"), inFile("eu", "/b")],
  ],
  ["eu=/b", [inFile("default", "/etc/proa/kubeconfig"), inFile("eu", "/b")]],
  [
    "default=eks:blue-g7,us=eks:Shop_prod@us-east-1",
    [inEks("default", "blue-g7"), inEks("us", "Shop_prod", "us-east-1")],
  ],
  [
    '{"default": {"eks": "blue-g7"}, "gov": {"eks": "g", "region": "us-gov-west-1"}}',
    [inEks("default", "blue-g7"), inEks("gov", "g", "us-gov-west-1")],
  ],
])("clusters %s", (value, expected) => {
  expect(deployerSettings({ ...good, PROA_CLUSTERS: value }).clusters).toEqual(expected);
});

test("a plain KUBECONFIG is nobody's cluster", () => {
  expect(mistakesOf({ ...good, PROA_KUBECONFIG: undefined, KUBECONFIG: "/home/me/.kube/config" })).toEqual([
    "PROA_CLUSTERS is not set",
  ]);
});

describe("each function asks only for what it uses", () => {
  test.each([
    ["webhook", webhookSettings, ["PROA_GITHUB_APP_ID", "PROA_WEBHOOK_SECRETS", "PROA_QUEUE"]],
    ["tick", tickSettings, ["PROA_QUEUE"]],
    [
      "reporter",
      reporterSettings,
      ["PROA_GITHUB_APP_ID", "PROA_GITHUB_APP_SLUG", "PROA_GITHUB_PRIVATE_KEY", "PROA_STORE", "PROA_QUEUE"],
    ],
  ])("%s", (_, read, expected) => {
    expect(mistakesOf({}, read).map((mistake) => mistake.split(" ")[0])).toEqual(expected);
  });
});

describe("docs/settings.md", () => {
  const rows = [
    ...readFileSync(new URL("../docs/settings.md", import.meta.url), "utf8").matchAll(
      /^\| `(PROA_[A-Z_]+)` \| ([a-z ]+) \|/gm,
    ),
  ];
  const documented = new Map(rows.map(([, variable = "", functions = ""]) => [variable, functions]));
  const readBy = (read: (env: Environment) => unknown): Set<string> => {
    const names = new Set<string>();
    const spy = new Proxy(good, { get: (env, name) => (names.add(String(name)), env[String(name)]) });
    read(spy);
    return names;
  };

  test("explains every variable that is read, and no other", () => {
    expect([...documented.keys()].toSorted()).toEqual([...readBy(readSettings)].toSorted());
  });

  test.each([
    ["w", webhookSettings],
    ["d", deployerSettings],
    ["r", reporterSettings],
    ["t", tickSettings],
    ["s", sweeperSettings],
  ])("says rightly what function %s reads", (letter, read) => {
    const claimed = [...documented]
      .filter(([, functions]) => functions.split(" ").includes(letter))
      .map(([variable]) => variable);
    expect(claimed.toSorted()).toEqual([...readBy(read)].toSorted());
  });
});
