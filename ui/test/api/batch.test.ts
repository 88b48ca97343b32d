import { expect, test } from "vitest";
import { buildBatch, entityOf, faultsOf, readBatch } from "../../src/api/batch";
import { edgeOf, SHOP } from "../shop";

const EDGE = edgeOf(SHOP, "gateway", "orders");
const OTHER = edgeOf(SHOP, "orders", "postgres.data");
const DURATION = { start: "2026-11-24 1000", end: "2026-11-24 1014", step: "MINUTE" } as const;
const WANTED = [
  { edge: EDGE, expressions: ["a", "b/1024"] },
  { edge: OTHER, expressions: ["b/1024"] },
];

test("an edge becomes an entity of a process relation", () => {
  expect(entityOf(EDGE)).toEqual({
    scope: "ProcessRelation",
    serviceName: "shop",
    normal: true,
    serviceInstanceName: "pod",
    processName: "gateway",
    destServiceName: "shop",
    destNormal: true,
    destServiceInstanceName: "pod",
    destProcessName: "orders",
  });
});

test("one query asks everything, each expression sent once", () => {
  const { query, variables } = buildBatch(WANTED, DURATION);
  expect(query.match(/execExpression/g)).toHaveLength(3);
  expect([variables.x0, variables.x1, variables.x2]).toEqual(["a", "b/1024", undefined]);
  expect(variables.duration).toEqual(DURATION);
});

test("what the backend refuses is known by its expression", () => {
  const refusal = { type: "UNKNOWN", error: "Metric: [b] does not exist.", results: [] };
  expect([...faultsOf(WANTED, { e1_1: refusal })]).toEqual([["b/1024", refusal.error]]);
});

test("answers come back to their edge and expression", () => {
  const answer = (value: string) => ({
    type: "TIME_SERIES_VALUES",
    error: null,
    results: [{ metric: { labels: [] }, values: [{ id: "0", value }] }],
  });
  const data = { e0_0: answer("1"), e0_1: answer("2"), e1_1: answer("3") };
  const values = readBatch(WANTED, data).map((answers) =>
    [...answers].map(([text, series]) => [text, series[0]!.points[0]!.value]),
  );
  expect(values).toEqual([
    [
      ["a", 1],
      ["b/1024", 2],
    ],
    [["b/1024", 3]],
  ]);
});
