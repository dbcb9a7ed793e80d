import { randomBytes } from "node:crypto";
import { afterAll, beforeAll } from "vitest";
import { type SharedCluster, type StartWorld, worldsAround } from "../journeys/harness.ts";
import { type Account, openAccount } from "./account.ts";
import { ACCOUNT, REGION } from "./ministack.ts";
import { installProa, type ProaOnAws } from "./proa-on-aws.ts";

export interface WorldsOnAws {
  readonly account: () => Account;
  /** Proa of the world that was started last. */
  readonly proa: () => ProaOnAws;
  readonly startWorld: StartWorld;
}

/** For a test file: an account of its own, and worlds whose Proa is a stack in it; on the local cluster, or a real one. */
export function worldsOnAws(cluster?: () => SharedCluster): WorldsOnAws {
  let account: Account | undefined;
  let proa: ProaOnAws | undefined;
  const opened = <T>(thing: T | undefined): T => {
    if (thing === undefined) throw new Error("nothing is installed yet");
    return thing;
  };
  beforeAll(async () => {
    account = await openAccount();
  });
  afterAll(() => account?.close());
  return {
    account: () => opened(account),
    proa: () => opened(proa),
    startWorld: worldsAround(
      {
        // Names are the stack's, and everything in it has them: no two worlds have the same.
        proa: async (around) =>
          (proa = await installProa(opened(account), `proa-${randomBytes(3).toString("hex")}`, around)),
        registryHost: `${ACCOUNT}.dkr.ecr.${REGION}.amazonaws.com`,
      },
      cluster,
    ),
  };
}
