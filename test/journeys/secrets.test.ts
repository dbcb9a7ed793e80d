import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect, test, type TestContext } from "vitest";
import { createBoard } from "../../local/board/board.ts";
import { REGISTRY_HOST } from "../../local/world.ts";
import { kubeconfigAccess } from "../../src/adapters/kubeconfig-access.ts";
import { createKubernetes } from "../../src/adapters/kubernetes-client.ts";
import type { Kubernetes } from "../../src/adapters/kubernetes.ts";
import { createRegistries } from "../../src/adapters/registry.ts";
import type { Effects } from "../../src/effects.ts";
import { type Journey, startWorld } from "./harness.ts";
import { leaksOf, type Planted } from "./leaks.ts";
import { commentSays, configure, kubectl, live, statusIs } from "./races-support.ts";

const PLANTED = {
  apiKey: "canary-4be1-key-of-the-api",
  passphrase: "canary 77c0 correct horse/battery+staple",
  unrelated: "canary-19af-of-another-application",
  registryPassword: "canary-c0de-password-of-the-registry",
  clusterToken: "canary-a11e-token-of-the-cluster",
} as const;
const planted: readonly Planted[] = Object.entries(PLANTED).map(([name, value]) => ({ name, value }));

/** What is broken at the moment. */
type Trouble = "none" | "registry" | "cluster";

/** Its own words, all of its environment, and an error that quotes one of it. */
const PRINTING_CATALOGUE = `export async function openCatalogue() {
  console.error("unlocking with " + process.env.PASSPHRASE);
  console.error(JSON.stringify(process.env));
  throw new Error("no route to the warehouse for " + process.env.API_KEY);
}
`;

/** A registry that refuses everybody, and repeats what it was given. */
async function refusingRegistry(t: TestContext): Promise<string> {
  const server = createServer((req, res) => {
    res.writeHead(401, { "www-authenticate": 'Basic realm="registry"', "content-type": "application/json" });
    const message = `not for ${req.headers.authorization}`;
    res.end(JSON.stringify({ errors: [{ code: "UNAUTHORIZED", message, detail: message }] }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Misconfigured {
  readonly trouble: () => Trouble;
  readonly registry: string;
  readonly cluster: () => string;
}

/** The same outside with the wrong credentials, which are secrets all the same. */
function misconfigured(fx: Effects, { trouble, registry, cluster }: Misconfigured): Effects {
  const credentials = async () => ({ username: "proa", password: PLANTED.registryPassword });
  const refusing = createRegistries({ hosts: { [REGISTRY_HOST]: { url: registry, credentials } } });
  const unlessTrouble = (name: string, own: Kubernetes): Kubernetes =>
    new Proxy(own, { get: (_, key) => Reflect.get(trouble() === "cluster" ? strange(name, cluster()) : own, key) });
  return {
    ...fx,
    registries: { resolve: (...of) => (trouble() === "registry" ? refusing : fx.registries).resolve(...of) },
    clusters: new Map([...fx.clusters].map(([name, own]) => [name, unlessTrouble(name, own)])),
  };
}

const strange = (name: string, server: string) =>
  createKubernetes({
    cluster: name,
    access: kubeconfigAccess(
      JSON.stringify({
        apiVersion: "v1",
        kind: "Config",
        "current-context": "strange",
        clusters: [{ name: "strange", cluster: { server, "insecure-skip-tls-verify": true } }],
        users: [{ name: "strange", user: { token: PLANTED.clusterToken } }],
        contexts: [{ name: "strange", context: { cluster: "strange", user: "strange" } }],
      }),
    ),
    fieldManager: "proa",
    timeoutMs: 10_000,
  });

async function plantSecret(shop: Journey, data: Readonly<Record<string, string>>): Promise<void> {
  const { core } = kubectl(shop);
  const namespace = shop.world.fx.installation.secretsNamespace;
  const name = "shop-preview-source";
  const labels = { "proa.dev/allow-previews": "true", "proa.dev/repository-id": `${shop.id}` };
  await core.createNamespace({ body: { metadata: { name: namespace } } }).catch(() => undefined); // it is there already
  await core.deleteNamespacedSecret({ namespace, name }).catch(() => undefined); // there is none yet
  await core.createNamespacedSecret({ namespace, body: { metadata: { name, labels }, stringData: data } });
}

/** What a browser is shown of it. */
async function boardOf({ world }: Journey): Promise<string> {
  const server = createServer(createBoard(world)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const pages = ["/", "/_board/state?at=/", "/_board/state?at=/pulls/1", "/_board/log?lines=1000"];
  const texts = await Promise.all(pages.map(async (page) => (await fetch(`${url}${page}`)).text()));
  server.close();
  server.closeAllConnections();
  return texts.join("\n");
}

// At its end every journey searches all that was said and kept, for the world's own secrets and for these.
test("what Proa was told in confidence it tells nobody, whatever goes wrong", async (t) => {
  let trouble: Trouble = "none";
  const registry = await refusingRegistry(t);
  const cluster = (): string => shop.world.cluster.url;
  const shop: Journey = await startWorld(t, {
    planted,
    interfere: (fx) => misconfigured(fx, { trouble: () => trouble, registry, cluster }),
  });
  const keys = ["API_KEY", "PASSPHRASE"];
  await configure(shop, {
    environments: null,
    previews: { secrets: { from: "shop-preview-source", keys } },
  });
  const { apiKey: API_KEY, passphrase: PASSPHRASE, unrelated: UNRELATED } = PLANTED;

  await plantSecret(shop, { API_KEY, UNRELATED });
  const { sha } = await shop.person.openPullRequest({ branch: "lamp" });
  await commentSays(shop, 1, "has no key `PASSPHRASE`");
  await plantSecret(shop, { API_KEY, PASSPHRASE, UNRELATED });
  await shop.person.comment(1, "/deploy");
  await live(shop, sha, "preview");

  const printing = await shop.person.push("lamp", { "catalogue.js": PRINTING_CATALOGUE });
  await statusIs(shop, printing, "proa/preview", "failure");
  const report = await shop.until(() => shop.checkRun(printing, "proa/preview report"), "the failure is reported");
  expect(report.text).toContain("unlocking with [secret]");
  expect(report.text).toContain("no route to the warehouse for [secret]");

  for (const broken of ["registry", "cluster"] as const) {
    trouble = broken;
    const failures = failuresIn(shop).length;
    const pushed = await shop.person.push("lamp", "good");
    await shop.until(() => failuresIn(shop).length > failures, `the ${broken} refuses Proa`);
    trouble = "none";
    await live(shop, pushed, "preview");
  }

  const url = `${shop.world.url}/webhook`;
  const headers = { "content-type": "application/json", "x-hub-signature-256": `sha256=${"0".repeat(64)}` };
  const refused = await fetch(url, { method: "POST", headers, body: "{}" });
  expect(refused.status).toBe(401);
  const shown = [
    { where: "the door's answer", text: await refused.text() },
    { where: "the board", text: await boardOf(shop) },
  ];
  const worlds = Object.entries(shop.world.secrets).map(([name, value]) => ({ name, value }));
  expect(leaksOf([...planted, ...worlds], shown)).toEqual([]);
});

const failuresIn = ({ log }: Journey): string[] => log.filter((line) => line.includes("walk failed"));
