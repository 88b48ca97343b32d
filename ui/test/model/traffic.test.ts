import { expect, test } from "vitest";
import {
  NO_TRAFFIC,
  strokeWidth,
  toneOf,
  trafficExpressions,
  trafficOf,
} from "../../src/model/traffic";
import { edgeOf, SHOP } from "../shop";

const EDGE = edgeOf(SHOP, "gateway", "orders");
const at = (value: number | null) => [{ timeMs: 0, value }];

test("sent and received add up, and no retransmit is zero", () => {
  const answers = new Map([
    ["process_relation_client_write_total_bytes/1024", [{ label: "", points: at(2) }]],
    ["process_relation_client_read_total_bytes/1024", [{ label: "", points: at(5) }]],
  ]);
  expect(trafficOf(EDGE, answers, 60_000)).toEqual({ ...NO_TRAFFIC, kbPerMin: 7, retransmits: 0 });
});

test("an edge without answers has no traffic rather than zero", () => {
  expect(trafficOf(EDGE, new Map(), 60_000)).toEqual(NO_TRAFFIC);
});

test("HTTP numbers are asked for only where HTTP was seen", () => {
  const ofTls = trafficExpressions(edgeOf(SHOP, "gateway", "payments.shop"));
  expect(ofTls.filter((text) => text.includes("http1"))).toEqual([]);
});

test("more traffic never makes a thinner arrow, and none is without bounds", () => {
  const widths = [0, 1, 10, 1e3, 1e9].map((kbPerMin) => strokeWidth({ ...NO_TRAFFIC, kbPerMin }));
  expect(widths).toEqual([...widths].sort((a, b) => a - b));
  expect(widths.at(-1)).toBe(4.5);
});

test("server errors hurt more than retransmits", () => {
  const tones = [
    toneOf(NO_TRAFFIC),
    toneOf({ ...NO_TRAFFIC, retransmits: 1 }),
    toneOf({ ...NO_TRAFFIC, serverErrorPercent: 5 }),
  ];
  expect(tones).toEqual(["plain", "warn", "bad"]);
});
