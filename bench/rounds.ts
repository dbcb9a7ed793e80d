/** What one run of one case came to: figures by name. */
export type Figures = Readonly<Record<string, number>>;

export type Cases = Readonly<Record<string, () => Promise<Figures>>>;

export interface Rounds {
  /** The median over all rounds. */
  median(name: string, figure: string): number;
  /** How many times `other`'s figure is in `name`'s: the median of what each round by itself says. */
  times(name: string, other: string, figure: string, otherFigure?: string): number;
}

/**
 * Runs all cases once per round, one after the other, and compares within a round only: a machine that others use as well is slow
 * for all of them alike. The first round warms the disk's cache and is thrown away.
 */
export async function rounds(count: number, cases: Cases): Promise<Rounds> {
  const taken: Readonly<Record<string, Figures>>[] = [];
  for (let round = 0; round <= count; round++) {
    const results: Record<string, Figures> = {};
    for (const [name, run] of Object.entries(cases)) results[name] = await run();
    if (round > 0) taken.push(results);
  }
  const of = (round: Readonly<Record<string, Figures>>, name: string, figure: string): number =>
    round[name]?.[figure] ?? Number.NaN;
  return {
    median: (name, figure) => median(taken.map((round) => of(round, name, figure))),
    times: (name, other, figure, otherFigure = figure) =>
      median(taken.map((round) => of(round, name, figure) / of(round, other, otherFigure))),
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
