import { expect, test } from "vitest";
import { draw, viewOf } from "../../src/layout/picture";
import { isInside } from "../../src/model/graph";
import { SHOP } from "../shop";

test("the boundary holds exactly the pod's own processes", () => {
  const { boxes, hull } = draw(SHOP);
  const held = SHOP.nodes.filter((node) => {
    const box = boxes.get(node.id)!;
    return box.x >= hull!.x && box.x + box.width <= hull!.x + hull!.width;
  });
  expect(held).toEqual(SHOP.nodes.filter(isInside));
});

test("a picture is a function of its graph", () => {
  expect(draw(SHOP)).toEqual(draw(SHOP));
});

test("an empty graph has no boundary and no bounds", () => {
  expect(draw({ nodes: [], edges: [] })).toMatchObject({ hull: null, bounds: null });
});

test("a small picture is centred and not magnified", () => {
  const view = viewOf({ x: 0, y: 0, width: 100, height: 100 }, 400, 200);
  expect(view).toEqual({ x: -150, y: -50, width: 400, height: 200 });
});

test("a large picture is shown whole", () => {
  const view = viewOf({ x: 0, y: 0, width: 800, height: 100 }, 400, 200);
  expect(view).toEqual({ x: 0, y: -150, width: 800, height: 400 });
});
