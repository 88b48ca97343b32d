/**
 * A FAKE backend with an invented shop: for working on the page, never for measuring anything.
 *
 * It answers only the queries that the page sends, by looking for their fields.
 */

interface Request {
  query: string;
  variables: Record<string, unknown>;
}

const MINUTE_MS = 60_000;
const SERVICE = { id: "c2hvcA==.1", name: "shop" };
const POD = { id: "c2hvcA==.1_Z2F0ZXdheS0x", name: "gateway-7d9c4f-x2x8p" };
const startedMs = Date.now() - Number(process.env.AGE_S ?? 540) * 1000;
const tasks = [task(startedMs)];

function task(startMs: number) {
  return {
    taskId: `fake${startMs.toString(16).padStart(60, "0")}`,
    serviceInstanceId: POD.id,
    taskStartTime: startMs,
    fixedTriggerDuration: 900,
    createTime: startMs,
  };
}

function node(name: string, isReal: boolean) {
  const { id: serviceId, name: serviceName } = SERVICE;
  const pod = { serviceInstanceId: POD.id, serviceInstanceName: POD.name };
  return { id: `id-${name}`, name, serviceId, serviceName, ...pod, isReal };
}

const NODES = [
  node("nginx", true),
  node("gateway", true),
  node("orders", true),
  node("metrics-sidecar", true),
  node("UNKNOWN_LOCAL", false),
  node("UNKNOWN_REMOTE", false),
  node("payments.shop", false),
  node("inventory.shop", false),
  node("postgres-0.data", false),
];

function call(source: string, target: string, components: string[], detectPoints: string[]) {
  return {
    id: `id-${source}-id-${target}`,
    source: `id-${source}`,
    target: `id-${target}`,
    sourceComponents: components,
    targetComponents: components,
    detectPoints,
  };
}

const CALLS = [
  call("UNKNOWN_REMOTE", "nginx", ["https"], ["SERVER"]),
  call("nginx", "gateway", ["http"], ["CLIENT", "SERVER"]),
  call("gateway", "orders", ["http"], ["CLIENT", "SERVER"]),
  call("gateway", "payments.shop", ["tls"], ["CLIENT"]),
  call("orders", "inventory.shop", ["http", "tcp"], ["CLIENT"]),
  call("orders", "postgres-0.data", ["tcp"], ["CLIENT"]),
  call("UNKNOWN_LOCAL", "metrics-sidecar", ["http"], ["SERVER"]),
  call("metrics-sidecar", "gateway", ["http"], ["CLIENT", "SERVER"]),
];

export function answer({ query, variables }: Request): { data: Record<string, unknown> } {
  const time = { timezone: "+0000", currentTimestamp: Date.now() };
  if (query.includes("execExpression")) return { data: metrics(query, variables) };
  if (query.includes("createEBPF")) {
    tasks.unshift(task(Date.now()));
    return { data: { result: { status: true, errorReason: null, id: tasks[0]!.taskId } } };
  }
  if (query.includes("keepEBPF")) return { data: { result: { status: true, errorReason: null } } };
  if (query.includes("query Opening(")) return { data: { pods0: [POD], tasks0: tasks } };
  if (query.includes("query Processes(")) return { data: { processes0: NODES } };
  if (query.includes("listServices")) return { data: { time, services: [SERVICE] } };
  if (query.includes("listInstances")) return { data: { pods: [POD] } };
  const isQuiet = process.env.QUIET === "1";
  const topology = isQuiet ? { nodes: [], calls: [] } : { nodes: NODES, calls: CALLS };
  return {
    data: {
      time,
      getProcessTopology: topology,
      topology,
      tasks,
      processes: NODES.filter((one) => one.isReal).map(fact),
    },
  };
}

function fact(one: { id: string; name: string }, index: number) {
  const attributes = [
    { name: "pid", value: String(4211 + index) },
    { name: "command_line", value: `/usr/bin/${one.name} --config /etc/${one.name}.conf` },
  ];
  const pod = { instanceId: POD.id, instanceName: POD.name };
  return { ...one, ...pod, detectType: "VM", labels: [], attributes };
}

function metrics(query: string, variables: Record<string, unknown>): Record<string, unknown> {
  const data: Record<string, unknown> = {};
  const pattern = /(?:(\w+): )?execExpression\(expression: \$(\w+), entity: \$(\w+)/g;
  for (const [, alias, expression, entity] of query.matchAll(pattern)) {
    const ends = variables[entity!] as { processName: string; destProcessName: string };
    data[alias ?? "execExpression"] = series(String(variables[expression!]), ends);
  }
  return data;
}

/** Repeatable noise between 0 and 1. */
function noise(...parts: (string | number)[]): number {
  let hash = 2166136261;
  for (const letter of parts.join("/")) hash = Math.imul(hash ^ letter.charCodeAt(0), 16777619);
  return ((hash >>> 8) % 10_000) / 10_000;
}

function series(expression: string, ends: { processName: string; destProcessName: string }) {
  const edge = `${ends.processName}>${ends.destProcessName}`;
  const known = CALLS.find((one) => one.id === `id-${ends.processName}-id-${ends.destProcessName}`);
  const side = /client|server/.exec(expression)?.[0]?.toUpperCase();
  const isHttp = known?.sourceComponents.includes("http") ?? false;
  const isMissing =
    (side && !known?.detectPoints.includes(side)) || (expression.includes("http1") && !isHttp);
  const labels = labelsOf(expression);
  return {
    type: "TIME_SERIES_VALUES",
    error: null,
    results: labels.map((label, index) => ({
      metric: { labels: label ? [label] : [] },
      values: minutes().map((timeMs) => ({
        id: String(timeMs),
        value:
          isMissing || timeMs + MINUTE_MS <= startedMs
            ? null
            : value(expression, edge, timeMs, index, label?.value),
      })),
    })),
  };
}

function labelsOf(expression: string): ({ key: string; value: string } | null)[] {
  const of = (key: string, values: string[]) => values.map((value) => ({ key, value }));
  if (expression.includes("percentile")) return of("p", ["50", "75", "90", "95", "99"]);
  if (expression.includes("status_cpm")) return of("code", ["200", "404", "500"]);
  return [null];
}

function minutes(): number[] {
  const last = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
  return Array.from({ length: 15 }, (_, index) => last - (14 - index) * MINUTE_MS);
}

function value(
  expression: string,
  edge: string,
  timeMs: number,
  rank: number,
  label?: string,
): string | null {
  const jitter = 0.7 + 0.6 * noise(expression, edge, timeMs);
  const busy = 40 + 400 * noise(edge);
  if (/retransmit|drop/.test(expression)) {
    return edge.includes("payments") && noise(edge, timeMs) > 0.4
      ? String(Math.round(7 * jitter))
      : null;
  }
  if (label === "404") return noise(edge) > 0.5 ? String(Math.round(busy * 0.04 * jitter)) : null;
  if (label === "500")
    return edge.includes("orders") ? String(Math.round(busy * 0.03 * jitter)) : null;
  if (expression.includes("rtt")) return String(Math.round((80 + 60 * rank * rank) * jitter));
  if (expression.includes("/1000000")) return ((0.03 + 0.2 * rank * rank) * jitter).toFixed(3);
  if (expression.includes("duration")) return String(Math.round((4 + 9 * rank * rank) * jitter));
  if (expression.includes("/1024")) return ((busy * jitter) / 3 + rank * 2).toFixed(3);
  return String(Math.round(busy * jitter));
}
