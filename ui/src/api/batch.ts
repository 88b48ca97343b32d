/**
 * Many expressions in one query.
 *
 * In: which expression of which edge.  Out: one query with an alias each, every edge and every
 * expression sent once as a variable.
 */

import type { Edge } from "../model/graph";
import type { Answers } from "../model/headline";
import { toSeries, type ExpressionAnswer } from "../model/series";
import type { Duration } from "../model/time";
import type { Variables } from "./graphql";

export interface Wanted {
  edge: Edge;
  expressions: string[];
}

const FIELDS = "{ type error results { metric { labels { key value } } values { id value } } }";

/** The entity that `execExpression` wants for a pair of processes. */
export function entityOf(edge: Edge): Variables {
  return {
    scope: "ProcessRelation",
    serviceName: edge.source.serviceName,
    normal: isNormal(edge.source.serviceId),
    serviceInstanceName: edge.source.serviceInstanceName,
    processName: edge.source.name,
    destServiceName: edge.target.serviceName,
    destNormal: isNormal(edge.target.serviceId),
    destServiceInstanceName: edge.target.serviceInstanceName,
    destProcessName: edge.target.name,
  };
}

/** A service id ends in `.1` for a real service and in `.0` for a conjectured one. */
function isNormal(serviceId: string): boolean {
  return !serviceId.endsWith(".0");
}

export function buildBatch(
  wanted: Wanted[],
  duration: Duration,
): { query: string; variables: Variables } {
  const expressions = [...new Set(wanted.flatMap((one) => one.expressions))];
  const fields = wanted.flatMap((one, edge) =>
    one.expressions.map((text) => {
      const index = expressions.indexOf(text);
      const inputs = `expression: $x${index}, entity: $n${edge}, duration: $duration`;
      return `e${edge}_${index}: execExpression(${inputs}) ${FIELDS}`;
    }),
  );
  const head = [
    "$duration: Duration!",
    ...wanted.map((_, edge) => `$n${edge}: Entity!`),
    ...expressions.map((_, index) => `$x${index}: String!`),
  ];
  const variables: Variables = { duration };
  wanted.forEach((one, edge) => (variables[`n${edge}`] = entityOf(one.edge)));
  expressions.forEach((text, index) => (variables[`x${index}`] = text));
  return { query: `query Metrics(${head.join(", ")}) { ${fields.join(" ")} }`, variables };
}

/** Expressions that the backend refuses, with what it says: a metric of no rule, for example. */
export function faultsOf(
  wanted: Wanted[],
  data: Record<string, ExpressionAnswer>,
): Map<string, string> {
  const expressions = [...new Set(wanted.flatMap((one) => one.expressions))];
  const faults = new Map<string, string>();
  for (const [alias, { error }] of Object.entries(data)) {
    const text = expressions[Number(alias.split("_")[1])];
    if (error && text) faults.set(text, error);
  }
  return faults;
}

/** The answers of each edge by expression, in the order of what was wanted. */
export function readBatch(wanted: Wanted[], data: Record<string, ExpressionAnswer>): Answers[] {
  const expressions = [...new Set(wanted.flatMap((one) => one.expressions))];
  return wanted.map(
    (one, edge) =>
      new Map(
        one.expressions.map((text) => {
          const answer = data[`e${edge}_${expressions.indexOf(text)}`];
          return [text, answer ? toSeries(answer) : []];
        }),
      ),
  );
}
