/**
 * Which charts an edge has and what each of them reads.
 *
 * A table: the panel draws it, the query asks for it, and the browser test reads it.
 */

import type { Side } from "./graph";
import type { Tab } from "./link";
import type { Unit } from "./unit";

/**
 * `lines`: one line an expression; `labels`: one line a label; `bars`: one bar an expression;
 * `stack`: bars of the labels on each other.
 */
export type Shape = "lines" | "labels" | "bars" | "stack";

/** What an empty chart means: nothing measured, or an event that did not happen. */
export type Kind = "traffic" | "event";

export interface Line {
  expression: string;
  title: string;
  side: Side | null;
}

export interface Chart {
  id: string;
  tab: Tab;
  section: string;
  title: string;
  unit: Unit;
  shape: Shape;
  kind: Kind;
  tip: string;
  lines: Line[];
}

const PREFIX = "process_relation_";
const NS_PER_MS = "/1000000";
const BYTES_PER_KB = "/1024";
const LOWER_BOUND = "A percentile is the lower bound of the bucket it falls into.";

type Extra = Partial<Pick<Chart, "shape" | "kind" | "tip">>;

const EVENT: Extra = { kind: "event", shape: "bars" };

/** A chart with one line for the client's and one for the server's end of the edge. */
function bothSides(
  section: string,
  title: string,
  unit: Unit,
  name: string | Record<Side, string>,
  scale = "",
  extra: Extra = {},
): Chart {
  const names =
    typeof name === "string" ? { client: `client_${name}`, server: `server_${name}` } : name;
  const line = (side: Side): Line => ({
    expression: `${PREFIX}${names[side]}${scale}`,
    title: side,
    side,
  });
  return {
    id: names.client.replace(/^client_/, ""),
    tab: "tcp",
    section,
    title,
    unit,
    shape: "lines",
    kind: "traffic",
    tip: "",
    ...extra,
    lines: [line("client"), line("server")],
  };
}

/** A chart of one expression with labels. */
function labelled(
  tab: Tab,
  section: string,
  title: string,
  unit: Unit,
  name: string,
  side: Side | null,
  scale = "",
): Chart {
  const line: Line = { expression: `${PREFIX}${name}${scale}`, title: "", side };
  return {
    id: name,
    tab,
    section,
    title,
    unit,
    shape: "labels",
    kind: "traffic",
    tip: LOWER_BOUND,
    lines: [line],
  };
}

function percentiles(
  section: string,
  title: string,
  unit: Unit,
  name: string,
  scale = "",
): Chart[] {
  return (["client", "server"] as const).map((side) =>
    labelled("tcp", section, `${title}, ${side}`, unit, `${side}_${name}`, side, scale),
  );
}

function http(section: string, title: string, unit: Unit, names: string[], scale = ""): Chart {
  return {
    id: names[0]!,
    tab: "http",
    section,
    title,
    unit,
    shape: "lines",
    kind: "traffic",
    tip: "",
    lines: names.map((name) => ({
      expression: `${PREFIX}${name}${scale}`,
      title: names.length > 1 ? (/request|response|client|server/.exec(name)?.[0] ?? name) : "",
      side: null,
    })),
  };
}

const TRAFFIC = "Traffic";
const LATENCY = "Latency";
const HEALTH = "Loss and round trips";
const CONNECTIONS = "Connections";
const REQUESTS = "Requests";
const SIZES = "Sizes";

const RTT_TIP = "The kernel's smoothed round trip time, one sample a read or write call.";

export const CHARTS: Chart[] = [
  bothSides(HEALTH, "Retransmits", "per min", "retransmit_cpm", "", EVENT),
  bothSides(HEALTH, "Drops", "per min", "drop_cpm", "", EVENT),
  bothSides(HEALTH, "Round trip, average", "µs", "write_avg_rtt_time", "", { tip: RTT_TIP }),
  ...percentiles(HEALTH, "Round trip", "µs", "write_rtt_time_percentile"),
  bothSides(TRAFFIC, "Write calls", "per min", "write_cpm"),
  bothSides(TRAFFIC, "Read calls", "per min", "read_cpm"),
  bothSides(TRAFFIC, "Written", "KB/min", "write_total_bytes", BYTES_PER_KB),
  bothSides(TRAFFIC, "Read", "KB/min", "read_total_bytes", BYTES_PER_KB),
  bothSides(LATENCY, "Write call, average", "ms", "write_avg_exe_time", NS_PER_MS),
  bothSides(LATENCY, "Read call, average", "ms", "read_avg_exe_time", NS_PER_MS, {
    tip: "From entry to exit of the call: a blocking read includes its wait.",
  }),
  ...percentiles(LATENCY, "Write call", "ms", "write_exe_time_percentile", NS_PER_MS),
  ...percentiles(LATENCY, "Read call", "ms", "read_exe_time_percentile", NS_PER_MS),
  bothSides(CONNECTIONS, "Connects", "per min", "connect_cpm", "", EVENT),
  bothSides(
    CONNECTIONS,
    "Connect time, average",
    "ms",
    { client: "client_connect_exe_time", server: "server_connect_avg_exe_time" },
    NS_PER_MS,
    EVENT,
  ),
  bothSides(CONNECTIONS, "Closes", "per min", "close_cpm", "", EVENT),
  bothSides(CONNECTIONS, "Close time, average", "ms", "close_avg_exe_time", NS_PER_MS, EVENT),
  { ...http(REQUESTS, "Requests", "per min", ["http1_request_cpm"]), shape: "bars" },
  {
    ...labelled(
      "http",
      REQUESTS,
      "Responses by status",
      "per min",
      "http1_response_status_cpm",
      null,
    ),
    shape: "stack",
    tip: "",
  },
  http(LATENCY, "Duration, average", "ms", ["http1_client_duration", "http1_server_duration"]),
  labelled("http", LATENCY, "Duration, client", "ms", "http1_client_duration_percentile", "client"),
  labelled("http", LATENCY, "Duration, server", "ms", "http1_server_duration_percentile", "server"),
  http(
    SIZES,
    "Package size, average",
    "KB",
    ["http1_request_package_size", "http1_response_package_size"],
    BYTES_PER_KB,
  ),
  labelled(
    "http",
    SIZES,
    "Request size",
    "KB",
    "http1_request_package_size_percentile",
    null,
    BYTES_PER_KB,
  ),
  labelled(
    "http",
    SIZES,
    "Response size",
    "KB",
    "http1_response_package_size_percentile",
    null,
    BYTES_PER_KB,
  ),
];

/** The charts of a tab for an edge measured from these sides. */
export function chartsOf(tab: Tab, sides: Side[]): Chart[] {
  const isMeasured = (line: Line): boolean => line.side === null || sides.includes(line.side);
  return CHARTS.filter((chart) => chart.tab === tab)
    .map((chart) => ({ ...chart, lines: chart.lines.filter(isMeasured) }))
    .filter((chart) => chart.lines.length > 0);
}

export function sectionsOf(charts: Chart[]): { title: string; charts: Chart[] }[] {
  const titles = [...new Set(charts.map((chart) => chart.section))];
  return titles.map((title) => ({
    title,
    charts: charts.filter((chart) => chart.section === title),
  }));
}
