import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { parse, stringify } from "yaml";

/** A kubeconfig as text that means the same wherever it is kept: files it names are named in full, as kubectl reads them. */
export function readKubeconfig(file: string): { readonly text: string; readonly server: string } {
  const folder = dirname(resolve(file));
  const whole: unknown = parse(readFileSync(file, "utf8"), (key, value: unknown) =>
    typeof value === "string" && FILES.has(key) && value !== "" ? resolve(folder, value) : value,
  );
  const text = stringify(whole);
  const config = new KubeConfig();
  config.loadFromString(text);
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) throw new Error(`${file} has no current context: run \`kubectl config use-context\``);
  return { text, server };
}

const FILES: ReadonlySet<unknown> = new Set(["certificate-authority", "client-certificate", "client-key", "tokenFile"]);
