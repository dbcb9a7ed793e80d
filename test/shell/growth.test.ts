import { describe, expect, test } from "vitest";
import { burst } from "../../bench/burst.ts";
import { type Growth, measure } from "../../bench/growth.ts";

/** The counts of `npm run bench`, with fewer pull requests; times are its own. */
describe("what grows with the number of open pull requests", () => {
  test("is no event's calls, and of a sweep's only the pages of the list", async () => {
    const [few, many] = await measure([30, 230], 3);
    if (few === undefined || many === undefined) throw new Error("both were measured");
    const calls = ({ update, waiting, sweep }: Growth) => ({
      update: { ...update, ms: 0 },
      waiting: { ...waiting, ms: 0 },
      sweep: { cluster: sweep.cluster, table: sweep.table, github: sweep.github - sweep.pages },
    });
    expect(calls(many)).toEqual(calls(few));
    expect([few.sweep.pages, many.sweep.pages]).toEqual([1, 3]);
  });
});

test("of many deliveries at once none is lost, each pull request's are handled in order, and several are handled together", async () => {
  const seen = await burst({ repositories: 2, rounds: 2 });
  expect(seen).toMatchObject({ deliveries: 80, targets: 40, acknowledged: 80, handled: 80, behind: 0 });
  expect(seen).toMatchObject({ outOfOrder: 0, together: 0, failures: 0, deadLetters: 0 });
  expect(seen.concurrency).toBeGreaterThan(1);
});
