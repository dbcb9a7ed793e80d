import { OutsideError } from "../core/problem.ts";
import type { Field } from "./github-field.ts";

/** A thing that is not among the newest this many pages is as good as gone: creating it again is the smaller harm. */
const MAX_SEARCHED_PAGES = 30;

/** Who we are on GitHub: what carries another author is never taken for ours. */
export interface AppIdentity {
  readonly id: number;
  readonly slug: string;
}

export async function search(
  pages: AsyncIterable<readonly { readonly id: number; readonly ours: boolean }[]>,
): Promise<{ id: number } | null> {
  let searched = 0;
  for await (const page of pages) {
    const found = page.find((item) => item.ours);
    if (found !== undefined) return { id: found.id };
    if (++searched === MAX_SEARCHED_PAGES) return null;
  }
  return null;
}

/** Someone deleted what we wanted to change. */
export async function orMissing(update: Promise<void>): Promise<"updated" | "missing"> {
  try {
    await update;
    return "updated";
  } catch (error) {
    if (error instanceof OutsideError && error.problem.code === "not-found") return "missing";
    throw error;
  }
}

export const nothing = (): void => undefined;

export const createdId = (reply: Field): { id: number } => ({ id: reply.at("id").integer() });
