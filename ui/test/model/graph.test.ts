import { expect, test } from "vitest";
import {
  isInside,
  protocolsOf,
  titleOf,
  toGraph,
  withProcesses,
  type Process,
} from "../../src/model/graph";
import { call, edgeOf, node, SHOP, TOPOLOGY } from "../shop";

test("every protocol of both ends is named once, the most telling first", () => {
  const one = { ...call("a", "b", ["tcp", "http"]), targetComponents: ["https", "http"] };
  expect(protocolsOf(one)).toEqual(["HTTPS", "HTTP", "TCP"]);
});

test("an edge without a known component is TCP", () => {
  expect(protocolsOf(call("a", "b", ["Unknown"]))).toEqual(["TCP"]);
});

test("detect points become the measured sides", () => {
  expect(edgeOf(SHOP, "gateway", "orders").sides).toEqual(["client", "server"]);
  expect(edgeOf(SHOP, "gateway", "payments.shop").sides).toEqual(["client"]);
});

test("the order of an answer does not show in the graph", () => {
  const reversed = { nodes: [...TOPOLOGY.nodes].reverse(), calls: [...TOPOLOGY.calls].reverse() };
  expect(toGraph(reversed)).toEqual(SHOP);
});

test("a call without its node is left out", () => {
  expect(toGraph({ nodes: [node("a")], calls: [call("a", "gone")] }).edges).toEqual([]);
});

test("real processes and the unknown local one are inside the pod", () => {
  const nodes = [node("a"), node("UNKNOWN_LOCAL", false), node("UNKNOWN_REMOTE", false)];
  expect(nodes.map(isInside)).toEqual([true, true, false]);
});

const processes = ["VM", "VIRTUAL"].map((detectType): Process => ({
  ...node(`a ${detectType}`),
  instanceId: "i",
  instanceName: "pod",
  detectType,
  labels: [],
  attributes: [],
}));

test("before the first edge the pod's own processes are shown", () => {
  const { nodes } = withProcesses({ nodes: [], calls: [] }, processes);
  expect(nodes.map(({ name, isReal }) => [name, isReal])).toEqual([["a VM", true]]);
});

test("once there are edges the topology speaks for itself", () => {
  expect(withProcesses(TOPOLOGY, processes)).toBe(TOPOLOGY);
});

test("the unknowns have names for people", () => {
  expect(titleOf(node("UNKNOWN_LOCAL", false))).toBe("unknown local");
});
