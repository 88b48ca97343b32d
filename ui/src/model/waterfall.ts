/**
 * A trace as rows: who called whom, when, and for how long.
 *
 * In: spans as `queryTrace` gives them, in any order.  Out: rows, parents before children; a span
 * whose parent is not there stands at the left, for it may still arrive.
 */

export interface Span {
  segmentId: string;
  spanId: number;
  parentSpanId: number;
  refs: { parentSegmentId: string; parentSpanId: number }[];
  serviceCode: string;
  startTime: number;
  endTime: number;
  endpointName: string | null;
  type: string;
  component: string | null;
  isError: boolean | null;
}

export interface Row {
  span: Span;
  depth: number;
  /** Share of the whole trace's time before it, and its own, between 0 and 1. */
  offset: number;
  width: number;
}

const keyOf = (segmentId: string, spanId: number): string => `${segmentId}/${spanId}`;

function parentOf(span: Span): string {
  const ref = span.refs[0];
  if (span.parentSpanId < 0 && ref) return keyOf(ref.parentSegmentId, ref.parentSpanId);
  return keyOf(span.segmentId, span.parentSpanId);
}

export function toRows(spans: Span[]): Row[] {
  const sorted = [...spans].sort((a, b) => a.startTime - b.startTime || a.spanId - b.spanId);
  const known = new Set(sorted.map((span) => keyOf(span.segmentId, span.spanId)));
  const children = new Map<string, Span[]>();
  const roots: Span[] = [];
  for (const span of sorted) {
    const parent = parentOf(span);
    if (!known.has(parent)) roots.push(span);
    else children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  const first = Math.min(...sorted.map((span) => span.startTime));
  const last = Math.max(...sorted.map((span) => span.endTime));
  const whole = Math.max(1, last - first);
  const rows: Row[] = [];
  const seen = new Set<string>();
  const waiting = roots.map((span) => ({ span, depth: 0 })).reverse();
  while (waiting.length > 0) {
    const { span, depth } = waiting.pop()!;
    const key = keyOf(span.segmentId, span.spanId);
    if (seen.has(key)) continue;
    seen.add(key);
    const offset = (span.startTime - first) / whole;
    rows.push({ span, depth, offset, width: (span.endTime - span.startTime) / whole });
    for (const child of [...(children.get(key) ?? [])].reverse())
      waiting.push({ span: child, depth: depth + 1 });
  }
  return rows;
}
