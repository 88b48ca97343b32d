/**
 * Asking for sampled requests: the lists of an edge, and everything recorded of one trace.
 */

import type { SampledEvent } from "../model/exchange";
import type { Edge } from "../model/graph";
import { LISTS, toSamples, type Reason, type RecordAnswer, type Sample } from "../model/sample";
import type { Duration } from "../model/time";
import type { Span } from "../model/waterfall";
import { entityOf } from "./batch";
import type { Ask } from "./graphql";

export interface Samples {
  lists: ReadonlyMap<Reason, Sample[]>;
  /** What the backend says of a list that it cannot give. */
  faults: ReadonlyMap<Reason, string>;
}

export async function loadSamples(
  ask: Ask,
  edge: Edge,
  duration: Duration,
  signal?: AbortSignal,
): Promise<Samples> {
  const fields = LISTS.map(({ reason, expression }) => {
    const inputs = `expression: "${expression}", entity: $entity, duration: $duration`;
    return `${reason}: execExpression(${inputs}) {
      type error results { values { id value traceID } }
    }`;
  });
  const query = `query Samples($entity: Entity!, $duration: Duration!) { ${fields.join(" ")} }`;
  const variables = { entity: entityOf(edge), duration };
  const data = await ask<Record<Reason, RecordAnswer>>(query, variables, signal);
  const lists = LISTS.map(({ reason }) => [reason, toSamples(reason, data[reason])] as const);
  const faults = LISTS.flatMap(({ reason }) => {
    const { error } = data[reason];
    return error ? [[reason, error] as const] : [];
  });
  return { lists: new Map(lists), faults: new Map(faults) };
}

export interface Recorded {
  spans: Span[];
  events: SampledEvent[];
}

const RECORDED = `query Recorded($traceId: ID!) {
  trace: queryTrace(traceId: $traceId) {
    spans {
      segmentId spanId parentSpanId refs { parentSegmentId parentSpanId }
      serviceCode startTime endTime endpointName type component isError
    }
  }
  events: sampledEvents(traceId: $traceId) {
    segmentId spanId event
    startTime { seconds nanos } endTime { seconds nanos } tags { key value }
  }
}`;

export async function loadRecorded(ask: Ask, traceId: string): Promise<Recorded> {
  const data = await ask<{ trace: { spans: Span[] } | null; events: SampledEvent[] }>(RECORDED, {
    traceId,
  });
  return { spans: data.trace?.spans ?? [], events: data.events };
}
