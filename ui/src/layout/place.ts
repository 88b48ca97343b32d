/**
 * Which slot of the picture every node stands in.
 *
 * In: a graph and the placement of the picture before.  Out: a placement in which every node that
 * stood somewhere and still belongs there has not moved.  Time, chance and screen play no part.
 */

import { isInside, type Graph, type Node } from "../model/graph";

/** Callers left, the pod's own processes in the middle, whom they call on the right. */
export type Zone = "caller" | "pod" | "peer";

export interface Slot {
  zone: Zone;
  /** In the pod from left to right; outside from the pod outwards. */
  column: number;
  /** Rows are centred on 0; a column with an even number of nodes uses halves. */
  row: number;
  /** Whether the node had an edge when it was placed; until then it may still move. */
  settled: boolean;
}

export type Placement = ReadonlyMap<string, Slot>;

const MOST_ROWS = 8;

export function place(graph: Graph, previous: Placement = new Map()): Placement {
  const placement = keep(graph, previous);
  const ranks = rankInside(graph);
  const fresh = graph.nodes.filter((node) => !placement.has(node.id));
  for (const [zone, column, members] of columnsOf(graph, fresh, ranks)) {
    seat(graph, placement, zone, column, members);
  }
  return placement;
}

function keep(graph: Graph, previous: Placement): Map<string, Slot> {
  const kept = new Map<string, Slot>();
  for (const node of graph.nodes) {
    const slot = previous.get(node.id);
    if (slot?.settled && (slot.zone === "pod") === isInside(node)) kept.set(node.id, slot);
  }
  return kept;
}

/** Longest way from a process that none of its neighbours inside calls; cycles are cut by order. */
export function rankInside(graph: Graph): Map<string, number> {
  const inside = graph.nodes.filter(isInside);
  const callees = new Map(inside.map((node) => [node.id, calleesInside(graph, node)]));
  const ranks = new Map<string, number>();
  const open = new Set<string>();
  const visit = (id: string): number => {
    const known = ranks.get(id);
    if (known !== undefined) return known;
    open.add(id);
    const next = callees.get(id)!.filter((callee) => !open.has(callee));
    const depth = next.length > 0 ? 1 + Math.max(...next.map(visit)) : 0;
    open.delete(id);
    ranks.set(id, depth);
    return depth;
  };
  inside.forEach((node) => visit(node.id));
  const deepest = Math.max(0, ...ranks.values());
  return new Map([...ranks].map(([id, depth]) => [id, deepest - depth]));
}

function calleesInside(graph: Graph, node: Node): string[] {
  return graph.edges
    .filter((edge) => edge.source.id === node.id && edge.target.id !== node.id)
    .filter((edge) => isInside(edge.target))
    .map((edge) => edge.target.id);
}

type Column = [Zone, number, Node[]];

/** Fresh nodes by column, the pod's first, so that those outside line up with them. */
function columnsOf(graph: Graph, fresh: Node[], ranks: Map<string, number>): Column[] {
  const columns = new Map<string, Column>();
  for (const node of fresh) {
    const zone = zoneOf(graph, node);
    const column = ranks.get(node.id) ?? 0;
    const key = `${zone} ${column}`;
    if (!columns.has(key)) columns.set(key, [zone, column, []]);
    columns.get(key)![2].push(node);
  }
  const order: Zone[] = ["pod", "caller", "peer"];
  return [...columns.values()].sort(
    ([zoneA, a], [zoneB, b]) => order.indexOf(zoneA) - order.indexOf(zoneB) || a - b,
  );
}

function zoneOf(graph: Graph, node: Node): Zone {
  if (isInside(node)) return "pod";
  const calls = graph.edges.some((edge) => edge.source.id === node.id);
  const isCalled = graph.edges.some((edge) => edge.target.id === node.id);
  return calls && !isCalled ? "caller" : "peer";
}

/** Gives each node a row; a full column goes on in the next one. */
function seat(
  graph: Graph,
  placement: Map<string, Slot>,
  zone: Zone,
  first: number,
  members: Node[],
): void {
  const sorted = byNeighbours(graph, placement, members);
  for (let column = first, rest = sorted; rest.length > 0; column += 1) {
    const taken = rowsTaken(placement, zone, column);
    const room = zone === "pod" ? rest.length : Math.max(0, MOST_ROWS - taken.length);
    const here = rest.slice(0, room);
    const rows = freeRows(taken, here.length);
    here.forEach((node, index) => {
      placement.set(node.id, { zone, column, row: rows[index]!, settled: hasEdge(graph, node) });
    });
    rest = rest.slice(room);
  }
}

function hasEdge(graph: Graph, node: Node): boolean {
  return graph.edges.some((edge) => edge.source.id === node.id || edge.target.id === node.id);
}

function rowsTaken(placement: Placement, zone: Zone, column: number): number[] {
  const slots = [...placement.values()];
  return slots
    .filter((slot) => slot.zone === zone && slot.column === column)
    .map((slot) => slot.row);
}

/** Centred rows in an empty column; gaps and then the nearer end in one that has nodes. */
export function freeRows(taken: number[], count: number): number[] {
  if (taken.length === 0) {
    return Array.from({ length: count }, (_, index) => index - (count - 1) / 2);
  }
  const rows = new Set(taken);
  const found: number[] = [];
  while (found.length < count) {
    const row = nearestFree(rows);
    rows.add(row);
    found.push(row);
  }
  return found.sort((a, b) => a - b);
}

function nearestFree(rows: Set<number>): number {
  const top = Math.min(...rows);
  const bottom = Math.max(...rows);
  for (let row = top + 1; row < bottom; row += 1) if (!rows.has(row)) return row;
  return Math.abs(bottom + 1) <= Math.abs(top - 1) ? bottom + 1 : top - 1;
}

/** By the mean row of the neighbours that have a row already, then by name. */
function byNeighbours(graph: Graph, placement: Placement, members: Node[]): Node[] {
  const weight = new Map(members.map((node) => [node.id, meanRow(graph, placement, node)]));
  return [...members].sort((a, b) => weight.get(a.id)! - weight.get(b.id)!);
}

function meanRow(graph: Graph, placement: Placement, node: Node): number {
  const rows = graph.edges.flatMap((edge) => {
    const other =
      edge.source.id === node.id ? edge.target : edge.target.id === node.id ? edge.source : null;
    const slot = other && placement.get(other.id);
    return slot ? [slot.row] : [];
  });
  return rows.length > 0 ? rows.reduce((total, row) => total + row, 0) / rows.length : 0;
}
