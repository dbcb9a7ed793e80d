import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import type { ServiceConfig } from "../../src/core/config.ts";
import { defaultService } from "../../src/core/config-defaults.ts";
import { renderObject } from "../../src/core/manifests.ts";
import type { KubeObject } from "../../src/core/manifests.ts";
import { renderServices } from "../../src/core/manifests-services.ts";
import type { ServicesInput } from "../../src/core/manifests-services.ts";
import { diffShape, shapeOf } from "../../src/core/manifests-shape.ts";
import { asRevision } from "../../src/core/names.ts";
import type { Digest, RepoId, Sha } from "../../src/core/names.ts";
import { parseTemplate } from "../../src/core/template.ts";
import { loadTemplates } from "../../src/templates.ts";

const templates = loadTemplates();
const repoId = 12 as RepoId;
const digest = (digit: string) => `sha256:${digit.repeat(64)}` as Digest;
const sha = (digit: string) => digit.repeat(40) as Sha;

const web: ServiceConfig = {
  ...defaultService("web"),
  port: 3000,
  health: "/healthz",
  replicas: 3,
  env: { LOG_LEVEL: "info" },
};
const worker: ServiceConfig = { ...defaultService("worker"), expose: false, command: ["node", "worker.js"] };

const preview: ServicesInput = {
  templates,
  target: { kind: "preview", repoId, number: 7 },
  namespace: "acme-shop-pr-7",
  revision: asRevision(3),
  commit: sha("a"),
  services: [
    { config: web, image: "registry.example/acme/web", digest: digest("1") },
    { config: worker, image: "registry.example/acme/worker", digest: digest("2") },
  ],
  hosts: { web: "pr-7-shop.preview.example" },
  ingressClassName: "nginx",
  deadlineMs: 90_500,
  secret: { name: "proa-preview-secrets", version: "41" },
};

function deployment(input: ServicesInput, name = "web"): KubeObject {
  const found = renderServices(input).find((object) => object.kind === "Deployment" && object.metadata.name === name);
  if (found === undefined) throw new Error(`no Deployment ${name}`);
  return found;
}

const withService = (config: ServiceConfig): ServicesInput => ({
  ...preview,
  services: [{ config, image: "registry.example/acme/web", digest: digest("1") }],
});

test("a preview's services", () => {
  expect(asYaml(renderServices(preview))).toMatchInlineSnapshot(`
    "
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: web
      namespace: acme-shop-pr-7
      labels:
        app.kubernetes.io/managed-by: proa
        app.kubernetes.io/name: web
        proa.dev/service: web
        proa.dev/repository-id: "12"
        proa.dev/pull-request: "7"
      annotations:
        proa.dev/target: preview/12/7
        proa.dev/revision: "3"
        proa.dev/commit: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        proa.dev/digest: sha256:1111111111111111111111111111111111111111111111111111111111111111
        proa.dev/shape: (hash)
    spec:
      replicas: 1
      revisionHistoryLimit: 3
      progressDeadlineSeconds: 91
      selector:
        matchLabels:
          proa.dev/service: web
      strategy:
        type: RollingUpdate
        rollingUpdate:
          maxUnavailable: 0
          maxSurge: 1
      template:
        metadata:
          labels:
            app.kubernetes.io/managed-by: proa
            app.kubernetes.io/name: web
            proa.dev/service: web
          annotations:
            proa.dev/secret-version: "41"
        spec:
          automountServiceAccountToken: false
          enableServiceLinks: false
          terminationGracePeriodSeconds: 30
          securityContext:
            seccompProfile:
              type: RuntimeDefault
          containers:
            - name: web
              image: registry.example/acme/web@sha256:1111111111111111111111111111111111111111111111111111111111111111
              ports:
                - name: http
                  containerPort: 3000
              env:
                - name: PORT
                  value: "3000"
                - name: LOG_LEVEL
                  value: info
              envFrom:
                - secretRef:
                    name: proa-preview-secrets
              readinessProbe:
                httpGet:
                  path: /healthz
                  port: 3000
                periodSeconds: 2
                timeoutSeconds: 5
                failureThreshold: 3
              resources:
                requests:
                  cpu: 100m
                  memory: 256Mi
                limits:
                  memory: 256Mi
              securityContext:
                allowPrivilegeEscalation: false
                capabilities:
                  drop:
                    - ALL
    ---
    apiVersion: v1
    kind: Service
    metadata:
      name: web
      namespace: acme-shop-pr-7
      labels:
        app.kubernetes.io/managed-by: proa
        app.kubernetes.io/name: web
        proa.dev/service: web
        proa.dev/repository-id: "12"
        proa.dev/pull-request: "7"
      annotations:
        proa.dev/target: preview/12/7
    spec:
      type: ClusterIP
      selector:
        proa.dev/service: web
      ports:
        - name: http
          port: 80
          targetPort: http
    ---
    apiVersion: networking.k8s.io/v1
    kind: Ingress
    metadata:
      name: web
      namespace: acme-shop-pr-7
      labels:
        app.kubernetes.io/managed-by: proa
        app.kubernetes.io/name: web
        proa.dev/service: web
        proa.dev/repository-id: "12"
        proa.dev/pull-request: "7"
      annotations:
        proa.dev/target: preview/12/7
    spec:
      ingressClassName: nginx
      rules:
        - host: pr-7-shop.preview.example
          http:
            paths:
              - path: /
                pathType: Prefix
                backend:
                  service:
                    name: web
                    port:
                      name: http
    ---
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: worker
      namespace: acme-shop-pr-7
      labels:
        app.kubernetes.io/managed-by: proa
        app.kubernetes.io/name: worker
        proa.dev/service: worker
        proa.dev/repository-id: "12"
        proa.dev/pull-request: "7"
      annotations:
        proa.dev/target: preview/12/7
        proa.dev/revision: "3"
        proa.dev/commit: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        proa.dev/digest: sha256:2222222222222222222222222222222222222222222222222222222222222222
        proa.dev/shape: (hash)
    spec:
      replicas: 1
      revisionHistoryLimit: 3
      progressDeadlineSeconds: 91
      selector:
        matchLabels:
          proa.dev/service: worker
      strategy:
        type: RollingUpdate
        rollingUpdate:
          maxUnavailable: 0
          maxSurge: 1
      template:
        metadata:
          labels:
            app.kubernetes.io/managed-by: proa
            app.kubernetes.io/name: worker
            proa.dev/service: worker
          annotations:
            proa.dev/secret-version: "41"
        spec:
          automountServiceAccountToken: false
          enableServiceLinks: false
          terminationGracePeriodSeconds: 30
          securityContext:
            seccompProfile:
              type: RuntimeDefault
          containers:
            - name: worker
              image: registry.example/acme/worker@sha256:2222222222222222222222222222222222222222222222222222222222222222
              command:
                - node
                - worker.js
              envFrom:
                - secretRef:
                    name: proa-preview-secrets
              resources:
                requests:
                  cpu: 100m
                  memory: 256Mi
                limits:
                  memory: 256Mi
              securityContext:
                allowPrivilegeEscalation: false
                capabilities:
                  drop:
                    - ALL
    "
  `);
});

test("every object lies in the target's namespace", () => {
  expect(new Set(renderServices(preview).map(({ metadata }) => metadata.namespace))).toEqual(
    new Set(["acme-shop-pr-7"]),
  );
});

test("the same input gives the same objects byte for byte", () => {
  expect(JSON.stringify(renderServices(preview))).toBe(JSON.stringify(renderServices(structuredClone(preview))));
});

test("an environment has its replicas, no pull request and no copied Secret", () => {
  const staging: ServicesInput = {
    ...preview,
    target: { kind: "env", repoId, environment: "staging" },
    namespace: "shop-staging",
    secret: null,
  };
  const rendered = deployment(staging);
  expect(rendered).toMatchObject({
    metadata: { namespace: "shop-staging", annotations: { "proa.dev/target": "env/12/staging" } },
    spec: { replicas: 3 },
  });
  expect(JSON.stringify(renderServices(staging))).not.toMatch(/pull-request|envFrom|secret/);
});

test("an exposed service without a host has no Ingress", () => {
  expect(renderServices({ ...preview, hosts: {} }).map(({ kind }) => kind)).toEqual([
    "Deployment",
    "Service",
    "Deployment",
  ]);
});

test("without a class the cluster's default serves the Ingress", () => {
  const ingress = renderServices({ ...preview, ingressClassName: null }).find(({ kind }) => kind === "Ingress");
  expect(ingress?.["spec"]).not.toHaveProperty("ingressClassName");
});

test("variables are literal: what Kubernetes would expand is escaped", () => {
  const rendered = JSON.stringify(
    deployment(withService({ ...web, env: { A: "$(PORT)", B: "pa$$word", C: "$HOME", D: "cost: 5$" } })),
  );
  for (const value of ["$$(PORT)", "pa$$$word", "$HOME", "cost: 5$"]) expect(rendered).toContain(JSON.stringify(value));
});

test.for([
  "x\n    privileged: true",
  '"}]}\n---\nkind: ClusterRole',
  "${namespace}",
  "{{ evil }}",
  "!!binary x",
  "$(DATABASE_URL)",
])("whatever a repository writes, %j stays a value", (text) => {
  const clean = deployment(withService({ ...web, health: "/h", env: { A: "x" }, command: ["x"] }));
  const config: ServiceConfig = {
    ...web,
    health: `/${text}`,
    env: { A: text },
    command: [text],
    resources: { cpu: text, memory: text },
  };
  expect(outline(deployment(withService(config)))).toEqual(outline(clean));
});

test("a template someone edited cannot reach into another namespace", () => {
  const edited = parseTemplate(
    "service",
    "apiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: kube-system}\n",
  );
  expect(() => renderObject(edited, { namespace: "acme-shop-pr-7" })).toThrow(
    'renders into "kube-system", not into "acme-shop-pr-7"',
  );
  const nowhere = parseTemplate("service", "apiVersion: v1\nkind: Service\nmetadata: {name: x}\n");
  expect(() => renderObject(nowhere, { namespace: "acme-shop-pr-7" })).toThrow('renders into "no namespace"');
  const shapeless = parseTemplate("service", "kind: Service\n");
  expect(() => renderObject(shapeless, { namespace: "acme-shop-pr-7" })).toThrow("renders no apiVersion");
});

describe("a Deployment's shape", () => {
  const live = deployment(preview).metadata.annotations ?? {};
  const next: ServicesInput = { ...preview, revision: asRevision(4), commit: sha("b") };

  test("stands on it and is stable", () => {
    expect(live["proa.dev/shape"]).toBe(shapeOf(deployment(preview)));
    expect(live["proa.dev/shape"]).toMatch(/^[0-9a-f]{16}$/);
  });

  test("is the same for another image, commit and revision", () => {
    const services = [{ config: web, image: "registry.example/acme/web", digest: digest("9") }];
    expect(diffShape(live, deployment({ ...next, services }))).toBe("image-only");
  });

  test.for<[what: string, config: Partial<ServiceConfig>]>([
    ["a variable", { env: { LOG_LEVEL: "debug" } }],
    ["the port", { port: 3001 }],
    ["the probe", { health: null }],
    ["the command", { command: ["node"] }],
    ["the resources", { resources: { cpu: "200m", memory: "256Mi" } }],
  ])("changes with %s", ([, change]) => {
    const services = [{ config: { ...web, ...change }, image: "registry.example/acme/web", digest: digest("1") }];
    expect(diffShape(live, deployment({ ...next, services }))).toBe("apply");
  });

  test("changes with a rotated Secret, so that the pods read it again", () => {
    expect(diffShape(live, deployment({ ...next, secret: { name: "proa-preview-secrets", version: "42" } }))).toBe(
      "apply",
    );
  });

  test("changes with a sidecar's image", () => {
    const text =
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: n}\nspec: {containers: [{name: web, image: a}, {name: proxy, image: b}]}\n";
    const rendered = (from: string) => shapeOf(renderObject(parseTemplate("deployment", from), { namespace: "n" }));
    expect(rendered(text.replace("image: a", "image: c"))).toBe(rendered(text));
    expect(rendered(text.replace("image: b", "image: c"))).not.toBe(rendered(text));
  });

  test("is not presumed of a Deployment that carries none", () => {
    expect(diffShape({}, deployment(preview))).toBe("apply");
  });

  test("does not restart a service whose image stayed: nothing of the release is in the pod template", () => {
    const pods = (object: KubeObject) => (object["spec"] as { template: unknown }).template;
    expect(pods(deployment(next, "worker"))).toEqual(pods(deployment(preview, "worker")));
  });
});

/** As a person would read it in a file; the shape's own value is no matter here. */
function asYaml(objects: readonly KubeObject[]): string {
  const text = objects.map((object) => stringify(object, { lineWidth: 0 })).join("---\n");
  return `\n${text.replaceAll(/(?<=proa.dev\/shape: ).*/g, "(hash)")}`;
}

/** Keys and types without the values. */
function outline(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(outline);
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, outline(inner)]));
}
