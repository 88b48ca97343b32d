/**
 * What was recorded of a trace on the network, put together again.
 *
 * In: the events of `sampledEvents`, those of every hop mixed.  Out: one exchange a process and
 * span, with request, response and the system calls between.
 */

import { parseMessage, requestOf, statusOf, type Message } from "./message";

export interface Instant {
  seconds: number;
  nanos: number;
}

export interface SampledEvent {
  segmentId: string;
  spanId: string;
  event: string;
  startTime: Instant;
  endTime: Instant;
  tags: ({ key: string; value: string | null } | null)[];
}

export interface Part {
  text: string;
  message: Message;
  /** As the agent says it, such as `1.021KiB`. */
  size: string;
  /** The bytes on the socket in base64 where they differ from the text; empty where they do not. */
  raw: string;
  /** Bytes of the message that were not recorded. */
  missing: number;
  /** Its bytes stay on the node: they could not be looked into for secrets. */
  isWithheld: boolean;
  startMs: number;
  endMs: number;
}

export interface SystemCall {
  /** Such as `Write` or `Recvfrom`. */
  name: string;
  startMs: number;
  endMs: number;
  facts: { key: string; value: string }[];
}

export interface Exchange {
  id: string;
  service: string;
  instance: string;
  process: string;
  /** `client`, `server`, or empty where the agent did not know. */
  role: string;
  segmentId: string;
  spanId: string;
  request: Part | null;
  response: Part | null;
  calls: SystemCall[];
  startMs: number;
  endMs: number;
}

const CALL = "Syscall ";
const WHERE = new Set(["service_name", "service_instance_name", "process_name"]);

/** Unix milliseconds with their fraction; a double holds them to a quarter of a microsecond. */
export function toMs({ seconds, nanos }: Instant): number {
  return seconds * 1000 + nanos / 1e6;
}

/** By their start; a span that asked several times has an exchange each time. */
export function toExchanges(events: SampledEvent[]): Exchange[] {
  const found: Exchange[] = [];
  const newest = new Map<string, Exchange>();
  for (const event of [...events].sort((a, b) => toMs(a.startTime) - toMs(b.startTime))) {
    const tags = new Map(event.tags.flatMap((tag) => (tag ? [[tag.key, tag.value ?? ""]] : [])));
    const key = [event.segmentId, event.spanId, ...[...WHERE].map((name) => tags.get(name))];
    let exchange = newest.get(key.join("/"));
    if (!exchange || (exchange.request && tags.get("data_type") === "request")) {
      exchange = newExchange(`${key.join("/")}/${found.length}`, event, tags);
      newest.set(key.join("/"), exchange);
      found.push(exchange);
    }
    take(exchange, event, tags);
  }
  return found;
}

function newExchange(id: string, event: SampledEvent, tags: Map<string, string>): Exchange {
  return {
    id,
    service: tags.get("service_name") ?? "",
    instance: tags.get("service_instance_name") ?? "",
    process: tags.get("process_name") ?? "",
    role: "",
    segmentId: event.segmentId,
    spanId: event.spanId,
    request: null,
    response: null,
    calls: [],
    startMs: toMs(event.startTime),
    endMs: toMs(event.endTime),
  };
}

function take(exchange: Exchange, event: SampledEvent, tags: Map<string, string>): void {
  exchange.endMs = Math.max(exchange.endMs, toMs(event.endTime));
  const role = tags.get("connection_role") ?? "";
  if (role === "client" || role === "server") exchange.role = role;
  if (event.event.startsWith(CALL)) {
    exchange.calls.push(toCall(event, tags));
  } else if (tags.get("data_type") === "request") {
    exchange.request ??= toPart(event, tags);
  } else if (tags.get("data_type") === "response") {
    exchange.response ??= toPart(event, tags);
  }
}

function toPart(event: SampledEvent, tags: Map<string, string>): Part {
  const text = tags.get("data_content") ?? "";
  const times = { startMs: toMs(event.startTime), endMs: toMs(event.endTime) };
  return {
    text,
    message: parseMessage(text),
    size: tags.get("data_size") ?? "",
    raw: tags.get("data_raw") ?? "",
    missing: Number(tags.get("data_missing") ?? 0),
    isWithheld: tags.get("data_withheld") === "true",
    ...times,
  };
}

function toCall(event: SampledEvent, tags: Map<string, string>): SystemCall {
  return {
    name: event.event.slice(CALL.length),
    startMs: toMs(event.startTime),
    endMs: toMs(event.endTime),
    facts: [...tags].flatMap(([key, value]) => (WHERE.has(key) ? [] : [{ key, value }])),
  };
}

/** The bytes to save: those on the socket as far as they were recorded. */
export function bytesOf(part: Part): Uint8Array<ArrayBuffer> {
  if (!part.raw) return new TextEncoder().encode(part.text);
  return Uint8Array.from(atob(part.raw), (letter) => letter.charCodeAt(0));
}

/** Such as `GET /orders`; what was not recorded is a dash. */
export function titleOf(exchange: Exchange): string {
  if (!exchange.request) return "–";
  const { method, target } = requestOf(exchange.request.message);
  return `${method} ${target}`.trim();
}

/** The response's status; 0 when the response was not recorded. */
export function statusOfExchange(exchange: Exchange): number {
  return exchange.response ? statusOf(exchange.response.message).status : 0;
}

/** The hop that a sample of an edge means: seen by one of the edge's ends, with the sample's path. */
export function chooseExchange(
  exchanges: Exchange[],
  uri: string,
  ends: { client: string; server: string },
): Exchange | null {
  const isEnd = (one: Exchange): boolean =>
    one.process === (one.role === "server" ? ends.server : ends.client);
  const hasPath = (one: Exchange): boolean =>
    one.request !== null && requestOf(one.request.message).target.split("?")[0] === uri;
  const rank = (one: Exchange): number => (isEnd(one) ? 2 : 0) + (hasPath(one) ? 1 : 0);
  return exchanges.reduce<Exchange | null>(
    (best, one) => (best === null || rank(one) > rank(best) ? one : best),
    null,
  );
}
