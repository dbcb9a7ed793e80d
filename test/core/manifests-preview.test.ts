import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import {
  copiedSecret,
  DEFAULT_PREVIEW_POLICY,
  previewNamespace,
  renderPreviewBase,
} from "../../src/core/manifests-preview.ts";
import type { PreviewPlace, SecretCopy } from "../../src/core/manifests-preview.ts";
import type { RepoId } from "../../src/core/names.ts";
import { loadTemplates } from "../../src/templates.ts";

const place: PreviewPlace = {
  templates: loadTemplates(),
  target: { kind: "preview", repoId: 12 as RepoId, number: 7 },
  namespace: "acme-shop-pr-7",
};

test("a preview's namespace says whose it is and what its pods may do", () => {
  expect(previewNamespace(place)).toEqual({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name: "acme-shop-pr-7",
      labels: {
        "app.kubernetes.io/managed-by": "proa",
        "proa.dev/repository-id": "12",
        "proa.dev/pull-request": "7",
        "pod-security.kubernetes.io/enforce": "baseline",
        "pod-security.kubernetes.io/warn": "restricted",
      },
      annotations: { "proa.dev/target": "preview/12/7" },
    },
  });
});

test("what fences a preview in", () => {
  const objects = renderPreviewBase({ ...place, policy: DEFAULT_PREVIEW_POLICY });
  expect(`\n${objects.map((object) => stringify(object, { lineWidth: 0 })).join("---\n")}`).toMatchInlineSnapshot(`
    "
    apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata:
      name: proa-preview
      namespace: acme-shop-pr-7
      labels:
        app.kubernetes.io/managed-by: proa
    spec:
      podSelector: {}
      policyTypes:
        - Ingress
        - Egress
      ingress:
        - from:
            - podSelector: {}
            - namespaceSelector:
                matchLabels:
                  kubernetes.io/metadata.name: ingress-nginx
      egress:
        - to:
            - podSelector: {}
        - ports:
            - protocol: UDP
              port: 53
            - protocol: TCP
              port: 53
        - to:
            - ipBlock:
                cidr: 0.0.0.0/0
                except:
                  - 169.254.169.254/32
                  - 169.254.170.23/32
                  - 10.0.0.0/8
                  - 100.64.0.0/10
                  - 172.16.0.0/12
                  - 192.168.0.0/16
            - ipBlock:
                cidr: ::/0
                except:
                  - fd00:ec2::254/128
                  - fd00:ec2::23/128
                  - fc00::/7
    ---
    apiVersion: v1
    kind: ResourceQuota
    metadata:
      name: proa-preview
      namespace: acme-shop-pr-7
      labels:
        app.kubernetes.io/managed-by: proa
    spec:
      hard:
        requests.cpu: "4"
        requests.memory: 8Gi
        limits.memory: 8Gi
        pods: "30"
        services.loadbalancers: "0"
        services.nodeports: "0"
    ---
    apiVersion: v1
    kind: LimitRange
    metadata:
      name: proa-preview
      namespace: acme-shop-pr-7
      labels:
        app.kubernetes.io/managed-by: proa
    spec:
      limits:
        - type: Container
          defaultRequest:
            cpu: 100m
            memory: 256Mi
          default:
            memory: 256Mi
    ---
    apiVersion: v1
    kind: ServiceAccount
    metadata:
      name: default
      namespace: acme-shop-pr-7
      labels:
        app.kubernetes.io/managed-by: proa
    automountServiceAccountToken: false
    "
  `);
});

describe("whatever the policy", () => {
  const base = (policy: Partial<typeof DEFAULT_PREVIEW_POLICY>) =>
    renderPreviewBase({ ...place, policy: { ...DEFAULT_PREVIEW_POLICY, ...policy } });

  test("credential services stay closed", () => {
    const text = stringify(base({ deniedNetworks: [] })[0]);
    for (const address of ["169.254.169.254/32", "169.254.170.23/32", "fd00:ec2::254/128", "fd00:ec2::23/128"])
      expect(text).toContain(address);
    expect(text).not.toContain("10.0.0.0/8");
  });

  test("traffic from every namespace is never let in", () => {
    expect(() => base({ ingressNamespaceLabels: {} })).toThrow("names no label");
  });
});

describe("a Secret copied into a preview", () => {
  const copy: SecretCopy = {
    ...place,
    from: "shop-preview-source",
    keys: ["DATABASE_URL"],
    source: {
      labels: { "proa.dev/allow-previews": "true", "proa.dev/repository-id": "12" },
      data: { DATABASE_URL: "cG9zdGdyZXM=", STRIPE_KEY: "bGl2ZQ==" },
      resourceVersion: "41",
    },
  };
  const labels = copy.source?.labels ?? {};

  test("has the allowed keys and no other", () => {
    expect(copiedSecret(copy)).toEqual({
      kind: "copied",
      mount: { name: "proa-preview-secrets", version: "41" },
      secret: {
        apiVersion: "v1",
        kind: "Secret",
        metadata: {
          name: "proa-preview-secrets",
          namespace: "acme-shop-pr-7",
          labels: {
            "app.kubernetes.io/managed-by": "proa",
            "proa.dev/repository-id": "12",
            "proa.dev/pull-request": "7",
          },
        },
        type: "Opaque",
        data: { DATABASE_URL: "cG9zdGdyZXM=" },
      },
    });
  });

  test.for<[why: string, change: Partial<SecretCopy>, because: string]>([
    ["it does not exist", { source: null }, "the Secret `shop-preview-source` does not exist"],
    [
      "its owner has not opted in",
      { source: { data: {}, resourceVersion: "1", labels: { ...labels, "proa.dev/allow-previews": "yes" } } },
      'does not carry the label proa.dev/allow-previews: "true"',
    ],
    [
      "it is another repository's",
      { source: { data: {}, resourceVersion: "1", labels: { ...labels, "proa.dev/repository-id": "13" } } },
      'does not carry the label proa.dev/repository-id: "12"',
    ],
    ["a key is missing", { keys: ["DATABASE_URL", "API_KEY", "TOKEN"] }, "has no key `API_KEY`, `TOKEN`: add it there"],
    ["a key is only inherited", { keys: ["constructor"] }, "has no key `constructor`"],
  ])("is refused when %s", ([, change, because]) => {
    const result = copiedSecret({ ...copy, ...change });
    expect(result).toEqual({ kind: "refused", because: expect.stringContaining(because) });
    expect(JSON.stringify(result)).not.toContain("cG9zdGdyZXM");
  });
});
