/**
 * Requests that the sampling rules picked on one edge.
 *
 * In: the answer of `top_n` over sampled records.  Out: lists, each the longest first.
 */

export type Reason = "slow" | "status_4xx" | "status_5xx";

export interface Sample {
  reason: Reason;
  uri: string;
  latencyMs: number;
  traceId: string;
}

export interface RecordAnswer {
  type: string;
  error: string | null;
  results: { values: { id: string | null; value: string | null; traceID: string | null }[] }[];
}

const MOST = 50;

/** The three lists, the worst first; a backend that lacks a record says so in `error`. */
export const LISTS: { reason: Reason; title: string; expression: string; none: string }[] = [
  list("status_5xx", "Failed, 5xx", "No request failed with a 5xx while a rule collected them."),
  list("status_4xx", "Refused, 4xx", "No request got a 4xx while a rule collected them."),
  list("slow", "Slow", "No request was slower than a rule's limit."),
];

function list(reason: Reason, title: string, none: string) {
  const expression = `top_n(sampled_${reason}_trace_record,${MOST},DES)`;
  return { reason, title, expression, none };
}

export function toSamples(reason: Reason, answer: RecordAnswer): Sample[] {
  return answer.results.flatMap(({ values }) =>
    values.map(({ id, value, traceID }) => ({
      reason,
      uri: id ?? "",
      latencyMs: Number(value ?? 0),
      traceId: traceID ?? "",
    })),
  );
}
