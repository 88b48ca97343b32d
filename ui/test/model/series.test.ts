import { expect, test } from "vitest";
import { addUp, measuredMinutes, newest, sum, toSeries, type Point } from "../../src/model/series";

const points = (...values: (number | null)[]): Point[] =>
  values.map((value, minute) => ({ timeMs: minute, value }));

test("an answer keeps labels, times and gaps", () => {
  const answer = {
    type: "TIME_SERIES_VALUES",
    error: null,
    results: [
      {
        metric: { labels: [{ key: "p", value: "95" }] },
        values: [
          { id: "60000", value: "1.5" },
          { id: "120000", value: null },
        ],
      },
    ],
  };
  expect(toSeries(answer)).toEqual([
    {
      label: "95",
      points: [
        { timeMs: 60000, value: 1.5 },
        { timeMs: 120000, value: null },
      ],
    },
  ]);
});

test("the newest value is of a minute that is over", () => {
  expect(newest(points(1, 2, 3), 2)).toEqual({ value: 2, atMs: 1 });
});

test("the open minute serves when there is no other", () => {
  expect(newest(points(null, null, 3), 2)).toEqual({ value: 3, atMs: 2 });
});

test("nothing measured has no newest value and no sum", () => {
  expect([newest(points(null), 9), sum(points(null))]).toEqual([null, null]);
});

test("a sum leaves gaps out", () => {
  expect(sum(points(1, null, 2))).toBe(3);
});

test("series add up minute by minute, and a gap in all stays a gap", () => {
  const series = [
    { label: "200", points: points(1, null, 2) },
    { label: "500", points: points(null, null, 3) },
  ];
  expect(addUp(series)).toEqual(points(1, null, 5));
});

test("a minute is measured when any answer has a value in it", () => {
  const answers = new Map([
    ["a", [{ label: "", points: points(1, null) }]],
    ["b", [{ label: "", points: points(null, null, 4) }]],
  ]);
  expect([...measuredMinutes(answers)]).toEqual([0, 2]);
});
