/**
 * Why a picture or a chart is empty: the first stage on the way that has nothing, and what to do.
 */

import { isEncrypted, titleOf, type Edge, type Side } from "./graph";
import type { Kind } from "./chart";
import type { Tab } from "./link";
import { whyUnread, type Coverage } from "./tls";
import { isRunning, newestFirst, type Task } from "./task";
import { formatCountdown } from "./unit";

export type Stage = "task" | "agent" | "traffic" | "protocol" | "window";

export interface Reason {
  stage: Stage;
  text: string;
}

/** A first report takes the agent two polls and the minute's first write; then it is overdue. */
const FIRST_REPORT_MS = 15_000;

/** What the page knows when it has no picture to draw; null: not asked yet. */
export interface Known {
  services: readonly unknown[] | null;
  pods: readonly { name: string }[] | null;
  pod: string;
  tasks: Task[];
  nowMs: number;
}

export function whyNoPicture({ services, pods, pod, tasks, nowMs }: Known): Notice {
  if (services === null || pods === null) return { title: "", text: "" };
  if (services.length === 0) return NO_SERVICE;
  if (!pods.some((one) => one.name === pod)) return NO_POD;
  return { title: "No edge yet", text: whyNoEdge(tasks, nowMs).text };
}

export interface Notice {
  title: string;
  /** Commands stand between backticks. */
  text: string;
}

const NO_SERVICE: Notice = {
  title: "No service has reported yet",
  text:
    "Start an agent on the host of your processes: `podwire agent --backend HOST:11800`. " +
    "It appears here by itself.",
};

const NO_POD: Notice = {
  title: "This pod has not reported in the last 30 minutes",
  text: "Choose another one above, or wait: it appears here by itself.",
};

export function whyNoEdge(tasks: Task[], nowMs: number): Reason {
  const task = newestFirst(tasks)[0];
  if (!task)
    return { stage: "task", text: "Nothing is measured yet: start a task to watch this pod." };
  if (!isRunning(task, nowMs))
    return {
      stage: "window",
      text: "No task ran in this window. Start one, or look further back.",
    };
  const ageMs = nowMs - task.taskStartTime;
  if (ageMs < FIRST_REPORT_MS)
    return { stage: "agent", text: "The task has just started; the agent reports every 2 s." };
  return {
    stage: "traffic",
    text:
      `A task has run for ${formatCountdown(ageMs / 1000)} min and no report has arrived. ` +
      "Do these processes talk over TCP, and does their agent run? " +
      "`podwire doctor` on its host tells.",
  };
}

export interface Emptiness {
  edge: Edge;
  tab: Tab;
  kind: Kind;
  tasks: Task[];
  nowMs: number;
  /** What of its TLS was read, when that was asked. */
  coverage?: Coverage[];
  /** Whether anything at all was measured on this edge in the window. */
  hasData: boolean;
}

export function whyEmpty(emptiness: Emptiness): Reason {
  const { edge, tab, kind, tasks, nowMs, hasData, coverage } = emptiness;
  if (!hasData) return whyNoData(tasks, nowMs);
  if (kind === "event") return { stage: "traffic", text: "None in this window." };
  if (tab === "tcp") return { stage: "traffic", text: "No such calls in this window." };
  if (isEncrypted(edge)) return { stage: "protocol", text: whyEncrypted(coverage ?? []) };
  return { stage: "protocol", text: "No HTTP/1.x was seen on this edge in this window." };
}

function whyEncrypted(coverage: Coverage[]): string {
  const why = whyUnread(coverage);
  if (why) return `This edge is encrypted and not read: ${why}. Only its TCP numbers exist.`;
  if (coverage.some((row) => row.readable > 0))
    return "This edge is encrypted, its plaintext is read, and no HTTP/1.x was seen in it.";
  return "This edge is encrypted and its plaintext is not read, so only its TCP numbers exist.";
}

function whyNoData(tasks: Task[], nowMs: number): Reason {
  const task = newestFirst(tasks)[0];
  if (task && isRunning(task, nowMs) && nowMs - task.taskStartTime < 60_000)
    return { stage: "agent", text: "First minute of the task: numbers arrive every few seconds." };
  if (task && isRunning(task, nowMs))
    return { stage: "traffic", text: "This edge was silent in this window." };
  return { stage: "task", text: "No task runs, so nothing is measured now." };
}

/** Says once for the whole edge that one of its ends was not measured; empty: both were. */
export function whyOneSide(edge: Edge): string {
  if (edge.sides.length !== 1) return "";
  const missing: Side = edge.sides[0] === "client" ? "server" : "client";
  const node = missing === "server" ? edge.target : edge.source;
  const silent = `${titleOf(node)}, the ${missing}, reports nothing on this edge`;
  return `Measured at the ${edge.sides[0]}'s end: ${silent}.`;
}
