import { expect, test } from "vitest";
import { type Journey, type StartWorld } from "./harness.ts";
import { configure, kubectl, live, short, statusIs } from "./races-support.ts";

/** Deployments that somebody else made. */
export function patchMode(startWorld: StartWorld): void {
  const PATCH = {
    deploy: { mode: "patch", workloads: { web: { deployment: "storefront", container: "app" } } },
    environments: { staging: { bake: "0s" }, production: null },
  };

  /** As somebody's own chart made it, with a sidecar and settings of their own. */
  async function storefront(shop: Journey, image: string): Promise<void> {
    const labels = { app: "storefront" };
    const app = {
      name: "app",
      image,
      ports: [{ containerPort: 8080 }],
      env: [{ name: "PORT", value: "8080" }],
      readinessProbe: { httpGet: { path: "/healthz", port: 8080 }, periodSeconds: 1 },
    };
    const body = {
      metadata: { name: "storefront", labels, annotations: { "example.com/owner": "shop-team" } },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [app] } },
      },
    };
    await kubectl(shop).apps.createNamespacedDeployment({ namespace: shop.namespaces.staging, body });
  }

  test("patch mode changes the image of a Deployment that exists already, and nothing else of it", async (t) => {
    const shop = await startWorld(t);
    await shop.quiet();
    const image = (await shop.live(shop.namespaces.staging))["web"]?.image ?? "";
    await storefront(shop, image);
    await configure(shop, PATCH);
    const sha = await shop.person.push("main", "good");
    await live(shop, sha, "staging");
    await shop.quiet();
    const { storefront: deployment } = await shop.live(shop.namespaces.staging);
    expect(deployment?.image).not.toBe(image);
    expect(deployment?.annotations).toMatchObject({ "example.com/owner": "shop-team", "proa.dev/commit": sha });
    const { spec } = await kubectl(shop).apps.readNamespacedDeployment({
      namespace: shop.namespaces.staging,
      name: "storefront",
    });
    expect(spec?.template.spec?.containers[0]).toMatchObject({ name: "app", env: [{ name: "PORT", value: "8080" }] });

    const bad = await shop.person.push("main", "crashing");
    expect(await statusIs(shop, bad, "proa/staging", "failure")).toContain(`Rolled back to ${short(sha)}`);
    expect((await shop.live(shop.namespaces.staging))["storefront"]?.annotations["proa.dev/commit"]).toBe(sha);
  });

  test("patch mode names the Deployment or the container that it does not find", async (t) => {
    const shop = await startWorld(t);
    await configure(shop, PATCH);
    const sha = await shop.person.push("main", "good");
    expect(await statusIs(shop, sha, "proa/staging", "failure")).toContain(
      `the Deployment storefront does not exist in ${shop.namespaces.staging}`,
    );
  });
}
