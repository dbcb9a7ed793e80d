import { styleText } from "node:util";
import type { Failure } from "./failures.ts";
import { shortType } from "./progress.ts";
import { wrap } from "./text.ts";

/** What failed first, why, what to do, and how things stand now. */
export function failureText(failure: Failure | null, status: string, stack: string): string {
  const what =
    failure === null
      ? [`${stack} ended as ${status}.`]
      : [
          `${styleText("red", failure.resource)} (${shortType(failure.type)}) failed:`,
          wrap(failure.reason, 2),
          ...(failure.remedy === null ? [] : [wrap(`What to do: ${failure.remedy}.`, 0)]),
        ];
  return [...what, wrap(AFTERWARDS[status] ?? `The stack is ${status} now.`, 0)].join("\n");
}

const AFTERWARDS: Readonly<Record<string, string>> = {
  UPDATE_ROLLBACK_COMPLETE: "Everything is back to how it was before; the release that ran goes on running.",
  ROLLBACK_COMPLETE: "What had been created is removed again. The next deploy clears the empty stack away.",
  ROLLBACK_FAILED:
    "Not all that had been created could be removed. The next deploy tries to, and says what is in the way.",
  UPDATE_ROLLBACK_FAILED:
    "The return to the release before failed as well. The next deploy with --apply tries it again first.",
  DELETE_FAILED: "Not everything could be removed.",
};
