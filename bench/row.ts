/** One line of the table. */
export interface Row {
  readonly what: string;
  readonly measured: string;
  readonly goal: string;
  /** The least that it could be: the same work by hand. */
  readonly floor?: string;
  readonly peers?: string;
  /** null: there is no goal. */
  readonly met: boolean | null;
}

/** Never rounded in our favour: 1.151 is not 1.15. */
export const atMost = (value: number, digits = 2): string =>
  `${(Math.ceil(value * 10 ** digits - 1e-9) / 10 ** digits).toFixed(digits)}×`;
export const atLeast = (value: number, digits = 1): string =>
  `${(Math.floor(value * 10 ** digits + 1e-9) / 10 ** digits).toFixed(digits)}×`;

export function printed(rows: readonly Row[]): string {
  const lines = rows.map(({ what, measured, goal, floor = "", peers = "", met }) => [
    what,
    measured,
    goal,
    floor,
    peers,
    met === null ? "" : met ? "met" : "MISSED",
  ]);
  const table = [["what", "measured", "goal", "floor", "peers", ""], ...lines];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0))) ?? [];
  return table
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
