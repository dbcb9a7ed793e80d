import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AppsV1Api, CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { expect, test, vi } from "vitest";
import { realCluster } from "./real-cluster.ts";

const main = fileURLToPath(new URL("../../local/main.ts", import.meta.url));
const { kubeconfig } = await realCluster();

test("`PROA_KUBECONFIG=… npm start` deploys the shop to that cluster, and leaves the local one away", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "proa-start-"));
  const file = join(folder, "kubeconfig");
  writeFileSync(file, kubeconfig, { mode: 0o600 });
  const env = { PATH: "/usr/local/bin:/usr/bin:/bin", PORT: `${await freePort()}`, PROA_KUBECONFIG: file };
  const child = spawn(process.execPath, [main], { cwd: folder, env, stdio: ["ignore", "pipe", "inherit"] });
  t.onTestFinished(async () => {
    if (child.exitCode === null) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const server = clients().config.getCurrentCluster()?.server ?? "";
  expect(line.toString()).toContain(`Proa is ready on the cluster ${server}: http://localhost:${env.PORT}`);
  const local = JSON.parse(readFileSync(join(folder, ".proa/local.json"), "utf8")) as Record<string, unknown>;
  expect(local).toMatchObject({ kubeconfig: file, ingress: { url: `http://127.0.0.1:${env.PORT}` } });
  // The administrator's credentials are not copied where the local cluster's are written.
  expect(existsSync(join(folder, ".proa/kubeconfig"))).toBe(false);

  const { core, apps } = clients();
  t.onTestFinished(async () => {
    for (const name of ["shop", "shop-staging"]) await core.deleteNamespace({ name });
  });
  const { metadata } = await core.readNamespace({ name: "shop-staging" });
  // The shop's own tests run first, which takes real time.
  await vi.waitFor(
    async () => {
      const web = await apps.readNamespacedDeployment({ namespace: "shop-staging", name: "web" });
      expect(web.metadata?.annotations?.["proa.dev/target"]).toBe(
        `env/${metadata?.labels?.["proa.dev/repository-id"]}/staging`,
      );
    },
    { timeout: 120_000, interval: 500 },
  );
  child.kill("SIGTERM");
  await once(child, "exit");
  expect(child.exitCode).toBe(0);
});

function clients() {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  return { config, core: config.makeApiClient(CoreV1Api), apps: config.makeApiClient(AppsV1Api) };
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
