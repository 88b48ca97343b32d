/**
 * What may be looked at first: the pods of some services, their tasks and their processes.
 *
 * Two questions, however many services there are; beyond a number the others are not asked about.
 */

import { isWatching, type Place } from "../model/opening";
import type { Task } from "../model/task";
import type { Duration } from "../model/time";
import type { Ask, Variables } from "./graphql";
import type { Named } from "./network";

const MOST_SERVICES = 40;
const MOST_PODS = 80;

const TASK = "{ taskId serviceInstanceId taskStartTime fixedTriggerDuration createTime }";

export async function loadPlaces(
  ask: Ask,
  services: Named[],
  duration: Duration,
  nowMs: number,
  signal?: AbortSignal,
): Promise<Place[]> {
  const asked = services.slice(0, MOST_SERVICES);
  const found = await askEach<Named[] | Task[]>(
    ask,
    "Opening",
    asked,
    [
      ["pods", "listInstances(serviceId: $id, duration: $duration) { id name }"],
      ["tasks", `queryEBPFProfilingTasks(serviceId: $id, targets: [NETWORK]) ${TASK}`],
    ],
    duration,
    signal,
  );
  const places = asked.flatMap(({ name }, index) =>
    placesOf(name, found[`pods${index}`] as Named[], found[`tasks${index}`] as Task[], nowMs),
  );
  return counted(ask, places, duration, signal);
}

function placesOf(service: string, pods: Named[], tasks: Task[], nowMs: number): Place[] {
  const empty = { service, pod: "", podId: "", isWatched: false, processes: 0 };
  if (pods.length === 0) return [empty];
  return pods.map(({ id, name }) => {
    const isWatched = tasks.some((task) => isWatching(task, id, nowMs));
    return { ...empty, pod: name, podId: id, isWatched };
  });
}

/** The same with their processes; those under a task are counted first. */
async function counted(
  ask: Ask,
  places: Place[],
  duration: Duration,
  signal?: AbortSignal,
): Promise<Place[]> {
  const pods = places
    .filter((one) => one.podId !== "")
    .sort((a, b) => Number(b.isWatched) - Number(a.isWatched))
    .slice(0, MOST_PODS);
  const asked = pods.map((one) => ({ id: one.podId, name: one.pod }));
  const field = "listProcesses(instanceId: $id, duration: $duration) { id }";
  const found = await askEach<unknown[]>(
    ask,
    "Processes",
    asked,
    [["processes", field]],
    duration,
    signal,
  );
  const count = new Map(pods.map((one, index) => [one, found[`processes${index}`]!.length]));
  return places.map((one) => ({ ...one, processes: count.get(one) ?? 0 }));
}

/** One query with the same fields for each id; `$id` stands for it, an alias ends in its number. */
async function askEach<Answer>(
  ask: Ask,
  name: string,
  about: Named[],
  fields: [alias: string, field: string][],
  duration: Duration,
  signal?: AbortSignal,
): Promise<Record<string, Answer>> {
  if (about.length === 0) return {};
  const head = about.map((_, index) => `, $id${index}: ID!`).join("");
  const body = about.flatMap((_, index) =>
    fields.map(([alias, field]) => `${alias}${index}: ${field.replace("$id", `$id${index}`)}`),
  );
  const variables: Variables = { duration };
  about.forEach((one, index) => (variables[`id${index}`] = one.id));
  const query = `query ${name}($duration: Duration!${head}) { ${body.join(" ")} }`;
  return ask<Record<string, Answer>>(query, variables, signal);
}
