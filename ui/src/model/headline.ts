/**
 * The few numbers of an edge that are read first.
 *
 * In: the series of some expressions.  Out: tiles, each with its raw value and where it came from.
 */

import type { Edge, Side } from "./graph";
import {
  addUp,
  hasValues,
  newest,
  sum,
  valueAt,
  type Point,
  type Reading,
  type Series,
} from "./series";
import type { Unit } from "./unit";

export type Answers = ReadonlyMap<string, Series[]>;

export interface Tile {
  id: string;
  title: string;
  unit: Unit;
  /** The expression whose answer holds the value. */
  metric: string;
  /** null: nothing to show yet. */
  value: number | null;
  /** The minute of the value; null: of the whole window. */
  atMs: number | null;
  tone: "plain" | "warn" | "bad";
  detail: string;
}

const REQUESTS = "process_relation_http1_request_cpm";
const STATUSES = "process_relation_http1_response_status_cpm";

export interface Shares {
  total: number;
  clientErrors: number;
  serverErrors: number;
  atMs: number;
}

/** Responses of the newest minute, with the percentages of 4xx and 5xx. */
export function sharesOf(statuses: Series[], openMs: number): Shares | null {
  const total = newest(addUp(statuses), openMs);
  if (!total || total.value === 0) return null;
  const share = (first: string): number => {
    const matching = statuses.filter((series) => series.label.startsWith(first));
    const count = matching.reduce((all, series) => all + valueAt(series.points, total.atMs), 0);
    return (100 * count) / total.value;
  };
  return {
    total: total.value,
    clientErrors: share("4"),
    serverErrors: share("5"),
    atMs: total.atMs,
  };
}

/** The end whose numbers the tiles show: the client's when it was measured. */
export function leadingSide(edge: Edge): Side {
  return edge.sides[0] ?? "client";
}

/** What the requester sent and received: at the server's end these are its reads and writes. */
export function bytesOf(side: Side): { sent: string; received: string } {
  const name = (op: string): string => `process_relation_${side}_${op}_total_bytes/1024`;
  const [sent, received] = side === "client" ? ["write", "read"] : ["read", "write"];
  return { sent: name(sent!), received: name(received!) };
}

/** The server's own duration when it was measured, for it leaves the network out. */
function durationOf(edge: Edge): { metric: string; side: Side } {
  const side: Side = edge.sides.includes("server") ? "server" : "client";
  return { metric: `process_relation_http1_${side}_duration_percentile`, side };
}

export function headlineExpressions(edge: Edge): string[] {
  const { sent, received } = bytesOf(leadingSide(edge));
  return [
    REQUESTS,
    STATUSES,
    durationOf(edge).metric,
    sent,
    received,
    roundTripOf(edge),
    ...countsOf(edge, "retransmit"),
    ...countsOf(edge, "drop"),
  ];
}

function roundTripOf(edge: Edge): string {
  return `process_relation_${leadingSide(edge)}_write_rtt_time_percentile`;
}

function countsOf(edge: Edge, event: string): string[] {
  const sides = edge.sides.length > 0 ? edge.sides : (["client"] as const);
  return sides.map((side) => `process_relation_${side}_${event}_cpm`);
}

/** The tiles of an edge, always the same ones in the same order. */
export function headline(edge: Edge, answers: Answers, openMs: number): Tile[] {
  const { sent, received } = bytesOf(leadingSide(edge));
  const points = (metric: string): Point[] => answers.get(metric)?.[0]?.points ?? [];
  const tile = (id: string, title: string, unit: Unit, metric: string, reading: Reading | null) =>
    plain(id, title, unit, metric, reading);
  return [
    tile("requests", "requests", "per min", REQUESTS, newest(points(REQUESTS), openMs)),
    errorTile(sharesOf(answers.get(STATUSES) ?? [], openMs)),
    durationTile(edge, answers, openMs),
    tile("sent", "sent →", "KB/min", sent, newest(points(sent), openMs)),
    tile("received", "← received", "KB/min", received, newest(points(received), openMs)),
    roundTripTile(edge, answers, openMs),
    eventTile("retransmits", edge, "retransmit", answers),
    eventTile("drops", edge, "drop", answers),
  ];
}

function plain(
  id: string,
  title: string,
  unit: Unit,
  metric: string,
  reading: Reading | null,
): Tile {
  return {
    id,
    title,
    unit,
    metric,
    value: reading?.value ?? null,
    atMs: reading?.atMs ?? null,
    tone: "plain",
    detail: "",
  };
}

function errorTile(shares: Shares | null): Tile {
  const tile = plain("errors", "errors 5xx", "%", STATUSES, null);
  if (!shares) return tile;
  return {
    ...tile,
    value: shares.serverErrors,
    atMs: shares.atMs,
    tone: shares.serverErrors > 0 ? "bad" : "plain",
    detail: `4xx ${Number(shares.clientErrors.toFixed(1))} %`,
  };
}

function rank(answers: Answers, metric: string, label: string): Point[] {
  return answers.get(metric)?.find((series) => series.label === label)?.points ?? [];
}

function durationTile(edge: Edge, answers: Answers, openMs: number): Tile {
  const { metric, side } = durationOf(edge);
  const reading = newest(rank(answers, metric, "95"), openMs);
  return { ...plain("p95", "p95 duration", "ms", metric, reading), detail: `${side} side` };
}

function roundTripTile(edge: Edge, answers: Answers, openMs: number): Tile {
  const metric = roundTripOf(edge);
  const reading = newest(rank(answers, metric, "95"), openMs);
  return plain("rtt", "p95 round trip", "µs", metric, reading);
}

/** Events of the whole window, from both ends; on an edge with any number, none means zero. */
function eventTile(id: string, edge: Edge, event: string, answers: Answers): Tile {
  const metrics = countsOf(edge, event);
  const counts = metrics.map((metric) => sum(answers.get(metric)?.[0]?.points ?? []) ?? 0);
  const isMeasured = [...answers.values()].some(hasValues);
  const value = isMeasured ? counts.reduce((total, count) => total + count, 0) : null;
  return {
    ...plain(id, id, "", metrics.join(" + "), null),
    value,
    tone: value ? "warn" : "plain",
    detail: "in this window",
  };
}
