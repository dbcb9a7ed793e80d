import { sentenceOf } from "../../scripts/installation/stop.ts";

/** Something that only the real GitHub, AWS or a real cluster can settle. */
export interface LiveCheck<World> {
  readonly name: string;
  readonly question: string;
  /** What Proa does, and stays right with whatever the answer is. */
  readonly untilThen: string;
  run(world: World): Promise<Finding>;
}

export type Finding =
  | { readonly kind: "as assumed"; readonly said: string }
  | { readonly kind: "otherwise"; readonly said: string }
  /** It could not be asked here. */
  | { readonly kind: "not told"; readonly said: string };

export const asAssumed = (said: string): Finding => ({ kind: "as assumed", said });
export const otherwise = (said: string): Finding => ({ kind: "otherwise", said });
export const notTold = (said: string): Finding => ({ kind: "not told", said });

export interface Told {
  readonly name: string;
  readonly finding: Finding;
}

/** One after the other: they share a repository. A check that fails has told nothing. */
export async function runChecks<World>(
  checks: readonly LiveCheck<World>[],
  world: World,
  say: (line: string) => void,
): Promise<Told[]> {
  const told: Told[] = [];
  for (const check of checks) {
    const finding = await check.run(world).catch((error: unknown) => notTold(sentenceOf(error)));
    told.push({ name: check.name, finding });
    say(`${finding.kind.padEnd(11)} ${check.name}: ${finding.said}`);
  }
  return told;
}

/** Asks until there is an answer, for as long as a slow service may take. */
export async function eventually<T>(
  ask: () => Promise<T | null>,
  { withinMs, everyMs }: { readonly withinMs: number; readonly everyMs: number },
): Promise<T | null> {
  for (const end = Date.now() + withinMs; ;) {
    const answer = await ask();
    if (answer !== null || Date.now() >= end) return answer;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
