/**
 * How busy and how well every edge of the picture is.
 *
 * In: a few series of each edge.  Out: one line of the edge table, and the stroke of its arrow.
 */

import type { Edge } from "./graph";
import { bytesOf, leadingSide, sharesOf, type Answers } from "./headline";
import { hasValues, newest, sum } from "./series";

export interface Traffic {
  requestsPerMin: number | null;
  clientErrorPercent: number | null;
  serverErrorPercent: number | null;
  kbPerMin: number | null;
  retransmits: number | null;
}

const STATUSES = "process_relation_http1_response_status_cpm";

export const NO_TRAFFIC: Traffic = {
  requestsPerMin: null,
  clientErrorPercent: null,
  serverErrorPercent: null,
  kbPerMin: null,
  retransmits: null,
};

/** What is asked for each edge; HTTP numbers only where HTTP was seen. */
export function trafficExpressions(edge: Edge): string[] {
  const { sent, received } = bytesOf(leadingSide(edge));
  const isHttp = edge.protocols.some((protocol) => protocol.startsWith("HTTP"));
  const retransmits = edge.sides.map((side) => `process_relation_${side}_retransmit_cpm`);
  return [sent, received, ...retransmits, ...(isHttp ? [STATUSES] : [])];
}

export function trafficOf(edge: Edge, answers: Answers, openMs: number): Traffic {
  const { sent, received } = bytesOf(leadingSide(edge));
  const shares = sharesOf(answers.get(STATUSES) ?? [], openMs);
  const latest = (metric: string): number | null =>
    newest(answers.get(metric)?.[0]?.points ?? [], openMs)?.value ?? null;
  return {
    requestsPerMin: shares?.total ?? null,
    clientErrorPercent: shares?.clientErrors ?? null,
    serverErrorPercent: shares?.serverErrors ?? null,
    kbPerMin: addOrNull([latest(sent), latest(received)]),
    retransmits: [...answers.values()].some(hasValues) ? retransmitsOf(edge, answers) : null,
  };
}

function retransmitsOf(edge: Edge, answers: Answers): number {
  const counts = edge.sides.map((side) => {
    const series = answers.get(`process_relation_${side}_retransmit_cpm`);
    return sum(series?.[0]?.points ?? []) ?? 0;
  });
  return counts.reduce((total, count) => total + count, 0);
}

function addOrNull(values: (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length > 0 ? known.reduce((total, value) => total + value, 0) : null;
}

/** Pixels: thicker by the order of magnitude of the traffic. */
export function strokeWidth(traffic: Traffic): number {
  const size = Math.log10(1 + (traffic.kbPerMin ?? 0));
  return Math.round((1.5 + Math.min(3, size * 0.7)) * 10) / 10;
}

export function toneOf(traffic: Traffic): "plain" | "warn" | "bad" {
  if ((traffic.serverErrorPercent ?? 0) >= 1) return "bad";
  const isWarning = (traffic.serverErrorPercent ?? 0) > 0 || (traffic.retransmits ?? 0) > 0;
  return isWarning ? "warn" : "plain";
}
