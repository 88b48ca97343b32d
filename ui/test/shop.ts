/** A small shop that the tests share: one pod, a caller, two peers. */

import type { Call, Graph, Node, Topology } from "../src/model/graph";
import { toGraph } from "../src/model/graph";

export function node(name: string, isReal = true): Node {
  return {
    id: `id-${name}`,
    name,
    serviceId: "c2hvcA==.1",
    serviceName: "shop",
    serviceInstanceId: "c2hvcA==.1_cG9k",
    serviceInstanceName: "pod",
    isReal,
  };
}

export function call(
  source: string,
  target: string,
  components = ["http"],
  detectPoints = ["CLIENT", "SERVER"],
): Call {
  return {
    id: `id-${source}-id-${target}`,
    source: `id-${source}`,
    target: `id-${target}`,
    detectPoints,
    sourceComponents: components,
    targetComponents: components,
  };
}

export const TOPOLOGY: Topology = {
  nodes: [
    node("gateway"),
    node("orders"),
    node("UNKNOWN_REMOTE", false),
    node("payments.shop", false),
    node("postgres.data", false),
  ],
  calls: [
    call("UNKNOWN_REMOTE", "gateway", ["https"], ["SERVER"]),
    call("gateway", "orders"),
    call("gateway", "payments.shop", ["tls"], ["CLIENT"]),
    call("orders", "postgres.data", ["tcp"], ["CLIENT"]),
  ],
};

export const SHOP: Graph = toGraph(TOPOLOGY);

export function edgeOf(graph: Graph, source: string, target: string) {
  return graph.edges.find((edge) => edge.source.name === source && edge.target.name === target)!;
}
