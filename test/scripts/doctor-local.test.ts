import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { doctor } from "../../scripts/doctor.ts";
import { APP_ID, createWorld, REGISTRY_HOST } from "../../local/world.ts";
import type { Area } from "../../scripts/doctor/check.ts";
import { person } from "./person.ts";

test("what is wrong with the settings is said at once, each with what to write", async () => {
  const somebody = person();
  expect(await doctor(["--environment"], somebody)).toBe(1);
  expect(somebody.shown()).toContain("PROA_GITHUB_APP_ID is not set");
  expect(somebody.shown()).toContain("PROA_DOMAIN is not set");
  expect(somebody.shown()).toContain("docs/settings.md explains each");
});

test("the local world is looked at as far as it goes, and what it does not have is unknown", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "proa-doctor-"));
  const world = await createWorld({ dir: join(dir, "world"), port: 0, env: {}, log: () => {} });
  t.onTestFinished(async () => {
    await world.close();
    rmSync(dir, { recursive: true, force: true });
  });
  const kubeconfig = join(dir, "kubeconfig");
  writeFileSync(kubeconfig, world.cluster.kubeconfig("deployer"));
  Object.assign(process.env, {
    PROA_GITHUB_API_URL: `${world.url}/api/v3`,
    PROA_GITHUB_APP_ID: `${APP_ID}`,
    PROA_GITHUB_APP_SLUG: "proa",
    PROA_GITHUB_PRIVATE_KEY: world.secrets.appKey,
    PROA_KUBECONFIG: kubeconfig,
    PROA_IMAGES: `${REGISTRY_HOST}/**`,
    PROA_DEFAULT_IMAGE: `${REGISTRY_HOST}/{owner}/{repo}-{service}`,
    PROA_REGISTRIES: JSON.stringify({
      [REGISTRY_HOST]: { kind: "oci", url: world.url, username: "proa", password: world.secrets.registryToken },
    }),
    PROA_DOMAIN: "shop.localhost",
    PROA_PUBLIC_URL: "http://{host}",
  });
  const somebody = person();
  expect(await doctor(["--environment", "--json"], somebody)).toBe(1);
  const { areas } = JSON.parse(somebody.shown()) as { areas: Area[] };
  const line = (text: string) => areas.flatMap(({ checks }) => checks).find(({ what }) => what.includes(text));
  expect(line("GitHub takes its key; permissions and events are those that Proa uses")?.level).toBe("ok");
  expect(line("Deliveries are signed JSON")?.level).toBe("ok");
  expect(line("It is installed in acme")?.level).toBe("ok");
  expect(line("It lets you in, as deployer")?.level).toBe("ok");
  expect(line("can be looked into")?.level).toBe("ok");
  // The local cluster has no RBAC, and therefore nothing to apply.
  expect(line("There is no ClusterRole")?.level).toBe("fail");
  expect(line("Proa's rights could not be looked at")?.level).toBe("unknown");
  expect(line("Whether network policies are enforced")?.level).toBe("unknown");
});
