import { expect, test } from "vitest";
import { toRows, type Span } from "../../src/model/waterfall";

function span(segmentId: string, spanId: number, parentSpanId: number, times: number[]): Span {
  return {
    segmentId,
    spanId,
    parentSpanId,
    refs: [],
    serviceCode: "shop",
    startTime: times[0]!,
    endTime: times[1]!,
    endpointName: `${segmentId}${spanId}`,
    type: "Local",
    component: null,
    isError: false,
  };
}

const ENTRY = span("a", 0, -1, [0, 100]);
const EXIT = span("a", 1, 0, [20, 80]);
const CALLED = {
  ...span("b", 0, -1, [30, 70]),
  refs: [{ parentSegmentId: "a", parentSpanId: 1 }],
};

test("a called segment stands under the span that called it", () => {
  const rows = toRows([CALLED, EXIT, ENTRY]);

  expect(rows.map((row) => [row.span.endpointName, row.depth])).toEqual([
    ["a0", 0],
    ["a1", 1],
    ["b0", 2],
  ]);
  expect(rows[2]).toMatchObject({ offset: 0.3, width: 0.4 });
});

test("a segment whose caller has not arrived stands at the left", () => {
  expect(toRows([CALLED]).map((row) => row.depth)).toEqual([0]);
});

test("spans that name each other as parents end", () => {
  const loop = [
    { ...span("a", 0, -1, [0, 1]), refs: [{ parentSegmentId: "b", parentSpanId: 0 }] },
    { ...span("b", 0, -1, [0, 1]), refs: [{ parentSegmentId: "a", parentSpanId: 0 }] },
  ];

  expect(toRows(loop)).toEqual([]);
  expect(toRows([])).toEqual([]);
});
