/**
 * The way of every arrow, and where its label stands.
 *
 * In: a graph and its boxes.  Out: one cubic curve an edge that leaves and enters boxes at their
 * sides, goes round the boxes in between, and carries a label that covers no other.
 */

import type { Edge, Graph } from "../model/graph";
import { grow, middle, overlaps, type Box, type Point } from "./box";

export type Curve = [Point, Point, Point, Point];

export interface Route {
  curve: Curve;
  label: Box;
}

const LABEL = { width: 86, height: 36 };
const PORT_GAP = 15;
/** How far a curve swerves, tried in this order, until it clears every other box. */
const SWERVES = [0, -64, 64, -112, 112, -176, 176, -260, 260];
const LABEL_STOPS = [0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74];

type Face = "left" | "right";

interface Attachment {
  edge: Edge;
  end: "source" | "target";
  face: Face;
  /** Where the other end is, for the order of ports on one side of a box. */
  other: Point;
}

export function routesOf(graph: Graph, boxes: ReadonlyMap<string, Box>): Map<string, Route> {
  const ports = portsOf(graph, boxes);
  const routes = new Map<string, Route>();
  const taken: Box[] = [...boxes.values()];
  for (const edge of graph.edges) {
    const [start, end] = [ports.get(`${edge.id} source`)!, ports.get(`${edge.id} target`)!];
    const others = [...boxes].filter(([id]) => id !== edge.source.id && id !== edge.target.id);
    const curve = clearCurve(
      start,
      end,
      others.map(([, box]) => box),
    );
    const label = labelBox(curve, taken);
    taken.push(label);
    routes.set(edge.id, { curve, label });
  }
  return routes;
}

interface Port extends Point {
  face: Face;
}

/** Where edges touch boxes: spread over each side in the order of their other ends. */
function portsOf(graph: Graph, boxes: ReadonlyMap<string, Box>): Map<string, Port> {
  const sides = new Map<string, Attachment[]>();
  for (const edge of graph.edges) {
    for (const [id, attachment] of attach(edge, boxes)) {
      const key = `${id} ${attachment.face}`;
      sides.set(key, [...(sides.get(key) ?? []), attachment]);
    }
  }
  const ports = new Map<string, Port>();
  for (const [key, attachments] of sides) {
    const [id, face] = key.split(" ") as [string, Face];
    const box = boxes.get(id)!;
    const sorted = attachments.sort((a, b) => a.other.y - b.other.y || order(a) - order(b));
    const gap = Math.min(PORT_GAP, (box.height - 12) / Math.max(1, sorted.length - 1));
    sorted.forEach(({ edge, end }, index) => {
      const y = middle(box).y + (index - (sorted.length - 1) / 2) * gap;
      ports.set(`${edge.id} ${end}`, { x: face === "left" ? box.x : box.x + box.width, y, face });
    });
  }
  return ports;
}

/** Outgoing above incoming, so that two arrows of one pair do not cross. */
function order(attachment: Attachment): number {
  return (attachment.end === "source") === (attachment.face === "right") ? 0 : 1;
}

function attach(edge: Edge, boxes: ReadonlyMap<string, Box>): [string, Attachment][] {
  const from = middle(boxes.get(edge.source.id)!);
  const to = middle(boxes.get(edge.target.id)!);
  const isBack = to.x < from.x;
  const isBeside = to.x === from.x;
  const source: Face = isBack ? "left" : "right";
  const target: Face = isBack || isBeside ? "right" : "left";
  return [
    [edge.source.id, { edge, end: "source", face: source, other: to }],
    [edge.target.id, { edge, end: "target", face: target, other: from }],
  ];
}

function clearCurve(start: Port, end: Port, others: Box[]): Curve {
  const obstacles = others.map((box) => grow(box, 6));
  const curves = SWERVES.map((swerve) => curveOf(start, end, swerve));
  return curves.find((curve) => !obstacles.some((box) => crosses(curve, box))) ?? curves[0]!;
}

function curveOf(start: Port, end: Port, swerve: number): Curve {
  const isLoop = start.face === end.face;
  const reach = isLoop ? 84 : Math.max(40, Math.abs(end.x - start.x) * 0.45);
  const out = (port: Port): number => port.x + (port.face === "right" ? reach : -reach);
  return [
    { x: start.x, y: start.y },
    { x: out(start), y: start.y + swerve },
    { x: out(end), y: end.y + swerve },
    { x: end.x, y: end.y },
  ];
}

export function pointAt(curve: Curve, t: number): Point {
  const [a, b, c, d] = curve;
  const u = 1 - t;
  const mix = (axis: "x" | "y"): number =>
    u * u * u * a[axis] + 3 * u * u * t * b[axis] + 3 * u * t * t * c[axis] + t * t * t * d[axis];
  return { x: mix("x"), y: mix("y") };
}

function crosses(curve: Curve, box: Box): boolean {
  for (let step = 1; step < 32; step += 1) {
    const { x, y } = pointAt(curve, step / 32);
    if (overlaps({ x, y, width: 0.1, height: 0.1 }, box)) return true;
  }
  return false;
}

function labelBox(curve: Curve, taken: Box[]): Box {
  const boxes = LABEL_STOPS.map((stop) => {
    const { x, y } = pointAt(curve, stop);
    return { x: x - LABEL.width / 2, y: y - LABEL.height / 2, ...LABEL };
  });
  return boxes.find((box) => !taken.some((other) => overlaps(box, other))) ?? boxes[0]!;
}

export function pathOf(curve: Curve): string {
  const [a, b, c, d] = curve.map(({ x, y }) => `${round(x)} ${round(y)}`);
  return `M${a} C${b} ${c} ${d}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

const ARROW = { length: 9, half: 4.6 };

/** The head of the arrow; a curve enters a box level, so the head lies level too. */
export function arrowOf(curve: Curve): string {
  const [, , before, tip] = curve;
  const back = before.x < tip.x ? -ARROW.length : ARROW.length;
  const { x, y } = tip;
  return `M${round(x)} ${round(y)} l${back} ${-ARROW.half} v${2 * ARROW.half} z`;
}
