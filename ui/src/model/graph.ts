/**
 * The processes of one pod and who talks to whom.
 *
 * In: the answer of `getProcessTopology`.  Out: nodes and edges that know their ends.
 */

export const UNKNOWN_LOCAL = "UNKNOWN_LOCAL";
export const UNKNOWN_REMOTE = "UNKNOWN_REMOTE";

export type Side = "client" | "server";

export interface Node {
  id: string;
  name: string;
  serviceId: string;
  serviceName: string;
  serviceInstanceId: string;
  serviceInstanceName: string;
  isReal: boolean;
}

export interface Call {
  id: string;
  source: string;
  target: string;
  detectPoints: string[];
  sourceComponents: string[];
  targetComponents: string[];
}

export interface Topology {
  nodes: Node[];
  calls: Call[];
}

export interface Edge {
  id: string;
  source: Node;
  target: Node;
  /** Such as `HTTP` or `TLS`; several when the ends spoke several. */
  protocols: string[];
  /** Which ends were measured. */
  sides: Side[];
}

export interface Graph {
  nodes: Node[];
  edges: Edge[];
}

/** What component names are called in the picture, the most telling first. */
const PROTOCOLS: ReadonlyMap<string, string> = new Map([
  ["https", "HTTPS"],
  ["http", "HTTP"],
  ["tls", "TLS"],
  ["tcp", "TCP"],
]);

export function protocolsOf(call: Call): string[] {
  const seen = new Set([...call.sourceComponents, ...call.targetComponents]);
  const known = [...PROTOCOLS].filter(([name]) => seen.has(name)).map(([, title]) => title);
  return known.length > 0 ? known : ["TCP"];
}

export function isEncrypted(edge: Edge): boolean {
  return edge.protocols.some((protocol) => protocol === "TLS" || protocol === "HTTPS");
}

/** Whether a node belongs inside the pod's boundary. */
export function isInside(node: Node): boolean {
  return node.isReal || node.name === UNKNOWN_LOCAL;
}

/** A name for people; the two unknowns say what they are. */
export function titleOf(node: Node): string {
  if (node.name === UNKNOWN_LOCAL) return "unknown local";
  if (node.name === UNKNOWN_REMOTE) return "unknown remote";
  return node.name;
}

export function describeNode(node: Node): string {
  if (node.isReal) return "process";
  if (node.name === UNKNOWN_LOCAL) return "on this host";
  return node.name === UNKNOWN_REMOTE ? "no name known" : "peer";
}

/** A process as `listProcesses` tells it. */
export interface Process {
  id: string;
  name: string;
  serviceId: string;
  serviceName: string;
  instanceId: string;
  instanceName: string;
  detectType: string;
  labels: string[];
  attributes: { name: string; value: string }[];
}

export function isReal(process: Process): boolean {
  return process.detectType !== "VIRTUAL";
}

/** Until the first edge is seen, the pod's own processes are the picture. */
export function withProcesses(topology: Topology, processes: Process[]): Topology {
  if (topology.calls.length > 0) return topology;
  return { nodes: processes.filter(isReal).map(toNode), calls: [] };
}

function toNode({ id, name, serviceId, serviceName, instanceId, instanceName }: Process): Node {
  const pod = { serviceInstanceId: instanceId, serviceInstanceName: instanceName };
  return { id, name, serviceId, serviceName, ...pod, isReal: true };
}

/** Sorted by name and id, so that equal answers in another order are equal graphs. */
export function toGraph(topology: Topology): Graph {
  const nodes = [...topology.nodes].sort(byNameThenId);
  const known = new Map(nodes.map((node) => [node.id, node]));
  const edges: Edge[] = [];
  for (const call of [...topology.calls].sort((a, b) => compare(a.id, b.id))) {
    const source = known.get(call.source);
    const target = known.get(call.target);
    if (!source || !target) continue;
    edges.push({ id: call.id, source, target, protocols: protocolsOf(call), sides: sidesOf(call) });
  }
  return { nodes, edges };
}

function sidesOf(call: Call): Side[] {
  const sides: Side[] = [];
  if (call.detectPoints.includes("CLIENT")) sides.push("client");
  if (call.detectPoints.includes("SERVER")) sides.push("server");
  return sides;
}

function byNameThenId(a: Node, b: Node): number {
  return compare(a.name, b.name) || compare(a.id, b.id);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
