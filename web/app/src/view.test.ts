import { expect, it } from "vitest";

import { readView, writeView } from "./view";

it("survives the address", () => {
  for (const view of [
    { job: undefined, step: undefined, unit: undefined },
    { job: "j1", step: undefined, unit: undefined },
    { job: "j1", step: 1, unit: 23 },
  ]) {
    expect(readView(writeView(view))).toEqual(view);
  }
});

it("does not trust the address", () => {
  expect(readView("?job=j1&step=-1&unit=1e9")).toEqual({ job: "j1", step: undefined, unit: undefined });
});
