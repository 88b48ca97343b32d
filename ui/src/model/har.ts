/**
 * An exchange as other tools take it: HAR 1.2, and a command line of curl.
 *
 * In: an exchange.  Out: text. What was not recorded is -1 in HAR, as its text asks for.
 */

import type { Exchange, Part } from "./exchange";
import { headerOf, requestOf, statusOf, type Message } from "./message";

const NOTHING: Message = { line: "", headers: [], body: "" };

export function toHar(exchange: Exchange, version: string): object {
  const request = exchange.request?.message ?? NOTHING;
  const response = exchange.response?.message ?? NOTHING;
  const timings = timingsOf(exchange);
  return {
    log: {
      version: "1.2",
      creator: { name: "podwire", version },
      entries: [
        {
          startedDateTime: new Date(exchange.startMs).toISOString(),
          time: timings.send + timings.wait + timings.receive,
          request: requestEntry(request),
          response: responseEntry(response),
          cache: {},
          timings,
        },
      ],
    },
  };
}

function requestEntry(message: Message) {
  const { method, target, version } = requestOf(message);
  const url = urlOf(message, target);
  return {
    method,
    url,
    httpVersion: version,
    cookies: [],
    headers: message.headers,
    queryString: queryOf(target),
    headersSize: -1,
    bodySize: -1,
    ...(message.body && {
      postData: { mimeType: headerOf(message, "content-type"), text: message.body },
    }),
  };
}

function responseEntry(message: Message) {
  const { status, reason, version } = statusOf(message);
  const mimeType = headerOf(message, "content-type");
  return {
    status,
    statusText: reason,
    httpVersion: version,
    cookies: [],
    headers: message.headers,
    content: { size: message.body.length, mimeType, text: message.body },
    redirectURL: headerOf(message, "location"),
    headersSize: -1,
    bodySize: -1,
  };
}

function queryOf(target: string): { name: string; value: string }[] {
  const query = target.includes("?") ? target.slice(target.indexOf("?") + 1) : "";
  return [...new URLSearchParams(query)].map(([name, value]) => ({ name, value }));
}

function urlOf(message: Message, target: string): string {
  if (/^\w+:\/\//.test(target)) return target;
  return `http://${headerOf(message, "host") || "unknown"}${target}`;
}

function timingsOf({ request, response }: Exchange) {
  const spent = (part: Part | null): number => (part ? part.endMs - part.startMs : 0);
  const wait = request && response ? Math.max(0, response.startMs - request.endMs) : 0;
  return { send: spent(request), wait, receive: spent(response) };
}

const NOT_SENT = new Set(["host", "content-length", "transfer-encoding", "connection"]);

/** The same request for a shell; headers that curl makes itself are left to it. */
export function toCurl(exchange: Exchange): string {
  const message = exchange.request?.message ?? NOTHING;
  const { method, target } = requestOf(message);
  const headers = message.headers.filter((one) => !NOT_SENT.has(one.name.toLowerCase()));
  const words = ["curl", "-X", quote(method), quote(urlOf(message, target))];
  for (const { name, value } of headers) words.push("-H", quote(`${name}: ${value}`));
  if (message.body) words.push("--data-binary", quote(message.body));
  return words.join(" ");
}

function quote(text: string): string {
  return /^[\w./:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
