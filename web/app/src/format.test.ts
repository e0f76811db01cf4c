import { expect, it } from "vitest";

import { ago, bytes, money, percent, plural, span, whole } from "./format";

it("writes durations with two units at most", () => {
  expect([0, 8.24, 9.97, 59.9, 65, 3599, 12000, 187200].map(span)).toEqual(["0.0s", "8.2s", "9s", "59s", "1m05s", "59m59s", "3h20m", "2d4h"]);
  expect(whole(8.9)).toBe("8s");
});

it("writes moments relative to now", () => {
  const now = Date.parse("2026-01-02T00:00:10Z");
  expect(["2026-01-02T00:00:10Z", "2026-01-02T00:00:00Z", "2026-01-02T00:01:15Z", undefined].map((t) => ago(t, now))).toEqual(["now", "10s ago", "in 1m05s", ""]);
});

it("never rounds up to all", () => {
  expect(percent(999, 1000)).toBe("99 %");
  expect(percent(1000, 1000)).toBe("100 %");
  expect(percent(0, 0)).toBe("–");
});

it("writes sizes, money and counts", () => {
  expect([0, 1023, 1536, 104_857_600].map(bytes)).toEqual(["0 B", "1023 B", "1.5 KiB", "100 MiB"]);
  expect(money(0.4249, "EUR")).toBe("€0.42");
  expect(money(1, undefined)).toBe("1.00");
  expect([plural(1, "task"), plural(12345, "task")]).toEqual(["1 task", "12\u202f345 tasks"]);
});
