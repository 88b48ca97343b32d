/**
 * Network-profiling tasks and the form that makes them.
 *
 * In: the answer of `queryEBPFProfilingTasks`; what was typed.  Out: what is running, the request.
 */

/** What a task is about, by id. */
export type Watched = { instanceId: string } | { serviceId: string };

export interface Task {
  taskId: string;
  /** Null when the task is about every pod of the service. */
  serviceInstanceId: string | null;
  taskStartTime: number;
  /** Seconds. */
  fixedTriggerDuration: number | null;
  createTime: number;
}

/** A sampling rule as typed; empty text means not set. */
export interface RuleForm {
  uriRegex: string;
  minDurationMs: string;
  when4xx: boolean;
  when5xx: boolean;
  completeRequest: boolean;
  maxRequestBytes: string;
  completeResponse: boolean;
  maxResponseBytes: string;
}

export interface SamplingRule {
  uriRegex?: string;
  minDuration?: number;
  when4xx: boolean;
  when5xx: boolean;
  settings: {
    requireCompleteRequest: boolean;
    maxRequestSize?: number;
    requireCompleteResponse: boolean;
    maxResponseSize?: number;
  };
}

/** The first rule samples server errors, those added later client errors. */
export function newRule(position: number): RuleForm {
  return {
    uriRegex: "",
    minDurationMs: "",
    when4xx: position > 0,
    when5xx: position === 0,
    completeRequest: true,
    maxRequestBytes: "",
    completeResponse: true,
    maxResponseBytes: "",
  };
}

/** What is wrong with each rule, in the order of the rules; empty text: nothing. */
export function checkRules(rules: RuleForm[]): string[] {
  const seen = new Set<string>();
  return rules.map((rule) => {
    const again = seen.has(rule.uriRegex);
    seen.add(rule.uriRegex);
    return again ? sameAsBefore(rule) : checkRule(rule);
  });
}

function sameAsBefore(rule: RuleForm): string {
  return rule.uriRegex === ""
    ? "Another rule already samples every URI: give this one a pattern."
    : "Another rule already has this pattern.";
}

function checkRule(rule: RuleForm): string {
  if (!isWhole(rule.minDurationMs, 0)) return "The minimal duration is a whole number of ms.";
  if (!rule.completeRequest && !rule.completeResponse)
    return "Collect at least one of request and response.";
  if (!isWhole(rule.maxRequestBytes, 1) || !isWhole(rule.maxResponseBytes, 1))
    return "A size is a whole number of bytes above zero, or empty for no limit.";
  return "";
}

function isWhole(text: string, least: number): boolean {
  return text === "" || (/^\d+$/.test(text) && Number(text) >= least);
}

export function toSampling(rule: RuleForm): SamplingRule {
  return {
    ...(rule.uriRegex && { uriRegex: rule.uriRegex }),
    ...(rule.minDurationMs && { minDuration: Number(rule.minDurationMs) }),
    when4xx: rule.when4xx,
    when5xx: rule.when5xx,
    settings: {
      requireCompleteRequest: rule.completeRequest,
      ...(rule.maxRequestBytes && { maxRequestSize: Number(rule.maxRequestBytes) }),
      requireCompleteResponse: rule.completeResponse,
      ...(rule.maxResponseBytes && { maxResponseSize: Number(rule.maxResponseBytes) }),
    },
  };
}

export function endOf(task: Task): number {
  return task.taskStartTime + (task.fixedTriggerDuration ?? 0) * 1000;
}

export function remainingSeconds(task: Task, nowMs: number): number {
  return Math.max(0, (endOf(task) - nowMs) / 1000);
}

export function isRunning(task: Task, nowMs: number): boolean {
  return task.taskStartTime <= nowMs && nowMs < endOf(task);
}

/** The task that the page keeps alive: the newest that runs. */
export function runningTask(tasks: Task[], nowMs: number): Task | null {
  return newestFirst(tasks).find((task) => isRunning(task, nowMs)) ?? null;
}

export function newestFirst(tasks: Task[]): Task[] {
  return [...tasks].sort((a, b) => b.createTime - a.createTime);
}
