import { parseArgs, type ParseArgsOptionsConfig } from "node:util";
import type { Terminal } from "./terminal.ts";

export interface Form<O extends ParseArgsOptionsConfig> {
  readonly usage: string;
  readonly options: O;
  /** What has to be named without an option before it, by what it is: `queue`. */
  readonly takes?: readonly string[];
}

/** What was written after the command's name. */
export interface Arguments<O extends ParseArgsOptionsConfig> {
  readonly values: ReturnType<typeof parseArgs<{ options: O; strict: true; allowPositionals: true }>>["values"];
  readonly positionals: readonly string[];
}

/** A command that explains itself with --help, and where it was called with what it does not know. */
export function defineCommand<O extends ParseArgsOptionsConfig>(
  { usage, options, takes = [] }: Form<O>,
  run: (given: Arguments<O>, terminal: Terminal) => Promise<number>,
): (args: readonly string[], terminal: Terminal) => Promise<number> {
  return async (args, terminal) => {
    if (args.includes("--help") || args.includes("-h")) {
      terminal.print(usage);
      return 0;
    }
    let given: Arguments<O>;
    try {
      given = parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
    } catch (error) {
      terminal.print(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
      return 2;
    }
    if (given.positionals.length !== takes.length) {
      const wanted = takes.length === 0 ? "nothing but options" : `<${takes.join("> <")}>`;
      terminal.print(`It takes ${wanted}, and was given ${given.positionals.join(" ") || "none"}.\n\n${usage}`);
      return 2;
    }
    return run(given, terminal);
  };
}
