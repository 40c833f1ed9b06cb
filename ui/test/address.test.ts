import assert from "node:assert/strict";
import { test } from "node:test";
import { format, isStep, parse, START, type Address } from "../src/address.ts";

test("what is written is read again", () => {
  const address: Address = {
    view: "table",
    namespace: "shop",
    pipeline: "p & q",
    states: ["Failed", "Stale"],
    search: "a=b #1",
    asset: "shop/orders",
    focus: "shop/orders",
    direction: "up",
  };
  assert.deepEqual(parse(format(address)), address);
  assert.equal(format(START), "");
  assert.equal(format({ ...START, asset: "shop/orders", states: ["Stale", "Fresh"] }), "?state=Stale,Fresh&asset=shop/orders");
});

test("what is not known is left out", () => {
  assert.deepEqual(parse("?view=3d&state=Rotten,Stale&direction=sideways&x=1"), { ...START, states: ["Stale"] });
});

test("letters of a search are no steps to go back", () => {
  assert.equal(isStep(START, { ...START, search: "a" }), false);
  assert.equal(isStep(START, { ...START, asset: "n/a" }), true);
});
