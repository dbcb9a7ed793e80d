import type { Exchange } from "../../local/github/server.ts";
import type { World } from "../../local/world.ts";
import { type CheckExchange, createOpenApiChecker } from "../parity/openapi-checker.ts";
import type { Tolerated } from "./harness.ts";
import { leaksOf, outputsOf, type Planted, plantedIn } from "./leaks.ts";

export interface Remains {
  /** The world's folder. */
  readonly dir: string;
  readonly world: World;
  readonly exchanges: readonly Exchange[];
  readonly log: readonly string[];
  readonly tolerate: readonly Tolerated[];
  /** Besides the world's own secrets. */
  readonly planted: readonly Planted[];
}

/** What no journey may leave behind, whatever it was about. */
export async function problemsOf(remains: Remains): Promise<string[]> {
  const { dir, world, exchanges, log, tolerate, planted } = remains;
  const letters = await world.queue.deadLetters();
  const unless = (kind: Tolerated, problems: () => string[]): string[] => (tolerate.includes(kind) ? [] : problems());
  return [
    ...world.github.unknownRoutes.map((route) => `${route} is not served by the local GitHub`),
    ...unless("dead letters", () => letters.map((letter) => `dead letter: ${JSON.stringify(letter)}`)),
    ...unless("error lines", () => log.filter(isError)),
    ...leaksOf([...planted, ...plantedIn(world, exchanges)], [...outputsOf(dir, log, exchanges), ...world.said()]),
    ...unless("nonconforming exchanges", () => nonconforming(exchanges)),
  ];
}

export const isError = (line: string): boolean => line.includes('"level":"error"') && !LATE_AWS.test(line);

/** What a queue's own retry is for, and a busy machine brings about: an AWS in a process of its own that does not answer in time. */
const LATE_AWS = /"msg":"message failed".*"message":"[^"]*no answer within.*"retryable":true/;

/** So many of one kind are compared with GitHub's description: the next would say the same. */
const ENOUGH = 5;
let checker: CheckExchange | undefined;

function nonconforming(exchanges: readonly Exchange[]): string[] {
  checker ??= createOpenApiChecker(); // compiled once per test file: it takes seconds
  const check = checker;
  const seen = new Map<string, number>();
  const sample = exchanges.filter(({ method, path, status }) => {
    const kind = `${method} ${path.replaceAll(/[0-9a-f]{40}|\d+/g, "*")} ${status}`;
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
    return !isOurOwn(path) && (seen.get(kind) ?? 0) <= ENOUGH;
  });
  return [...new Set(sample.flatMap(check))];
}

/** The buttons' address and the tarball's second one are the local GitHub's own; GraphQL is not in the description. */
const isOurOwn = (path: string): boolean =>
  /\/check-runs\/\d+\/actions(?:\/|$)|\/legacy\.tar\.gz\/|^\/graphql/.test(path);
