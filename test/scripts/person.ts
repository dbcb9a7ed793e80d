import type { Terminal } from "../../scripts/installation/terminal.ts";

export interface Person extends Terminal {
  /** All that was shown. */
  readonly shown: () => string;
}

/** Somebody at a terminal, who answers each question with the next of these; null and thereafter: nobody is there. */
export function person(...answers: readonly string[]): Person {
  const lines: string[] = [];
  const left = [...answers];
  return {
    print: (text) => void lines.push(text),
    ask: async (question) => {
      lines.push(question);
      return left.shift() ?? null;
    },
    shown: () => lines.join("\n"),
  };
}
