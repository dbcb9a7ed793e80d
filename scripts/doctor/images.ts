import { parseEcrHost } from "../../src/adapters/registry-ecr.ts";
import type { Registries } from "../../src/adapters/registry.ts";
import { OutsideError, type Problem } from "../../src/core/problem.ts";
import { sentenceOf } from "../installation/stop.ts";
import { type Area, type Check, fail, ok, unknown } from "./check.ts";

export interface ImageFacts {
  readonly pattern: string;
  /** A pattern stands for many repositories: one of its kind was asked for that nobody has. */
  readonly guessed: boolean;
  readonly answer:
    | { readonly kind: "looked" }
    | { readonly kind: "problem"; readonly code: Problem["code"] | null; readonly because: string };
}

const TAG = "proa-doctor";

/** Asks each registry for a tag that is not there: "no such tag" is what whoever may look is told. */
export async function imageFacts(patterns: readonly string[], registries: Registries): Promise<ImageFacts[]> {
  return Promise.all(
    patterns.map(async (pattern) => {
      const guessed = /\*/.test(pattern);
      try {
        await registries.resolve(pattern.replaceAll(/\*+/g, TAG), TAG);
        return { pattern, guessed, answer: { kind: "looked" } as const };
      } catch (error) {
        const code = error instanceof OutsideError ? error.problem.code : null;
        return { pattern, guessed, answer: { kind: "problem", code, because: sentenceOf(error) } as const };
      }
    }),
  );
}

export const imageChecks = (facts: readonly ImageFacts[]): Area => ({
  name: "The registries",
  checks: facts.map(check),
});

function check({ pattern, guessed, answer }: ImageFacts): Check {
  const ecr = parseEcrHost(pattern.split("/")[0] ?? "") !== null;
  // The functions have a role of their own.
  const whose = ecr ? ", with your credentials" : "";
  if (answer.kind === "looked") return ok(`${pattern} can be looked into${whose}`);
  // Registries refuse alike what is not there and what is not shown.
  if (answer.code === "forbidden" && guessed && !ecr)
    return unknown(
      pattern,
      `it answers, and does not say whether you may look into its repositories (${answer.because})`,
    );
  return fail(
    `${pattern} cannot be looked into${whose}: ${answer.because}`,
    ecr
      ? "the parameter EcrRepositories of the stack gives the functions the right to"
      : "PROA_REGISTRIES holds its login",
  );
}
