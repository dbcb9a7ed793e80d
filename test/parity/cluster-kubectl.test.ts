import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { deployment, ingress, service, startWorld, until, visit, webServer, type TestWorld } from "./cluster-world.ts";
import { kubectl, newKubectl, type Ran } from "./kubectl.ts";

describe.runIf(process.platform === "linux" && process.arch === "x64")("a real kubectl", () => {
  let world: TestWorld;
  let run: (args: readonly string[], input?: string) => Promise<Ran>;
  let one: string;
  let two: string;

  beforeAll(async () => {
    world = await startWorld();
    run = newKubectl(await kubectl(), world.dir, world.cluster.kubeconfig("admin"));
    one = world.registry.push(webServer("one"));
    two = world.registry.push(webServer("two"));
  });

  afterAll(() => world.close());

  async function shop(line: string, input?: object): Promise<string> {
    const { code, out, err } = await run(
      ["-n", "shop", ...line.split(" ")],
      input === undefined ? "" : JSON.stringify(input),
    );
    if (code !== 0) throw new Error(`kubectl ${line}: ${err}`);
    return out;
  }

  test("takes a deployment through its life", async () => {
    expect(await shop("create namespace shop")).toBe("namespace/shop created\n");
    expect(await shop("apply -f -", deployment(one))).toBe("deployment.apps/web created\n");
    expect(await shop("apply -f -", service)).toBe("service/web created\n");
    expect(await shop("apply --server-side -f -", ingress("shop.localhost"))).toContain("serverside-applied");
    expect(await shop("rollout status deployment/web --timeout=30s")).toContain("successfully rolled out");
    expect(await shop("apply -f -", deployment(one))).toBe("deployment.apps/web unchanged\n");
    expect(await shop("diff -f -", deployment(one))).toBe("");
    expect(await visit(world.cluster, "shop.localhost")).toBe("one");

    await shop(`set image deployment/web web=${two}`);
    await shop("rollout status deployment/web --timeout=30s");
    expect(await visit(world.cluster, "shop.localhost")).toBe("two");
    expect(await shop("rollout history deployment/web")).toMatch(/1 +<none>\n2 +<none>/);

    await shop("rollout undo deployment/web");
    await shop("rollout status deployment/web --timeout=30s");
    expect(await visit(world.cluster, "shop.localhost")).toBe("one");
    // The first ReplicaSet again, not a third: templates are stored with their defaults filled in.
    expect((await shop("get replicasets --no-headers")).trim().split("\n")).toHaveLength(2);

    await shop("scale deployment/web --replicas=1");
    await shop("wait --for=condition=Available deployment/web --timeout=30s");
    expect(await shop("logs deployment/web")).toContain("listening as one");
    await shop("rollout restart deployment/web");
    await shop("rollout status deployment/web --timeout=30s");
  });

  test("prints tables and descriptions", async () => {
    await until(
      () => shop("get pods --no-headers"),
      (table) => /^web-\S+ +1\/1 +Running +0 +\d+s\n$/.test(table),
    );
    expect(await shop("get deployments")).toMatch(/NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +1\/1 +1 +1 +\d+s\n/);
    expect(await shop("get ingresses")).toMatch(/web +<none> +shop.localhost +127.0.0.1 +80/);
    expect(await shop("get services")).toMatch(/web +ClusterIP +10\.\S+ +<none> +80\/TCP/);
    expect(await shop("describe deployment web")).toMatch(/NewReplicaSet: +web-\S+ \(1\/1 replicas created\)/);
    expect(await shop("get events")).toContain("Successfully pulled image");
    expect(await shop("get all")).toContain("deployment.apps/web");
  });

  test("is told of a conflict with another manager, and of unknown fields", async () => {
    const other = await run(["-n", "shop", "apply", "--server-side", "-f", "-"], JSON.stringify(deployment(two)));
    expect(other.err).toMatch(/conflicts? with "kubectl.*\.spec\.template\.spec\.containers\[name="web"\]\.image/s);
    const wrong = { ...service, spec: { ...service.spec, prots: [] } };
    const strict = await run(["-n", "shop", "apply", "-f", "-"], JSON.stringify(wrong));
    expect(strict.err).toContain(`strict decoding error: unknown field "spec.prots"`);
  });

  test("annotates, labels and deletes", async () => {
    expect(await shop("annotate deployment/web note=kept")).toContain("annotated");
    expect(await shop("label deployment/web tier=front")).toContain("labeled");
    expect(await shop("get deployments -l tier=front -o name")).toBe("deployment.apps/web\n");
    expect(await shop("delete deployment/web")).toContain("deleted");
    expect(await shop("delete namespace shop --timeout=30s")).toContain("deleted");
    expect(world.cluster.route("shop.localhost", "/")).toBeNull();
  });
});
