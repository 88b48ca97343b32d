/**
 * The page's picture of the backend, renewed every few seconds.
 *
 * In: the selection.  Out: everything that the components show.  Rounds follow one another and
 * never overlap; a changed selection cuts the running round short.
 */

import { onScopeDispose, shallowReactive, watch } from "vue";
import { adviceOf, ask, type Problem } from "../api/graphql";
import {
  loadCoverage,
  loadPod,
  loadPods,
  loadServices,
  runExpressions,
  type Clock,
  type Named,
} from "../api/network";
import { loadPlaces } from "../api/opening";
import { loadSamples, type Samples } from "../api/sample";
import { draw, type Picture } from "../layout/picture";
import { chartsOf } from "../model/chart";
import {
  isEncrypted,
  toGraph,
  withProcesses,
  type Edge,
  type Graph,
  type Process,
} from "../model/graph";
import { headlineExpressions, type Answers } from "../model/headline";
import type { Selection, Tab } from "../model/link";
import { opening } from "../model/opening";
import { newestFirst, type Task } from "../model/task";
import {
  chooseSpan,
  parseZone,
  startOfMinute,
  toDuration,
  type Duration,
  type Span,
} from "../model/time";
import type { Coverage } from "../model/tls";
import { trafficExpressions, trafficOf, type Traffic } from "../model/traffic";

export const ROUND_MS = 3_000;
/** Lists and the numbers on the arrows change slowly: every so many rounds. */
const SLOW_ROUNDS = 3;
/** The busiest picture that still gets numbers on its arrows. */
const MOST_EDGES = 60;
const EDGES_A_QUERY = 20;

export interface Live {
  services: Named[] | null;
  pods: Named[] | null;
  graph: Graph | null;
  picture: Picture | null;
  tasks: Task[];
  processes: Process[];
  traffic: ReadonlyMap<string, Traffic>;
  /** Answers of the selected edge's expressions. */
  answers: Answers;
  answersOf: string;
  /** What of the selected edge's TLS was read; empty for a plain one. */
  coverage: Coverage[];
  /** Sampled requests of the selected edge; null: not asked yet. */
  samples: Samples | null;
  /** Expressions that the backend refused. */
  faults: ReadonlyMap<string, string>;
  span: Span;
  zoneMinutes: number;
  /** Server clock minus ours. */
  skewMs: number;
  heardMs: number | null;
  problem: Problem | null;
  isPaused: boolean;
}

export interface LiveControl {
  live: Live;
  refresh: () => void;
}

export function serverNow(live: Live): number {
  return Date.now() + live.skewMs;
}

export function findEdge(graph: Graph | null, selection: Selection): Edge | null {
  const isSelected = (edge: Edge): boolean =>
    edge.source.name === selection.from && edge.target.name === selection.to;
  return graph?.edges.find(isSelected) ?? null;
}

/** The tab of an edge: as chosen, else HTTP where HTTP was seen. */
export function tabOf(edge: Edge, chosen: Tab | ""): Tab {
  if (chosen !== "") return chosen;
  return edge.protocols.some((protocol) => protocol.startsWith("HTTP")) ? "http" : "tcp";
}

function newLive(): Live {
  return shallowReactive({
    services: null,
    pods: null,
    graph: null,
    picture: null,
    tasks: [],
    processes: [],
    traffic: new Map(),
    answers: new Map(),
    answersOf: "",
    coverage: [],
    samples: null,
    faults: new Map(),
    span: chooseSpan("15m", Date.now(), null),
    zoneMinutes: 0,
    skewMs: 0,
    heardMs: null,
    problem: null,
    isPaused: false,
  });
}

export function useLive(selection: Selection): LiveControl {
  const live = newLive();
  let timer = 0;
  let round = 0;
  let running = new AbortController();

  const run = async (): Promise<void> => {
    window.clearTimeout(timer);
    running.abort();
    const mine = (running = new AbortController());
    try {
      await renew(live, selection, round % SLOW_ROUNDS === 0, mine.signal);
      round += 1;
      live.problem = null;
      live.heardMs = Date.now();
    } catch (error) {
      if (mine.signal.aborted) return;
      live.problem = adviceOf(error);
      round = 0;
    }
    if (mine === running && !live.isPaused && !document.hidden) {
      timer = window.setTimeout(run, ROUND_MS);
    }
  };
  const refresh = (): void => {
    round = 0;
    void run();
  };

  watch(
    () => [selection.service, selection.pod],
    () => forgetPod(live),
  );
  watch(selection, refresh);
  watch(() => live.isPaused, refresh);
  document.addEventListener("visibilitychange", refresh);
  onScopeDispose(() => {
    window.clearTimeout(timer);
    running.abort();
    document.removeEventListener("visibilitychange", refresh);
  });
  refresh();
  return { live, refresh };
}

function forgetPod(live: Live): void {
  live.graph = null;
  live.picture = null;
  live.tasks = [];
  live.processes = [];
  live.traffic = new Map();
  live.answers = new Map();
  live.samples = null;
}

/** One round: from the list of services to the numbers of the selected edge. */
async function renew(
  live: Live,
  selection: Selection,
  isSlow: boolean,
  signal: AbortSignal,
): Promise<void> {
  if (isSlow || !findPod(live, selection)) await renewLists(live, selection, signal);
  const pod = findPod(live, selection);
  if (!pod) return;
  await renewPod(live, selection, pod.id, signal);
  await renewEdge(live, selection, signal);
  if (isSlow) await renewTraffic(live, signal);
}

function findPod(live: Live, selection: Selection): Named | null {
  return live.pods?.find((one) => one.name === selection.pod) ?? null;
}

async function renewLists(live: Live, selection: Selection, signal: AbortSignal): Promise<void> {
  const { time, services } = await loadServices(ask, signal);
  setClock(live, time);
  live.services = services;
  const duration = toDuration(chooseSpan("30m", serverNow(live), null), live.zoneMinutes);
  if (!selection.pod) await open(live, selection, duration, signal);
  const service = services.find((one) => one.name === selection.service);
  if (!service) {
    live.pods = [];
    return;
  }
  const { pods } = await loadPods(ask, service.id, duration, signal);
  live.pods = pods;
}

/** Choose where there is most to see, in the chosen service or in all. */
async function open(
  live: Live,
  selection: Selection,
  duration: Duration,
  signal: AbortSignal,
): Promise<void> {
  const services = (live.services ?? []).filter(
    ({ name }) => selection.service === "" || name === selection.service,
  );
  const place = opening(await loadPlaces(ask, services, duration, serverNow(live), signal));
  if (place) Object.assign(selection, { service: place.service, pod: place.pod });
}

function setClock(live: Live, time: Clock): void {
  live.zoneMinutes = parseZone(time.timezone);
  live.skewMs = time.currentTimestamp - Date.now();
}

async function renewPod(
  live: Live,
  selection: Selection,
  podId: string,
  signal: AbortSignal,
): Promise<void> {
  const started = newestFirst(live.tasks)[0]?.taskStartTime ?? null;
  live.span = chooseSpan(selection.window, serverNow(live), started);
  const duration = toDuration(live.span, live.zoneMinutes);
  const pod = await loadPod(ask, podId, duration, signal);
  setClock(live, pod.time);
  live.tasks = newestFirst(pod.tasks);
  live.processes = pod.processes;
  live.graph = toGraph(withProcesses(pod.topology, pod.processes));
  live.picture = draw(live.graph, live.picture?.placement);
}

async function renewEdge(live: Live, selection: Selection, signal: AbortSignal): Promise<void> {
  const edge = findEdge(live.graph, selection);
  if (!edge) return;
  const charts = chartsOf(tabOf(edge, selection.tab), edge.sides);
  const lines = charts.flatMap((chart) => chart.lines.map((line) => line.expression));
  const expressions = [...new Set([...headlineExpressions(edge), ...lines])];
  const duration = toDuration(live.span, live.zoneMinutes);
  const result = await runExpressions(ask, [{ edge, expressions }], duration, signal);
  live.answers = result.answers[0] ?? new Map();
  live.faults = result.faults;
  if (live.answersOf !== edge.id) Object.assign(live, { samples: null, coverage: [] });
  live.answersOf = edge.id;
  const podId = live.pods?.find((one) => one.name === selection.pod)?.id ?? "";
  live.coverage = isEncrypted(edge) ? await loadCoverage(ask, podId, edge, duration, signal) : [];
  if (selection.tab === "requests") live.samples = await loadSamples(ask, edge, duration, signal);
}

async function renewTraffic(live: Live, signal: AbortSignal): Promise<void> {
  const edges = (live.graph?.edges ?? []).slice(0, MOST_EDGES);
  const duration = toDuration(live.span, live.zoneMinutes);
  const openMs = startOfMinute(serverNow(live));
  const traffic = new Map<string, Traffic>();
  for (let first = 0; first < edges.length; first += EDGES_A_QUERY) {
    const some = edges.slice(first, first + EDGES_A_QUERY);
    const wanted = some.map((edge) => ({ edge, expressions: trafficExpressions(edge) }));
    const { answers } = await runExpressions(ask, wanted, duration, signal);
    some.forEach((edge, index) => traffic.set(edge.id, trafficOf(edge, answers[index]!, openMs)));
  }
  live.traffic = traffic;
}
