// `npm run proa -- redrive <queue>`: what failed too often, for a person to look at, and to send back or delete.
import { systemClock } from "../src/clock.ts";
import { AWS_OPTIONS, AWS_USAGE, useAws } from "./installation/aws-options.ts";
import { defineCommand } from "./installation/command.ts";
import { requireStack, type Stack } from "./installation/stack.ts";
import { Stop } from "./installation/stop.ts";
import { confirmed } from "./installation/terminal.ts";
import { createDeadQueue, hasMore, type Taken } from "./redrive/dead-queue.ts";
import { listing, shortId } from "./redrive/letter.ts";
import { lastFailure } from "./redrive/why.ts";

const QUEUES = ["deployer", "reporter", "tick"] as const;

const USAGE = `npm run proa -- redrive <${QUEUES.join("|")}> [options]

Shows the messages that failed five times and were put aside: what each is about, how old it is, and why it failed last.
Sends them back to their queue, in their order, with --apply or a yes at a terminal.

  --only <id>              these alone, by the first letters of their ids; may be given again
  --delete                 delete them instead
  --apply                  do it
${AWS_USAGE}

Sending back is safe: most messages say no more than "look at this again", and a command is carried out once, however
often it arrives. Deleting loses a command; anything else the sweeps find again.`;

const OPTIONS = {
  only: { type: "string", multiple: true },
  delete: { type: "boolean", default: false },
  apply: { type: "boolean", default: false },
  ...AWS_OPTIONS,
} as const;

const FORM = { usage: USAGE, options: OPTIONS, takes: ["queue"] } as const;

export const redrive = defineCommand(FORM, async ({ values, positionals }, terminal) => {
  const queue = QUEUES.find((name) => name === positionals[0]);
  if (queue === undefined) {
    terminal.print(USAGE);
    return 2;
  }
  const stack = await requireStack(useAws(values));
  const dead = deadQueueOf(stack, queue);
  const letters = await dead.take();
  const left = new Set(letters);
  try {
    if (letters.length === 0) {
      terminal.print(`No dead letters in ${stack.name}-${queue}-dead.`);
      return 0;
    }
    const logGroup = `/aws/lambda/${stack.name}-${queue}`;
    const listed = await Promise.all(
      letters.map(async (letter) => ({ letter, why: await lastFailure(logGroup, letter) })),
    );
    terminal.print(`${listing(`${stack.name}-${queue}-dead`, listed, systemClock.now())}\n`);
    if (hasMore(letters)) terminal.print("There may be more behind these: run it again afterwards.\n");
    const chosen = choose(letters, values.only ?? []);
    const many = chosen.length === 1 ? "this one" : `these ${chosen.length}`;
    const question = values.delete ? `Delete ${many} for good?` : `Send ${many} back to ${stack.name}-${queue}?`;
    if (!(await confirmed(values.apply, terminal, question))) return 0;
    for (const letter of chosen) {
      await (values.delete ? dead.remove(letter) : dead.sendBack(letter));
      left.delete(letter);
      terminal.print(`${values.delete ? "deleted" : "sent back"}  ${shortId(letter)}`);
    }
    return 0;
  } finally {
    await dead.release([...left]);
  }
});

function deadQueueOf({ name, outputs }: Stack, queue: (typeof QUEUES)[number]) {
  const title = `${queue[0]?.toUpperCase() ?? ""}${queue.slice(1)}`;
  const [deadUrl, sourceUrl] = [outputs[`${title}DeadQueueUrl`], outputs[`${title}QueueUrl`]];
  if (deadUrl === undefined || sourceUrl === undefined)
    throw new Stop(`the stack "${name}" does not name its ${queue} queues: deploy this version of Proa`);
  return createDeadQueue(deadUrl, sourceUrl);
}

/** All of them, or those that the beginnings of their ids name. */
function choose(letters: readonly Taken[], only: readonly string[]): readonly Taken[] {
  if (only.length === 0) return letters;
  return only.map((start) => {
    const [found, another] = letters.filter(({ id }) => id.startsWith(start));
    if (found === undefined) throw new Stop(`no dead letter's id begins with "${start}"`);
    if (another !== undefined) throw new Stop(`more than one dead letter's id begins with "${start}"`);
    return found;
  });
}
