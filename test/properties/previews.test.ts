import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { parseConfig } from "../../src/core/config-parse.ts";
import { mergeHeadConfig } from "../../src/core/config-merge.ts";
import type { RepoConfig } from "../../src/core/config.ts";
import { DEFAULT_PREVIEW_POLICY, previewNamespace } from "../../src/core/manifests-preview.ts";
import type { KubeObject } from "../../src/core/manifests.ts";
import { asRevision } from "../../src/core/names.ts";
import type { InstallationSettings } from "../../src/effects.ts";
import { renderRelease } from "../../src/release.ts";
import { loadTemplates } from "../../src/templates.ts";
import { digest, NOW, preview, record, sha } from "../core/decision-fixture.ts";
import { hostileText, hostileValue, mutationOf, runs } from "./arbitrary.ts";
import { type Bounds, escapes } from "./manifest-checker.ts";

const installation: InstallationSettings = {
  appId: 7,
  imageAllowList: ["registry.example/acme/**"],
  defaultImage: "registry.example/{owner}/{repo}-{service}",
  domain: "preview.example",
  publicUrl: "https://{host}",
  ingressClass: "nginx",
  previewPolicy: DEFAULT_PREVIEW_POLICY,
  secretsNamespace: "proa",
  previewCaps: { cpu: "1", memory: "1Gi" },
  logsInPublic: false,
};
const templates = loadTemplates();
const service = { name: "web", image: "registry.example/acme/shop-web", digest: digest("1") };
const bounds: Bounds = {
  namespace: "acme-shop-pr-7",
  repositoryId: "12",
  pullRequest: "7",
  images: [`${service.image}@${service.digest}`],
  caps: installation.previewCaps,
  domain: installation.domain,
};

const base = parsed(`version: 1
services:
  web: {image: registry.example/acme/shop-web, path: apps/web}
previews:
  host: "pr-{n}-{repo}.{domain}"
  secrets: {from: shop-preview-source, keys: [DATABASE_URL]}
environments:
  production: {from: main, namespace: shop, host: shop.example}
`);

function parsed(text: string): RepoConfig {
  const result = parseConfig(text, "main");
  if ("problems" in result) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

/** All that a commit with this `.proa.yml` in it would put into the cluster; null: it is refused. */
function rendered(head: string): { objects: readonly KubeObject[]; config: RepoConfig } | null {
  const result = parseConfig(head, "main");
  if ("problems" in result) return null;
  const { config } = mergeHeadConfig(base, result.config, { caps: installation.previewCaps, baseBranch: "main" });
  const plan = {
    kind: "deploy",
    sha: sha("a"),
    services: [service],
    patch: [],
    actor: "eve",
    pulls: [],
    because: "",
    of: null,
  };
  const { objects } = renderRelease(
    {
      state: record(preview),
      rev: asRevision(3),
      plan: { ...plan, kind: "deploy" },
      config,
      env: null,
      secret: { name: "proa-preview-secrets", version: "41" },
      now: NOW,
    },
    { templates, installation },
  );
  return { objects, config };
}

/** What a pull request may write about its own preview, filled with anything. */
const word = fc.oneof(hostileText, fc.stringMatching(/^[ -~]{0,20}$/));
/** Mostly what the parser takes: what it refuses shows nothing here. */
const mostly = <T, U>(good: fc.Arbitrary<T>, bad: fc.Arbitrary<U>): fc.Arbitrary<T | U> =>
  fc.oneof({ weight: 15, arbitrary: good }, { weight: 1, arbitrary: bad });
const own = fc.record(
  {
    port: mostly(fc.integer({ min: 1, max: 65_535 }), hostileValue),
    health: mostly(fc.constantFrom("//evil.example/", "/../..", "/?x", "/#x", "/a:b@c"), word),
    command: fc.array(word, { minLength: 1, maxLength: 4 }),
    env: fc.dictionary(mostly(fc.stringMatching(/^[A-Z_]{1,8}$/), hostileText), word, { maxKeys: 4 }),
    resources: fc.record({
      cpu: mostly(fc.constantFrom("100m", "1", "1000m", "1.001", "64", "9999", "0.5"), fc.constantFrom("1e3", "-1")),
      memory: mostly(
        fc.constantFrom("256Mi", "1Gi", "1024Mi", "1025Mi", "64Gi", "1Ti", "999999Ti"),
        fc.constantFrom("1e9", "128m"),
      ),
    }),
  },
  { requiredKeys: [] },
);
/** And everything it may not, as tempting as it can be put. */
const tempting = fc.record(
  {
    image: fc.constantFrom("registry.example/evil/web", "evil.example/acme/web", "registry.example/acme/other"),
    replicas: fc.constantFrom(1, 100),
    tag: fc.constantFrom("{sha}", "evil-{sha}"),
    expose: fc.boolean(),
    path: fc.constantFrom(".", "apps/web", "apps/other"),
  },
  { requiredKeys: [] },
);
const head = fc
  .record({
    web: fc.tuple(own, tempting).map(([mine, theirs]) => ({ ...mine, ...theirs })),
    previews: fc.constantFrom(
      { host: "pr-{n}.{domain}" },
      { secrets: { from: "somebody-elses", keys: ["ROOT_PASSWORD"] } },
      { cap: 1000, ttl: "365d", forks: "approve" },
    ),
    environments: fc.constantFrom({}, { production: { from: "evil", namespace: "other-team", host: "shop.example" } }),
  })
  .map(({ web, previews, environments }) =>
    stringify({ version: 1, services: { web, evil: {} }, previews, environments }),
  );

describe("whatever `.proa.yml` a pull request brings", () => {
  test("its objects stay in its namespace, run its own image and ask for no more than a preview may", () => {
    let accepted = 0;
    fc.assert(
      fc.property(head, (text) => {
        const release = rendered(text);
        if (release === null) return;
        accepted++;
        expect(escapes(release.objects, bounds)).toEqual([]);
        expect(release.objects.map(({ kind }) => kind)).toContain("NetworkPolicy");
        // Fences first: nothing runs before them.
        expect(release.objects[0]?.kind).toBe("NetworkPolicy");
      }),
      runs(800),
    );
    expect(accepted).toBeGreaterThan(100);
  });

  test("everything that reaches further is the base branch's", () => {
    fc.assert(
      fc.property(head, (text) => {
        const release = rendered(text);
        if (release === null) return;
        const { services, ...guarded } = release.config;
        const { services: ours, ...unchanged } = base;
        expect(guarded).toEqual(unchanged);
        expect(
          services.map(({ name, image, tag, path, replicas, expose }) => [name, image, tag, path, replicas, expose]),
        ).toEqual(
          ours.map(({ name, image, tag, path, replicas, expose }) => [name, image, tag, path, replicas, expose]),
        );
      }),
      runs(300),
    );
  });

  test("a field of Kubernetes' own written into it is refused", () => {
    const fields = [
      "namespace",
      "serviceAccountName",
      "volumes",
      "volumeMounts",
      "hostNetwork",
      "hostPID",
      "securityContext",
      "privileged",
      "nodeName",
      "annotations",
      "labels",
      "initContainers",
      "envFrom",
      "args",
    ];
    const accepted = fields.filter(
      (field) =>
        rendered(`version: 1\nservices: {web: {${field}: x}}\n`) !== null ||
        rendered(`version: 1\n${field}: x\n`) !== null,
    );
    expect(accepted).toEqual([]);
  });

  test("what it writes are words in scalars: the objects have the same fields as those of a harmless file", () => {
    const harmless = shape(rendered("version: 1\nservices: {web: {command: [a], health: /, env: {A: b}}}\n"));
    const text = fc
      .tuple(hostileText, hostileText, hostileText)
      .map(([a, b, c]) =>
        stringify({ version: 1, services: { web: { command: [a], health: `/${b}`, env: { A: c } } } }),
      );
    let accepted = 0;
    fc.assert(
      fc.property(text, (file) => {
        const release = rendered(file);
        if (release === null) return;
        accepted++;
        expect(shape(release)).toEqual(harmless);
      }),
      runs(600),
    );
    expect(accepted).toBeGreaterThan(100);
  });
});

/** Keys and types all the way down, without what they hold. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shape);
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, key === "config" ? "config" : shape(inner)]),
  );
}

test("the checker finds what it is there for", () => {
  const objects = rendered("version: 1\n")?.objects ?? [];
  expect(escapes(objects, bounds)).toEqual([]);
  // Each single scalar and field of the objects made another: most of it is somebody's way out.
  const found = new Set<string>();
  fc.assert(
    fc.property(mutationOf(...objects), (object) => {
      for (const finding of escapes([asObject(object)], bounds)) found.add(finding.replace(/^.*?: /, "").slice(0, 20));
    }),
    runs(3_000),
  );
  const bad: readonly (readonly [kind: string, path: string, value: unknown, finding: string])[] = [
    ["Deployment", "metadata.namespace", "kube-system", "in kube-system"],
    ["Deployment", "spec.template.spec.hostNetwork", true, "pod.hostNetwork"],
    ["Deployment", "spec.template.spec.serviceAccountName", "admin", "pod.serviceAccountName"],
    ["Deployment", "spec.template.spec.volumes", [{ hostPath: { path: "/" } }], "pod.volumes"],
    ["Deployment", "spec.template.spec.automountServiceAccountToken", true, "mounts a token"],
    ["Deployment", "spec.template.spec.containers.0.image", "evil", "runs evil"],
    ["Deployment", "spec.template.spec.containers.0.securityContext.privileged", true, "securityContext.privileged"],
    ["Deployment", "spec.template.spec.containers.0.resources.requests.cpu", "64", "asks for more cpu"],
    [
      "Deployment",
      "spec.template.spec.containers.0.envFrom",
      [{ secretRef: { name: "x" } }],
      "takes variables from elsewhere",
    ],
    ["Deployment", "spec.template.spec.containers.0.lifecycle", {}, "container.lifecycle"],
    ["NetworkPolicy", "spec.podSelector", { matchLabels: { a: "b" } }, "leaves pods out"],
    ["NetworkPolicy", "spec.egress.2.to.0.ipBlock.except", [], "reaches 169.254.169.254/32"],
    ["NetworkPolicy", "spec.egress.2.to.0.ipBlock.cidr", "0.0.0.0/1", "reaches 169.254.169.254/32"],
    ["Ingress", "spec.rules.0.host", "shop.example", "answers for shop.example"],
    ["Service", "spec.type", "NodePort", "not a ClusterIP"],
    ["ServiceAccount", "automountServiceAccountToken", true, "hands out its token"],
  ];
  const missed = bad.filter(([kind, path, value, finding]) => {
    const object = objects.find((one) => one.kind === kind);
    const changed = asObject(withField(object, path.split("."), value));
    return !escapes([changed], bounds).some((text) => text.includes(finding));
  });
  expect(missed).toEqual([]);
  expect(found.size).toBeGreaterThan(30);
});

test("a preview's namespace enforces what its pods may be, and is labelled as this pull request's", () => {
  if (preview.kind !== "preview") throw new Error("the fixture is a preview");
  const { metadata } = previewNamespace({ templates, target: preview, namespace: bounds.namespace });
  expect(metadata.labels).toMatchObject({
    "app.kubernetes.io/managed-by": "proa",
    "proa.dev/repository-id": "12",
    "proa.dev/pull-request": "7",
    "pod-security.kubernetes.io/enforce": "baseline",
  });
});

const asObject = (value: unknown): KubeObject => {
  const object = Object(value) as Partial<KubeObject>;
  return { apiVersion: "v1", kind: "none", ...object, metadata: { name: "none", ...object.metadata } };
};

function withField(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by;
  const copy: unknown = Array.isArray(value) ? [...(value as unknown[])] : { ...Object(value) };
  Reflect.set(Object(copy), key, withField(Reflect.get(Object(copy), key), rest, by));
  return copy;
}
