import { type Hunt, hunt } from "./sabotage-run.ts";
import { SABOTAGES } from "./sabotage-table.ts";

/**
 * `sabotage-main.ts [--seeds 5000] [words of a safeguard's name …]`: breaks each safeguard on purpose and prints which invariant of the
 * simulation saw it, at which seed.
 */
const words = process.argv.slice(2);
const at = words.indexOf("--seeds");
const [, count] = at === -1 ? [] : words.splice(at, 2);
const seeds = Number(count ?? 5_000);
const chosen = SABOTAGES.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));

const row = ({ sabotage, caught, seconds }: Hunt): string =>
  `| ${[
    sabotage.name,
    sabotage.kind,
    caught?.by ?? "**not caught**",
    caught?.seed ?? `none of ${seeds}`,
    `${seconds.toFixed(1)} s`,
  ].join(" | ")} |\n`;

process.stdout.write("| safeguard broken | kind | caught by | seed, from 1 | time |\n|---|---|---|---|---|\n");
const hunts = await hunt(chosen, { seeds, ended: (done) => void process.stdout.write(row(done)) });
const missed = hunts.filter(({ caught }) => caught === null);
process.stdout.write(`\n${hunts.length - missed.length} of ${hunts.length} caught\n`);
process.exitCode = missed.length === 0 ? 0 : 1;
