import { expect, test } from "vitest";
import { formatCountdown, formatNumber, formatValue } from "../../src/model/unit";

test.each([
  [0, "0"],
  [0.0421, "0.042"],
  [7.126, "7.13"],
  [66.04, "66"],
  [419, "419"],
  [1234.5, "1235"],
  [12_345, "12.3k"],
  [999_600, "1M"],
])("%d reads %s", (value, text) => {
  expect(formatNumber(value)).toBe(text);
});

test.each([
  [2560, "KB/min", "2.5 MB/min"],
  [1500, "µs", "1.5 ms"],
  [0.03, "ms", "30 µs"],
  [12_500, "ms", "12.5 s"],
  [3.1, "%", "3.1 %"],
  [5, "", "5"],
] as const)("%d %s reads %s", (value, unit, text) => {
  expect(formatValue(value, unit)).toBe(text);
});

test("a countdown has hours only when needed and never goes below zero", () => {
  expect([545, 3725, -3].map(formatCountdown)).toEqual(["9:05", "1:02:05", "0:00"]);
});
