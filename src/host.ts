import { type Clock, systemClock } from "./clock.ts";
import { createLog, type Log } from "./log.ts";

/** What differs between a Lambda process and a world of its own: time, and where lines go. */
export interface Host {
  readonly clock: Clock;
  readonly log: Log;
}

export const lambdaHost = (): Host => ({
  clock: systemClock,
  log: createLog({ write: (line) => void process.stdout.write(`${line}\n`), clock: systemClock }),
});
