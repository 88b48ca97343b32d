/**
 * The operations of the page: SkyWalking's GraphQL for network profiling.
 */

import type { Edge, Process, Topology } from "../model/graph";
import type { Answers } from "../model/headline";
import type { ExpressionAnswer } from "../model/series";
import type { SamplingRule, Task, Watched } from "../model/task";
import type { Duration } from "../model/time";
import type { Coverage } from "../model/tls";
import { buildBatch, faultsOf, readBatch, type Wanted } from "./batch";
import type { Ask } from "./graphql";

export interface Named {
  id: string;
  name: string;
}

export interface Clock {
  timezone: string | null;
  currentTimestamp: number;
}

export interface Pod {
  time: Clock;
  topology: Topology;
  tasks: Task[];
  processes: Process[];
}

export interface Verdict {
  status: boolean;
  errorReason: string | null;
}

const TIME = "time: getTimeInfo { timezone currentTimestamp }";

export function loadServices(ask: Ask, signal?: AbortSignal) {
  const query = `query Services { ${TIME} services: listServices { id name } }`;
  return ask<{ time: Clock; services: Named[] }>(query, {}, signal);
}

export function loadPods(ask: Ask, serviceId: string, duration: Duration, signal?: AbortSignal) {
  const query = `query Pods($serviceId: ID!, $duration: Duration!) {
    pods: listInstances(serviceId: $serviceId, duration: $duration) { id name }
  }`;
  return ask<{ pods: Named[] }>(query, { serviceId, duration }, signal);
}

const POD = `query Pod($podId: ID!, $duration: Duration!) {
  ${TIME}
  topology: getProcessTopology(serviceInstanceId: $podId, duration: $duration) {
    nodes { id name serviceId serviceName serviceInstanceId serviceInstanceName isReal }
    calls { id source target detectPoints sourceComponents targetComponents }
  }
  tasks: queryEBPFProfilingTasks(serviceInstanceId: $podId, targets: [NETWORK]) {
    taskId serviceInstanceId taskStartTime fixedTriggerDuration createTime
  }
  processes: listProcesses(instanceId: $podId, duration: $duration) {
    id name serviceId serviceName instanceId instanceName
    detectType labels attributes { name value }
  }
}`;

export function loadPod(ask: Ask, podId: string, duration: Duration, signal?: AbortSignal) {
  return ask<Pod>(POD, { podId, duration }, signal);
}

export async function loadCoverage(
  ask: Ask,
  podId: string,
  edge: Edge,
  duration: Duration,
  signal?: AbortSignal,
): Promise<Coverage[]> {
  const query = `query Tls($podId: ID!, $duration: Duration!, $source: ID!, $target: ID!) {
    coverage: tlsCoverage(
      serviceInstanceId: $podId, duration: $duration, source: $source, target: $target
    ) { side connections readable unread { library reason why remedy connections } }
  }`;
  const ends = { source: edge.source.id, target: edge.target.id };
  const data = await ask<{ coverage: Coverage[] }>(query, { podId, duration, ...ends }, signal);
  return data.coverage;
}

export interface Result {
  /** One for each of what was wanted. */
  answers: Answers[];
  faults: ReadonlyMap<string, string>;
}

export async function runExpressions(
  ask: Ask,
  wanted: Wanted[],
  duration: Duration,
  signal?: AbortSignal,
): Promise<Result> {
  if (wanted.length === 0) return { answers: [], faults: new Map() };
  const { query, variables } = buildBatch(wanted, duration);
  const data = await ask<Record<string, ExpressionAnswer>>(query, variables, signal);
  return { answers: readBatch(wanted, data), faults: faultsOf(wanted, data) };
}

/** `watched` is one pod, or a service with every pod that it has and will have. */
export async function createTask(ask: Ask, watched: Watched, samplings: SamplingRule[]) {
  const mutation = `mutation Create($request: EBPFProfilingNetworkTaskRequest!) {
    result: createEBPFNetworkProfiling(request: $request) { status errorReason id }
  }`;
  const request = { ...watched, samplings };
  return (await ask<{ result: Verdict & { id: string | null } }>(mutation, { request })).result;
}

export async function keepTask(ask: Ask, taskId: string): Promise<Verdict> {
  const mutation = `mutation Keep($taskId: ID!) {
    result: keepEBPFNetworkProfiling(taskId: $taskId) { status errorReason }
  }`;
  return (await ask<{ result: Verdict }>(mutation, { taskId })).result;
}
