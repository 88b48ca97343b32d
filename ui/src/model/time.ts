/**
 * Windows of server time, as the query side wants them.
 *
 * In: the server's clock and zone, and what the operator chose.  Out: `Duration` of whole minutes.
 */

export const MINUTE_MS = 60_000;

/** The server refuses more points than this in one answer. */
const MOST_POINTS = 480;

export const WINDOWS = {
  "5m": { title: "5 min", minutes: 5 },
  "15m": { title: "15 min", minutes: 15 },
  "30m": { title: "30 min", minutes: 30 },
  task: { title: "since task", minutes: 30 },
} as const;

export type WindowChoice = keyof typeof WINDOWS;

export interface Span {
  startMs: number;
  endMs: number;
}

export interface Duration {
  start: string;
  end: string;
  step: "MINUTE";
}

export function isWindowChoice(text: string): text is WindowChoice {
  return Object.hasOwn(WINDOWS, text);
}

/** Minutes east of Greenwich of a zone like `+0530`; an unreadable zone counts as UTC. */
export function parseZone(text: string | null): number {
  const match = /^([+-])(\d{2}):?(\d{2})$/.exec(text ?? "");
  if (!match) return 0;
  const minutes = Number(match[2]) * 60 + Number(match[3]);
  return match[1] === "-" ? -minutes : minutes;
}

/** `2026-11-24 1011` in the server's zone. */
export function formatMinute(timeMs: number, zoneMinutes: number): string {
  const text = new Date(timeMs + zoneMinutes * MINUTE_MS).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 13)}${text.slice(14, 16)}`;
}

/** `10:11:12`, or `10:11` without seconds, in the server's zone. */
export function formatClock(timeMs: number, zoneMinutes: number, seconds = true): string {
  const text = new Date(timeMs + zoneMinutes * MINUTE_MS).toISOString();
  return text.slice(11, seconds ? 19 : 16);
}

export function startOfMinute(timeMs: number): number {
  return Math.floor(timeMs / MINUTE_MS) * MINUTE_MS;
}

/** The window that ends in the minute of now; `task` reaches back to the start of the task. */
export function chooseSpan(choice: WindowChoice, nowMs: number, taskStartMs: number | null): Span {
  const endMs = startOfMinute(nowMs);
  const fixed = endMs - (WINDOWS[choice].minutes - 1) * MINUTE_MS;
  if (choice !== "task" || taskStartMs === null) return { startMs: fixed, endMs };
  const oldest = endMs - (MOST_POINTS - 1) * MINUTE_MS;
  return { startMs: Math.min(endMs, Math.max(oldest, startOfMinute(taskStartMs))), endMs };
}

/** Leaves out the empty start of a window, but shows five minutes at least. */
export function trimSpan(span: Span, measured: ReadonlySet<number>): Span {
  const first = Math.min(...measured, span.endMs - 4 * MINUTE_MS);
  return { startMs: Math.max(span.startMs, first), endMs: span.endMs };
}

export function toDuration(span: Span, zoneMinutes: number): Duration {
  return {
    start: formatMinute(span.startMs, zoneMinutes),
    end: formatMinute(span.endMs, zoneMinutes),
    step: "MINUTE",
  };
}
