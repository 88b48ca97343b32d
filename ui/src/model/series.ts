/**
 * Numbers over time.
 *
 * In: the answer of `execExpression`.  Out: series of points, and single numbers folded from them.
 */

export interface ExpressionAnswer {
  type: string;
  error: string | null;
  results: {
    metric: { labels: { key: string; value: string | null }[] };
    values: { id: string | null; value: string | null }[];
  }[];
}

export interface Point {
  timeMs: number;
  /** null: nothing was measured in that minute. */
  value: number | null;
}

export interface Series {
  /** Such as `95` for `{p=95}` or `200` for `{code=200}`; empty without labels. */
  label: string;
  points: Point[];
}

/** One number of a metric with the minute it belongs to. */
export interface Reading {
  value: number;
  atMs: number;
}

export function toSeries(answer: ExpressionAnswer): Series[] {
  return answer.results.map((result) => ({
    label: result.metric.labels.map((label) => label.value ?? "").join(" "),
    points: result.values.map(toPoint),
  }));
}

function toPoint(value: { id: string | null; value: string | null }): Point {
  return {
    timeMs: Number(value.id),
    value: value.value === null ? null : Number(value.value),
  };
}

export function hasValues(series: Series[]): boolean {
  return series.some((one) => one.points.some((point) => point.value !== null));
}

/** The newest value of a minute that is over; the open minute only when there is no other. */
export function newest(points: Point[], openMs: number): Reading | null {
  let open: Reading | null = null;
  for (let index = points.length - 1; index >= 0; index -= 1) {
    const { timeMs, value } = points[index]!;
    if (value === null) continue;
    if (timeMs < openMs) return { value, atMs: timeMs };
    open = { value, atMs: timeMs };
  }
  return open;
}

/** The minutes in which anything at all was measured. */
export function measuredMinutes(answers: ReadonlyMap<string, Series[]>): Set<number> {
  const points = [...answers.values()].flat().flatMap((series) => series.points);
  return new Set(points.filter((point) => point.value !== null).map((point) => point.timeMs));
}

/** The sum of the window; null when nothing was measured. */
export function sum(points: Point[]): number | null {
  const values = points.flatMap((point) => (point.value === null ? [] : [point.value]));
  return values.length > 0 ? values.reduce((total, value) => total + value, 0) : null;
}

export function valueAt(points: Point[], timeMs: number): number {
  return points.find((point) => point.timeMs === timeMs)?.value ?? 0;
}

/** Adds series of different labels point by point, as the total of all statuses. */
export function addUp(series: Series[]): Point[] {
  const total = new Map<number, number | null>();
  for (const { points } of series) {
    for (const { timeMs, value } of points) {
      const before = total.get(timeMs) ?? null;
      total.set(timeMs, value === null ? before : (before ?? 0) + value);
    }
  }
  return [...total].sort(([a], [b]) => a - b).map(([timeMs, value]) => ({ timeMs, value }));
}
