/**
 * Where the page opens when its address names no pod.
 *
 * In: the pods that may be meant, in the order of their lists.  Out: the one with most to see.
 */

import { isRunning, type Task } from "./task";

export interface Place {
  service: string;
  /** Empty for a service without a pod. */
  pod: string;
  podId: string;
  /** Whether a task is running for it. */
  isWatched: boolean;
  processes: number;
}

/** A pod with processes under a task, else one with processes, else the first service's first. */
export function opening(places: Place[]): Place | null {
  const busy = places.filter((one) => one.processes > 0);
  return busy.find((one) => one.isWatched) ?? busy[0] ?? places[0] ?? null;
}

/** Whether a task of a pod's service is about that pod, too. */
export function isWatching(task: Task, podId: string, nowMs: number): boolean {
  const isMeant = task.serviceInstanceId === null || task.serviceInstanceId === podId;
  return isMeant && isRunning(task, nowMs);
}
