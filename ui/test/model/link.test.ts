import { expect, test } from "vitest";
import { formatLink, parseLink, type Selection } from "../../src/model/link";

const SELECTION: Selection = {
  service: "shop::front & back",
  pod: "gateway-1",
  window: "task",
  from: "nginx",
  to: "orders.shop",
  tab: "requests",
  trace: "a.b-1",
};

test("a link leads back to what it was made of", () => {
  expect(parseLink(formatLink(SELECTION))).toEqual(SELECTION);
});

test("an empty or broken link selects nothing and fifteen minutes", () => {
  const nothing = { service: "", pod: "", window: "15m", from: "", to: "", tab: "", trace: "" };
  expect([parseLink(""), parseLink("#window=toString&tab=x")]).toEqual([nothing, nothing]);
});
