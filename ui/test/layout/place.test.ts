import { expect, test } from "vitest";
import { freeRows, place, rankInside } from "../../src/layout/place";
import { toGraph } from "../../src/model/graph";
import { call, node, SHOP, TOPOLOGY } from "../shop";

test("callers stand left, the pod in the middle, those it calls right", () => {
  const zones = [...place(SHOP)].map(([id, slot]) => [id, slot.zone]);
  expect(Object.fromEntries(zones)).toEqual({
    "id-UNKNOWN_REMOTE": "caller",
    "id-gateway": "pod",
    "id-orders": "pod",
    "id-payments.shop": "peer",
    "id-postgres.data": "peer",
  });
});

test("a process stands right of those that call it", () => {
  const placement = place(SHOP);
  expect(placement.get("id-gateway")!.column).toBeLessThan(placement.get("id-orders")!.column);
});

test("the same graph in another order is the same picture", () => {
  const reversed = { nodes: [...TOPOLOGY.nodes].reverse(), calls: [...TOPOLOGY.calls].reverse() };
  expect(place(toGraph(reversed))).toEqual(place(SHOP));
});

test("placing again changes nothing", () => {
  const placement = place(SHOP);
  expect(place(SHOP, placement)).toEqual(placement);
});

test("a newcomer moves nobody", () => {
  const before = place(SHOP);
  const grown = toGraph({
    nodes: [...TOPOLOGY.nodes, node("audit.shop", false), node("billing")],
    calls: [...TOPOLOGY.calls, call("orders", "audit.shop"), call("gateway", "billing")],
  });
  const after = place(grown, before);
  for (const [id, slot] of before) expect(after.get(id)).toEqual(slot);
  expect(after.size).toBe(before.size + 2);
});

test("who leaves and comes back finds the others where they were", () => {
  const before = place(SHOP);
  const shrunk = toGraph({
    nodes: TOPOLOGY.nodes.filter((one) => one.name !== "payments.shop"),
    calls: TOPOLOGY.calls.filter((one) => !one.target.includes("payments")),
  });
  const after = place(SHOP, place(shrunk, before));
  expect(after.get("id-postgres.data")).toEqual(before.get("id-postgres.data"));
});

test("a process without edges may still find its place", () => {
  const alone = place(toGraph({ nodes: [node("orders")], calls: [] }));
  expect(alone.get("id-orders")).toMatchObject({ column: 0, settled: false });
  expect(place(SHOP, alone).get("id-orders")).toMatchObject({ column: 1, settled: true });
});

test("no two nodes share a slot", () => {
  const many = Array.from({ length: 30 }, (_, index) => node(`peer-${index}`, false));
  const graph = toGraph({
    nodes: [node("gateway"), ...many],
    calls: many.map((one) => call("gateway", one.name)),
  });
  const slots = [...place(graph).values()].map(
    ({ zone, column, row }) => `${zone} ${column} ${row}`,
  );
  expect(new Set(slots).size).toBe(31);
});

test("a ring of calls still has ranks", () => {
  const ring = toGraph({
    nodes: [node("a"), node("b"), node("c")],
    calls: [call("a", "b"), call("b", "c"), call("c", "a"), call("a", "a")],
  });
  expect(Object.fromEntries(rankInside(ring))).toEqual({ "id-a": 0, "id-b": 1, "id-c": 2 });
});

test("rows are centred, then gaps are filled, then the nearer end grows", () => {
  expect(freeRows([], 2)).toEqual([-0.5, 0.5]);
  expect(freeRows([-1, 1], 2)).toEqual([0, 2]);
});
