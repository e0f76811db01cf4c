import { expect, it } from "vitest";

import type { Filer } from "./api/types";
import { addSample, hitRate, overWAN, rates } from "./traffic";

const filer = (more: Partial<Filer>, traffic: Partial<Filer["traffic"]>): Filer => ({
  name: "f", ok: true, cacheUsed: 0, cacheCapacity: 0, dirtyBytes: 0, sessions: 0, ...more,
  traffic: { readDemand: 0, readAhead: 0, readPrimed: 0, unused: 0, uniqueDemand: 0, written: 0, calls: 0, served: 0, servedFromHit: 0, ...traffic },
});

it("counts what crossed the link, not what the studio's own filer read", () => {
  const filers = [filer({}, { readDemand: 1000, served: 5 }), filer({ parent: "edge" }, { readDemand: 1, readAhead: 2, readPrimed: 4, written: 8, served: 10, servedFromHit: 9 })];
  expect(overWAN(filers)).toBe(15);
  expect(hitRate(filers)).toEqual({ hits: 9, served: 10 });
});

it("turns readings into rates and starts anew when counters go back", () => {
  let s = addSample([], { at: 0, bytes: 0 });
  s = addSample(s, { at: 2000, bytes: 4000 });
  expect(rates(s)).toEqual([2000]);
  s = addSample(s, { at: 3000, bytes: 10 });
  expect(rates(s)).toEqual([]);
  for (let i = 0; i < 100; i++) s = addSample(s, { at: 4000 + i, bytes: 10 + i });
  expect(s).toHaveLength(60);
});
