import { expect, test } from "vitest";
import { orders, playOrders, STORY } from "./orders.ts";

const AS_IT_SHOULD = "open, live; live: the head; namespace: there; serves: the head";

const all = orders();

test("there are 16,560 orders of six events with one told twice or never", () => {
  expect(all).toHaveLength(720 + 15_120 + 720);
  expect(new Set(all.map((order) => order.join(""))).size).toBe(16_560);
  expect(STORY).toHaveLength(6);
});

/** All of them are played by `npm run simulate -- --orders`. */
const EVERY = 48;

test(
  "whatever the order in which GitHub tells of a pull request, and whatever it tells twice or never, the end is the same",
  {
    timeout: 600_000,
  },
  async () => {
    const some = all.filter((_, index) => index % EVERY === 0);
    for (let from = 0; from < some.length; from += 24) {
      const batch = some.slice(from, from + 24);
      const ends = await playOrders(batch);
      const wrong = ends.flatMap((end, index) =>
        end === AS_IT_SHOULD ? [] : [`${batch[index]?.map((each) => STORY[each]).join(", ")}: ${end}`],
      );
      expect(wrong).toEqual([]);
    }
  },
);
