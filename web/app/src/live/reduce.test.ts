import { describe, expect, it } from "vitest";

import type { FarmEvent, UnitPage } from "../api/types";
import { noCounts } from "../states";
import { applyToUnits, keptEvents, lowerBound, pushEvents, topicsOf, worthTelling } from "./reduce";

const event = (more: Partial<FarmEvent>): FarmEvent => ({ seq: 1, at: "2026-01-02T03:04:05Z", kind: "attempt", reason: "r", job: "j1", ...more });
const page = (): UnitPage => ({
  step: 0,
  total: 10,
  counts: { ...noCounts, pending: 8, running: 1, succeeded: 1 },
  units: [
    { unit: 2, state: "succeeded", attempt: "a1", number: 1 },
    { unit: 5, state: "running", attempt: "a2", number: 1, node: "ws-01", site: "studio", progress: 0.4 },
  ],
});
const siteOf = (node: string) => (node === "burst-1" ? "cloud" : undefined);

describe("applyToUnits", () => {
  it("starts a pending unit where it belongs in the order", () => {
    const next = applyToUnits(page(), "j1", event({ unit: 3, attempt: "a3", node: "burst-1", to: "running" }), siteOf);
    expect(next.units.map((u) => u.unit)).toEqual([2, 3, 5]);
    expect(next.units[1]).toMatchObject({ state: "running", node: "burst-1", site: "cloud", attempt: "a3", reason: "r" });
    expect(next.counts).toMatchObject({ pending: 7, running: 2 });
  });

  it("moves a running unit on and keeps what is known of it", () => {
    const next = applyToUnits(page(), "j1", event({ unit: 5, attempt: "a2", to: "landing" }), siteOf);
    expect(next.units[1]).toMatchObject({ state: "landing", node: "ws-01", site: "studio", progress: 0 });
    expect(next.counts).toMatchObject({ running: 0, landing: 1, pending: 8 });
  });

  it("counts every unit once, whatever comes", () => {
    let p = page();
    for (const to of ["fencing", "lost", "warming", "ordered", "running", "landing", "succeeded"]) {
      p = applyToUnits(p, "j1", event({ unit: 5, attempt: to === "fencing" || to === "lost" ? "a2" : "a9", to }), siteOf);
      expect(Object.values(p.counts).reduce((a, b) => a + b)).toBe(10);
    }
    expect(p.units[1]).toMatchObject({ state: "succeeded", attempt: "a9", progress: 1 });
  });

  it("does not let a dead attempt's last word touch its successor", () => {
    const p = page();
    expect(applyToUnits(p, "j1", event({ unit: 5, attempt: "a0", to: "lost" }), siteOf)).toBe(p);
  });

  it("leaves a page alone that is not meant", () => {
    const p = page();
    for (const e of [event({ job: "j2", to: "running" }), event({ step: 1, to: "running" }), event({ kind: "node", to: "online" }), event({}), event({ to: "no such state" })]) {
      expect(applyToUnits(p, "j1", e, siteOf)).toBe(p);
    }
  });

  it("reads events that leave out zeros: unit 0 of step 0", () => {
    const next = applyToUnits(page(), "j1", event({ attempt: "a3", to: "ordered" }), siteOf);
    expect(next.units[0]).toMatchObject({ unit: 0, state: "assigned" });
  });
});

describe("pushEvents", () => {
  it("puts the newest first and drops what came twice", () => {
    const feed = pushEvents([], [event({ seq: 1 }), event({ seq: 2 })]);
    const more = pushEvents(feed, [event({ seq: 2 }), event({ seq: 3 })]);
    expect(more.map((e) => e.seq)).toEqual([3, 2, 1]);
    expect(pushEvents(more, [event({ seq: 3 })])).toBe(more);
  });

  it("is bounded", () => {
    const many = Array.from({ length: 1000 }, (_, i) => event({ seq: i + 1 }));
    const feed = pushEvents([], many);
    expect(feed).toHaveLength(keptEvents);
    expect(feed[0]?.seq).toBe(1000);
  });
});

describe("lowerBound", () => {
  it("finds the place of any index", () => {
    const units = page().units;
    expect([0, 2, 3, 5, 6].map((i) => lowerBound(units, i))).toEqual([0, 0, 1, 1, 2]);
    expect(lowerBound([], 7)).toBe(0);
  });
});

describe("topicsOf and worthTelling", () => {
  it("reload pictures only when something landed", () => {
    expect(topicsOf(event({ to: "running" }))).not.toContain("pictures");
    expect(topicsOf(event({ to: "succeeded" }))).toContain("pictures");
    expect(topicsOf(event({ kind: "pool" }))).toContain("decisions");
    expect(topicsOf(event({ kind: "something new" }))).toEqual([]);
  });

  it("tell ends and causes, not every step on the way", () => {
    expect(["warming", "ordered", "running", "landing", "succeeded", "failed", "lost"].filter((to) => worthTelling(event({ to })))).toEqual(["running", "succeeded", "failed", "lost"]);
    expect(worthTelling(event({ kind: "receipt" }))).toBe(false);
    expect(worthTelling(event({ kind: "fence" }))).toBe(true);
  });
});
