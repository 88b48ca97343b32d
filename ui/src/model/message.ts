/**
 * The text of one HTTP/1.x message.
 *
 * In: raw text as it crossed the socket.  Out: its first line, headers and body; never executed.
 */

export interface Header {
  name: string;
  value: string;
}

export interface Message {
  /** Such as `GET /orders HTTP/1.1` or `HTTP/1.1 500 Internal Server Error`. */
  line: string;
  headers: Header[];
  body: string;
}

/** A head may be cut anywhere: what is there is taken, a line without a colon is no header. */
export function parseMessage(text: string): Message {
  const end = /\r?\n\r?\n/.exec(text);
  const head = end ? text.slice(0, end.index) : text;
  const [line = "", ...rest] = head.split(/\r?\n/);
  const body = end ? text.slice(end.index + end[0].length) : "";
  return { line, headers: rest.flatMap(toHeader), body };
}

function toHeader(line: string): Header[] {
  const colon = line.indexOf(":");
  if (colon < 1) return [];
  return [{ name: line.slice(0, colon), value: line.slice(colon + 1).trim() }];
}

export function headerOf(message: Message, name: string): string {
  const wanted = name.toLowerCase();
  return message.headers.find((one) => one.name.toLowerCase() === wanted)?.value ?? "";
}

/** Method and target of a request's first line; empty where it was cut before. */
export function requestOf(message: Message): { method: string; target: string; version: string } {
  const [method = "", target = "", version = ""] = message.line.split(" ");
  return { method, target, version };
}

/** Status and reason of a response's first line; 0 where there is none. */
export function statusOf(message: Message): { status: number; reason: string; version: string } {
  const match = /^(HTTP\/\S+) (\d{3}) ?(.*)$/.exec(message.line);
  if (!match) return { status: 0, reason: "", version: "" };
  return { version: match[1]!, status: Number(match[2]), reason: match[3]! };
}
