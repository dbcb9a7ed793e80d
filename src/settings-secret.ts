import { createAwsSecret } from "./adapters/secrets-aws.ts";
import type { Clock } from "./clock.ts";
import type { Log } from "./log.ts";
import type { Environment } from "./settings-read.ts";

/** The stack is there, and nobody has told it of a GitHub App yet. */
export class NotSetUp extends Error {
  override readonly name = "NotSetUp";

  constructor() {
    super("not set up yet: run `proa setup`");
  }
}

/** How old what was built may be: `fresh`, where somebody has reason to think that the secret was changed a moment ago. */
export type Age = "held" | "fresh";
export const OLDEST_MS = 5 * 60_000;
/** Whoever sends us forged deliveries asks for `fresh` with each of them. */
export const SOONEST_MS = 30_000;

/**
 * Builds what a function works with from its settings: the environment, and what the secret named by `PROA_SECRET` adds to it. Built
 * once and kept; built anew when the secret has changed, so that a rotated key needs no restart. A secret that cannot be read again,
 * or makes no sense any more, changes nothing for whoever is at work: that is logged, and tried again half a minute later.
 * @throws NotSetUp, OutsideError, SettingsError while there is nothing to keep; the next call tries again
 */
export function withSettings<T>(
  env: Environment,
  { clock, log }: { readonly clock: Clock; readonly log: Pick<Log, "error"> },
  build: (env: Environment) => Promise<T>,
): (age?: Age) => Promise<T> {
  const id = env["PROA_SECRET"] ?? "";
  const secret = id === "" ? null : createAwsSecret({ id, env, clock });
  let held: { readonly text: string; readonly built: T } | null = null;
  let nextRead = { held: 0, fresh: 0 };
  let reading: Promise<T> | null = null;

  async function read(): Promise<T> {
    const readAgainIn = (oldestMs: number): void => {
      nextRead = { held: clock.now() + oldestMs, fresh: clock.now() + SOONEST_MS };
    };
    try {
      const values = secret === null ? {} : await secret();
      const text = JSON.stringify(values);
      if (secret !== null && text === "{}") throw new NotSetUp();
      if (held?.text !== text) held = { text, built: await build({ ...env, ...values }) };
      readAgainIn(OLDEST_MS);
    } catch (error) {
      if (held === null) throw error;
      log.error("settings not read again", error);
      readAgainIn(SOONEST_MS);
    }
    return held.built;
  }

  return async (age = "held") => {
    if (held !== null && (secret === null || clock.now() < nextRead[age])) return held.built;
    // One read for all who ask meanwhile.
    reading ??= read().finally(() => (reading = null));
    return reading;
  };
}
