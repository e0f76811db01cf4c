import { expect, it } from "vitest";

import { appendLog, keptLog, toneOf } from "./logtext";

it("shows what a terminal would show", () => {
  let log = appendLog("", "Fra:1 10%\rFra:1 20%");
  log = appendLog(log, "\rFra:1 30%");
  log = appendLog(log, "\nnext \u001b[31mred\u001b[0m\r\nlast");
  expect(log).toBe("Fra:1 30%\nnext red\nlast");
});

it("keeps a carriage return at the very end until more comes", () => {
  expect(appendLog(appendLog("", "50%\r"), "60%")).toBe("60%");
  expect(appendLog(appendLog("", "done\r"), "\nmore")).toBe("done\nmore");
});

it("is bounded and cut at a line", () => {
  const line = `${"x".repeat(99)}\n`;
  const log = appendLog(line.repeat(keptLog / 100), line.repeat(100));
  expect(log.length).toBeLessThanOrEqual(keptLog);
  expect(log.startsWith("x".repeat(99))).toBe(true);
});

it("picks out what went wrong", () => {
  expect(["Error: no scene", "Warning: slow", "Saved: '/nas/1.png'", "Fra:1"].map(toneOf)).toEqual(["bad", "warn", "mark", ""]);
});
