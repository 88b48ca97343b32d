import { expect, test } from "vitest";
import { headline, headlineExpressions, type Answers } from "../../src/model/headline";
import type { Series } from "../../src/model/series";
import { edgeOf, SHOP } from "../shop";

const EDGE = edgeOf(SHOP, "gateway", "orders");
const OPEN_MS = 120_000;

function series(label: string, ...values: (number | null)[]): Series {
  return { label, points: values.map((value, index) => ({ timeMs: index * 60_000, value })) };
}

const ANSWERS: Answers = new Map([
  ["process_relation_http1_request_cpm", [series("", 90, 100, 7)]],
  [
    "process_relation_http1_response_status_cpm",
    [series("200", 90, 94, 7), series("404", null, 4, null), series("503", null, 2, 1)],
  ],
  [
    "process_relation_http1_server_duration_percentile",
    [series("50", 5, 5, 5), series("95", 40, 50, 60)],
  ],
  ["process_relation_client_retransmit_cpm", [series("", null, 3, 2)]],
]);

const tile = (id: string, answers = ANSWERS) =>
  headline(EDGE, answers, OPEN_MS).find((one) => one.id === id)!;

test("requests are of the newest minute that is over", () => {
  expect(tile("requests")).toMatchObject({ value: 100, atMs: 60_000 });
});

test("errors are the share of 5xx in that minute, with 4xx beside", () => {
  expect(tile("errors")).toMatchObject({ value: 2, tone: "bad", detail: "4xx 4 %" });
});

test("the duration is the server's when it was measured", () => {
  expect(tile("p95")).toMatchObject({ value: 50, detail: "server side" });
});

test("retransmits add up over the window and both ends", () => {
  expect(tile("retransmits")).toMatchObject({ value: 5, atMs: null, tone: "warn" });
});

test("on a measured edge no drop is zero drops", () => {
  expect(tile("drops")).toMatchObject({ value: 0, tone: "plain" });
});

test("without any answer every tile is there and empty", () => {
  const tiles = headline(EDGE, new Map(), OPEN_MS);
  expect(tiles.map((one) => one.value)).toEqual(Array(8).fill(null));
});

test("each tile reads only what is asked for", () => {
  const asked = headlineExpressions(EDGE);
  const read = headline(EDGE, ANSWERS, OPEN_MS).flatMap((one) => one.metric.split(" + "));
  expect(read.filter((metric) => !asked.includes(metric))).toEqual([]);
});

test("at the server's end alone, sent is what the server read", () => {
  const edge = edgeOf(SHOP, "UNKNOWN_REMOTE", "gateway");
  const sent = headline(edge, new Map(), OPEN_MS).find((one) => one.id === "sent")!;
  expect(sent.metric).toBe("process_relation_server_read_total_bytes/1024");
});
