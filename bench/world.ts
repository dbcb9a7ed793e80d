import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Queued } from "../scripts/rehearsal/stage.ts";

export type Asked =
  | { readonly kind: "save" | "restore" | "calls" | "messages" }
  | { readonly kind: "push"; readonly sha: string }
  | { readonly kind: "slow"; readonly ms: number };

export interface Told {
  readonly calls?: readonly { readonly what: string; readonly at: number }[];
  readonly connections?: number;
  readonly messages?: readonly Queued[];
}

/** AWS, GitHub and a cluster over TLS on this machine, in another process. */
export interface World {
  readonly url: string;
  /** What a function needs to find its way around in it. */
  readonly env: Readonly<Record<string, string>>;
  ask(asked: Asked): Promise<Told>;
  close(): void;
}

export async function startWorld(): Promise<World> {
  const child = fork(fileURLToPath(new URL("world-process.ts", import.meta.url)), {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const [started] = (await once(child, "message")) as [Pick<World, "url" | "env">];
  return {
    ...started,
    async ask(asked) {
      child.send(asked);
      const [told] = (await once(child, "message")) as [Told];
      return told;
    },
    close: () => child.disconnect(),
  };
}
