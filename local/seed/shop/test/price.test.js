import assert from "node:assert/strict";
import { test } from "node:test";
import { price } from "../price.js";

test("prices have two decimals", () => {
  assert.equal(price(4250), "42.50 €");
  assert.equal(price(8900), "89.00 €");
});
