import { expect, test } from "vitest";
import {
  chooseSpan,
  formatClock,
  formatMinute,
  parseZone,
  toDuration,
  trimSpan,
} from "../../src/model/time";

const NOON = Date.UTC(2026, 10, 24, 12, 0, 30);

test("a zone is minutes east of Greenwich", () => {
  expect([parseZone("+0530"), parseZone("-0800"), parseZone("+0000")]).toEqual([330, -480, 0]);
});

test("an unreadable zone counts as UTC", () => {
  expect([parseZone(null), parseZone("Mars")]).toEqual([0, 0]);
});

test("a minute is written in the server's zone", () => {
  expect(formatMinute(NOON, 330)).toBe("2026-11-24 1730");
});

test("a clock can leave out its seconds", () => {
  expect([formatClock(NOON, 0), formatClock(NOON, 0, false)]).toEqual(["12:00:30", "12:00"]);
});

test("fifteen minutes end with the open one", () => {
  const duration = toDuration(chooseSpan("15m", NOON, null), 0);
  expect(duration).toEqual({ start: "2026-11-24 1146", end: "2026-11-24 1200", step: "MINUTE" });
});

test("the task's window starts in its first minute", () => {
  const span = chooseSpan("task", NOON, NOON - 4 * 60_000);
  expect(toDuration(span, 0).start).toBe("2026-11-24 1156");
});

test("the window of an old task stays within what the server answers", () => {
  const span = chooseSpan("task", NOON, NOON - 48 * 3_600_000);
  expect((span.endMs - span.startMs) / 60_000 + 1).toBe(480);
});

test("a chart starts with the first measured minute, five minutes back at the latest", () => {
  const span = { startMs: 0, endMs: 14 * 60_000 };
  const starts = [new Set([7 * 60_000]), new Set([14 * 60_000]), new Set<number>()].map(
    (measured) => trimSpan(span, measured).startMs / 60_000,
  );
  expect(starts).toEqual([7, 10, 10]);
});
