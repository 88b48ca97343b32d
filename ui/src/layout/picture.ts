/**
 * The whole picture of a pod, a pure function of its graph and of the picture before.
 */

import type { Graph } from "../model/graph";
import { around, boxesOf, grow, hullOf, type Box } from "./box";
import { place, type Placement } from "./place";
import { routesOf, type Route } from "./route";

export interface Picture {
  placement: Placement;
  boxes: ReadonlyMap<string, Box>;
  routes: ReadonlyMap<string, Route>;
  hull: Box | null;
  /** All there is to see, with a margin; null for an empty graph. */
  bounds: Box | null;
}

const MARGIN = 18;

export function draw(graph: Graph, previous: Placement = new Map()): Picture {
  const placement = place(graph, previous);
  const boxes = boxesOf(placement);
  const routes = routesOf(graph, boxes);
  const hull = hullOf(placement, boxes);
  const shapes = [...boxes.values(), ...[...routes.values()].map((route) => route.label)];
  const all = hull ? [...shapes, hull] : shapes;
  return {
    placement,
    boxes,
    routes,
    hull,
    bounds: all.length > 0 ? grow(around(all), MARGIN) : null,
  };
}

/** What an area of this size shows of the bounds: everything, centred, never magnified. */
export function viewOf(bounds: Box, width: number, height: number): Box {
  const shrink = Math.max(1, bounds.width / width, bounds.height / height);
  const size = { width: width * shrink, height: height * shrink };
  return {
    x: bounds.x + (bounds.width - size.width) / 2,
    y: bounds.y + (bounds.height - size.height) / 2,
    ...size,
  };
}
