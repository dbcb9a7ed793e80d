import type { Area, Check } from "./check.ts";

const WIDTH = 80;
const INDENT = 11;

/** What a person reads: a line for each check, and below it what to do. */
export function render(areas: readonly Area[], colour: boolean): string {
  const parts = areas
    .filter(({ checks }) => checks.length > 0)
    .map(({ name, checks }) => [name, ...checks.map((check) => lineOf(check, colour))].join("\n"));
  return [...parts, summary(areas)].join("\n\n");
}

const COLOURS: Readonly<Record<Check["level"], number>> = { ok: 32, warn: 33, fail: 31, unknown: 35 };

function lineOf({ level, what, remedy }: Check, colour: boolean): string {
  const word = level.padEnd(INDENT - 2);
  const mark = colour ? `\u001B[${COLOURS[level]}m${word}\u001B[0m` : word;
  return [
    `  ${mark}${wrapped(what)}`,
    ...(remedy === undefined ? [] : [`${" ".repeat(INDENT)}→ ${isCommand(remedy) ? remedy : wrapped(remedy, 2)}`]),
  ].join("\n");
}

/** To be copied, so it stays on one line whatever its length. */
const isCommand = (remedy: string): boolean => /^(aws|kubectl) /.test(remedy);

/** Names are not broken: what does not fit goes on the next line as a whole. */
function wrapped(text: string, more = 0): string {
  const indent = INDENT + more;
  const lines: string[] = [];
  for (const paragraph of text.split("\n")) {
    let line = "";
    for (const word of paragraph.split(" ")) {
      if (line !== "" && indent + line.length + 1 + word.length > WIDTH) {
        lines.push(line);
        line = word;
      } else line = line === "" ? word : `${line} ${word}`;
    }
    lines.push(line);
  }
  return lines.join(`\n${" ".repeat(indent)}`);
}

function summary(areas: readonly Area[]): string {
  const all = areas.flatMap(({ checks }) => checks);
  const count = (level: Check["level"]): number => all.filter((check) => check.level === level).length;
  const parts = [
    [count("fail"), "failed"],
    [count("unknown"), "could not be looked at"],
    [count("warn"), "worth a look"],
  ].flatMap(([n, words]) => (n === 0 ? [] : [`${n} ${words}`]));
  return parts.length === 0 ? `All ${all.length} checks are fine.` : `Of ${all.length} checks ${parts.join(", ")}.`;
}
