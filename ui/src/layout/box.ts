/**
 * Slots become rectangles, and the pod its boundary.
 *
 * In: a placement.  Out: boxes in pixels around an origin in the middle of the pod's first column.
 */

import type { Placement, Slot } from "./place";

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Point {
  x: number;
  y: number;
}

export const NODE = { width: 148, height: 50 };
export const HULL = { side: 30, top: 46, bottom: 30 };

const PITCH = { column: 246, row: 112 };
/** What the boundary adds between the pod and those outside. */
const MOAT = 14;

export function boxesOf(placement: Placement): Map<string, Box> {
  const inside = [...placement.values()].filter((slot) => slot.zone === "pod");
  const lastColumn = Math.max(0, ...inside.map((slot) => slot.column));
  return new Map([...placement].map(([id, slot]) => [id, boxOf(slot, lastColumn)]));
}

function boxOf(slot: Slot, lastColumn: number): Box {
  const x =
    slot.zone === "pod"
      ? slot.column * PITCH.column
      : slot.zone === "caller"
        ? -(slot.column + 1) * PITCH.column - MOAT
        : (lastColumn + 1 + slot.column) * PITCH.column + MOAT;
  return {
    x: x - NODE.width / 2,
    y: slot.row * PITCH.row - NODE.height / 2,
    ...NODE,
  };
}

/** The pod's boundary around its own boxes; null while there are none. */
export function hullOf(placement: Placement, boxes: ReadonlyMap<string, Box>): Box | null {
  const inside = [...placement].filter(([, slot]) => slot.zone === "pod");
  if (inside.length === 0) return null;
  const { x, y, width, height } = around(inside.map(([id]) => boxes.get(id)!));
  return {
    x: x - HULL.side,
    y: y - HULL.top,
    width: width + 2 * HULL.side,
    height: height + HULL.top + HULL.bottom,
  };
}

export function around(boxes: Box[]): Box {
  const left = Math.min(...boxes.map((box) => box.x));
  const top = Math.min(...boxes.map((box) => box.y));
  const right = Math.max(...boxes.map((box) => box.x + box.width));
  const bottom = Math.max(...boxes.map((box) => box.y + box.height));
  return { x: left, y: top, width: right - left, height: bottom - top };
}

export function overlaps(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

export function grow(box: Box, by: number): Box {
  return { x: box.x - by, y: box.y - by, width: box.width + 2 * by, height: box.height + 2 * by };
}

export function middle(box: Box): Point {
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}
