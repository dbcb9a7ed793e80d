import { pushed, type Queued, records, type Stage } from "./stage.ts";

export type Handler = (event: unknown, context: unknown) => Promise<unknown>;

export const FIRST = "a".repeat(40);
export const SECOND = "c".repeat(40);
/** A story that does not come to its end by itself is one that went wrong. */
const MOST_MESSAGES = 40;

/** A pull request gets its preview, and an update of it; answers what GitHub is to be told. */
export async function playDeployer(handler: Handler, stage: Stage): Promise<Queued[]> {
  const reports: Queued[] = [];
  for (const sha of [FIRST, SECOND]) reports.push(...(await deploy(sha, handler, stage)));
  return reports;
}

/** From the push until nothing is left to look at. */
export async function deploy(sha: string, handler: Handler, stage: Stage): Promise<Queued[]> {
  stage.push(sha);
  const reports: Queued[] = [];
  const events = [pushed(sha)];
  for (let n = 0; n < events.length; n++) {
    if (n === MOST_MESSAGES) throw new Error("the rehearsal does not come to an end");
    await perform(handler, events[n]);
    for (const message of stage.messages()) {
      // A delayed report travels with the ticks.
      if (kindOf(message.body) === "report") reports.push(message);
      else events.push(records(message.body));
    }
  }
  return reports;
}

export async function playReporter(handler: Handler, reports: readonly Queued[]): Promise<void> {
  for (const { body } of reports) await perform(handler, records(body));
}

/** A handler that gives its message back has failed: its log says why. */
async function perform(handler: Handler, event: unknown): Promise<void> {
  const answer = JSON.stringify(await handler(event, {}));
  if (answer !== '{"batchItemFailures":[]}') throw new Error(`the rehearsal failed: ${answer}`);
}

const kindOf = (body: unknown): unknown => (body as { kind?: unknown }).kind;
