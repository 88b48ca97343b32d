import { expect, test } from "vitest";
import {
  bytesOf,
  chooseExchange,
  statusOfExchange,
  titleOf,
  toExchanges,
  type SampledEvent,
} from "../../src/model/exchange";
import { toCurl, toHar } from "../../src/model/har";

const REQUEST = "POST /orders?n=1 HTTP/1.1\r\nHost: shop:8080\r\nX-Note: it's\r\n\r\nname=tea";
const RESPONSE = "HTTP/1.1 500 Broken\r\nContent-Type: text/plain\r\n\r\nno tea";

function event(name: string, atMs: number, tags: Record<string, string>): SampledEvent {
  const process = { service_name: "shop", service_instance_name: "pod", process_name: "gateway" };
  const at = (ms: number) => ({ seconds: 1_700_000_000, nanos: ms * 1e6 });
  return {
    segmentId: "s",
    spanId: "1",
    event: name,
    startTime: at(atMs),
    endTime: at(atMs + 1),
    tags: Object.entries({ ...process, ...tags }).map(([key, value]) => ({ key, value })),
  };
}

const SENT = event("HTTP Request Sampling", 1, {
  data_type: "request",
  data_content: REQUEST,
  connection_role: "client",
});
const CALL = event("Syscall Write", 1, { package_size: "82B" });
const GOT = event("HTTP Response Sampling", 9, {
  data_type: "response",
  data_content: RESPONSE,
  connection_role: "client",
});

test("events that come in any order are one exchange of one process", () => {
  const [exchange, ...others] = toExchanges([GOT, CALL, SENT]);

  expect(others).toEqual([]);
  expect(titleOf(exchange!)).toBe("POST /orders?n=1");
  expect(statusOfExchange(exchange!)).toBe(500);
  expect(exchange!.role).toBe("client");
  expect(exchange!.calls.map((call) => [call.name, call.facts])).toEqual([
    ["Write", [{ key: "package_size", value: "82B" }]],
  ]);
});

test("the other end of the same hop is an exchange of its own, and an edge chooses its own", () => {
  const server = (one: SampledEvent): SampledEvent => ({
    ...one,
    tags: one.tags.map((tag) => {
      if (tag?.key === "process_name") return { ...tag, value: "orders" };
      return tag?.key === "connection_role" ? { ...tag, value: "server" } : tag;
    }),
  });
  const found = toExchanges([SENT, GOT, server(SENT), server(GOT)]);
  const chosen = chooseExchange(found, "/orders", { client: "other", server: "orders" });

  expect(found.map((one) => one.process)).toEqual(["gateway", "orders"]);
  expect(chosen!.process).toBe("orders");
});

test("a span that asks again has two exchanges", () => {
  const later = (one: SampledEvent): SampledEvent => ({
    ...one,
    startTime: { ...one.startTime, seconds: one.startTime.seconds + 1 },
    endTime: { ...one.endTime, seconds: one.endTime.seconds + 1 },
  });
  const found = toExchanges([SENT, GOT, later(SENT), later(GOT)]);

  expect(found.map((one) => [one.request !== null, one.response !== null])).toEqual([
    [true, true],
    [true, true],
  ]);
  expect(new Set(found.map((one) => one.id)).size).toBe(2);
});

test("a message that was cut in its head shows what is there", () => {
  const cut = { ...SENT, tags: [{ key: "data_type", value: "request" }, null] };
  const [exchange] = toExchanges([{ ...cut }]);

  expect([titleOf(exchange!), statusOfExchange(exchange!)]).toEqual(["", 0]);
});

test("what is saved are the bytes of the socket", () => {
  const raw = { ...GOT, tags: [...GOT.tags, { key: "data_raw", value: btoa("\x1f\x8b\xff") }] };
  const [exchange] = toExchanges([SENT, raw]);

  expect([...bytesOf(exchange!.response!)]).toEqual([0x1f, 0x8b, 0xff]);
  expect(new TextDecoder().decode(bytesOf(exchange!.request!))).toBe(REQUEST);
});

test("HAR and curl say the same request", () => {
  const [exchange] = toExchanges([SENT, GOT]);
  const { entries } = (toHar(exchange!, "1") as { log: { entries: [Record<string, any>] } }).log;

  expect(entries[0].request).toMatchObject({
    method: "POST",
    url: "http://shop:8080/orders?n=1",
    queryString: [{ name: "n", value: "1" }],
    postData: { text: "name=tea" },
  });
  expect(entries[0].response).toMatchObject({ status: 500, content: { text: "no tea" } });
  expect(entries[0].timings).toEqual({ send: 1, wait: 7, receive: 1 });
  expect(toCurl(exchange!)).toBe(
    "curl -X POST 'http://shop:8080/orders?n=1' -H 'X-Note: it'\\''s' --data-binary 'name=tea'",
  );
});
