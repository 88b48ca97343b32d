import { expect, test } from "vitest";
import { boxesOf, overlaps } from "../../src/layout/box";
import { place } from "../../src/layout/place";
import { arrowOf, pathOf, pointAt, routesOf } from "../../src/layout/route";
import { toGraph } from "../../src/model/graph";
import { call, node, SHOP } from "../shop";

function route(graph = SHOP) {
  const boxes = boxesOf(place(graph));
  return { boxes, routes: routesOf(graph, boxes) };
}

test("an arrow leaves its source and ends at its target's side", () => {
  const { boxes, routes } = route();
  const { curve } = routes.get("id-gateway-id-orders")!;
  const [from, to] = [boxes.get("id-gateway")!, boxes.get("id-orders")!];
  expect(curve[0].x).toBe(from.x + from.width);
  expect(curve[3].x).toBe(to.x);
});

test("labels cover neither each other nor a box", () => {
  const { boxes, routes } = route();
  const labels = [...routes.values()].map((one) => one.label);
  const shapes = [...boxes.values(), ...labels];
  const clashes = labels.filter((label) =>
    shapes.some((shape) => shape !== label && overlaps(label, shape)),
  );
  expect(clashes).toEqual([]);
});

test("an arrow goes round the boxes that are not its ends", () => {
  const { boxes, routes } = route();
  const { curve } = routes.get("id-gateway-id-payments.shop")!;
  const orders = boxes.get("id-orders")!;
  const hits = Array.from({ length: 101 }, (_, step) => pointAt(curve, step / 100)).filter(
    ({ x, y }) => overlaps({ x, y, width: 0.1, height: 0.1 }, orders),
  );
  expect(hits).toEqual([]);
});

test("there and back are two arrows that touch nowhere", () => {
  const both = toGraph({
    nodes: [node("a"), node("b")],
    calls: [call("a", "b"), call("b", "a")],
  });
  const { routes } = route(both);
  const [there, back] = ["id-a-id-b", "id-b-id-a"].map((id) => routes.get(id)!.curve);
  expect(there![0].y).not.toBe(back![3].y);
  expect(there![3].y).not.toBe(back![0].y);
});

test("a process that calls itself has an arrow beside its box", () => {
  const self = toGraph({ nodes: [node("a")], calls: [call("a", "a")] });
  const { boxes, routes } = route(self);
  const middle = pointAt(routes.get("id-a-id-a")!.curve, 0.5);
  expect(middle.x).toBeGreaterThan(boxes.get("id-a")!.x + boxes.get("id-a")!.width);
});

test("a curve is written with one decimal, and its head points along it", () => {
  const curve = [
    { x: 0, y: 0.04 },
    { x: 10, y: 0 },
    { x: 20, y: 5 },
    { x: 30, y: 5 },
  ] as const;
  expect(pathOf([...curve])).toBe("M0 0 C10 0 20 5 30 5");
  expect(arrowOf([...curve])).toBe("M30 5 l-9 -4.6 v9.2 z");
});
