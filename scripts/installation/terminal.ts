import { createInterface } from "node:readline/promises";

/** The person in front of a script; in a pipeline there is nobody. */
export interface Terminal {
  readonly print: (text: string) => void;
  /** null: nobody is there to answer. */
  ask(question: string): Promise<string | null>;
}

export function processTerminal(): Terminal {
  return {
    print: (text) => void process.stdout.write(`${text}\n`),
    async ask(question) {
      if (!process.stdin.isTTY || !process.stdout.isTTY) return null;
      const lines = createInterface({ input: process.stdin, output: process.stdout });
      try {
        return (await lines.question(question)).trim();
      } finally {
        lines.close();
      }
    },
  };
}

/** `--apply`, or a yes at a terminal. Whoever says neither has seen the plan, and nothing was done. */
export async function confirmed(apply: boolean, terminal: Terminal, question: string): Promise<boolean> {
  if (apply) return true;
  const answer = await terminal.ask(`${question} [y/N] `).catch(orNo);
  if (answer === null) terminal.print("Nothing was changed: add --apply to do it.");
  else if (!/^y(es)?$/i.test(answer)) terminal.print("Nothing was changed.");
  return answer !== null && /^y(es)?$/i.test(answer);
}

/** Ctrl-C at a question is a no to it: what was prepared is put away as after any other. */
function orNo(error: unknown): string {
  if (error instanceof Error && error.name === "AbortError") return "";
  throw error;
}
