// `npm run proa -- <command>`: what people do to an installation. Each command prints its plan and stops; --apply does it.
import { processTerminal, type Terminal } from "./installation/terminal.ts";
import { sentenceOf } from "./installation/stop.ts";

/** Returns the exit code: 0 done or nothing to do, 1 failed, 2 wrongly called. */
export type Command = (args: readonly string[], terminal: Terminal) => Promise<number>;

interface Entry {
  readonly does: string;
  /** Loaded when asked for: a command needs its own clients, and no other's. */
  readonly load: () => Promise<Command>;
}

const COMMANDS: Readonly<Record<string, Entry>> = {
  deploy: {
    does: "create Proa's stack on AWS, or bring it up to this checkout",
    load: async () => (await import("./deploy.ts")).deploy,
  },
  setup: {
    does: "create the GitHub App, and store its key where the functions read it",
    load: async () => (await import("./setup.ts")).setup,
  },
  doctor: {
    does: "look at everything Proa stands on, and say what is missing",
    load: async () => (await import("./doctor.ts")).doctor,
  },
  redrive: {
    does: "show dead letters, and send them back or delete them",
    load: async () => (await import("./redrive.ts")).redrive,
  },
  rotate: {
    does: "change the webhook's secret or the App's key without losing a delivery",
    load: async () => (await import("./rotate.ts")).rotate,
  },
  uninstall: {
    does: "remove Proa's stack, and say what is kept",
    load: async () => (await import("./uninstall.ts")).uninstall,
  },
};

async function main([name = "help", ...args]: readonly string[], terminal: Terminal): Promise<number> {
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (entry !== undefined) return (await entry.load())(args, terminal);
  const isAsked = /^(help|-h|--help)$/.test(name);
  terminal.print(isAsked ? usage() : `There is no command ${name}.\n\n${usage()}`);
  return isAsked ? 0 : 2;
}

function usage(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const lines = Object.entries(COMMANDS).map(([name, { does }]) => `  ${name.padEnd(width)}  ${does}`);
  return ["npm run proa -- <command> [--help]", "", ...lines].join("\n");
}

/** What `parseArgs` throws over a flag that it does not know. */
const isWrongCall = (error: unknown): boolean =>
  error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS_");

const terminal = processTerminal();
process.exitCode = await main(process.argv.slice(2), terminal).catch((error: unknown) => {
  process.stderr.write(`${sentenceOf(error)}${isWrongCall(error) ? "; --help shows what there is" : ""}\n`);
  return isWrongCall(error) ? 2 : 1;
});
