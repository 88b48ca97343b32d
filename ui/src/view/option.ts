/**
 * What a chart looks like: a pure function of its series and the palette.
 */

import type { Chart } from "../model/chart";
import type { Answers } from "../model/headline";
import { measuredMinutes, newest, type Point } from "../model/series";
import { formatClock, MINUTE_MS, type Span } from "../model/time";
import { formatNumber, formatValue } from "../model/unit";
import type { LineOption, Option, SeriesOption } from "./draw";
import type { Palette } from "./palette";

const HALF_MINUTE_MS = MINUTE_MS / 2;

export interface ChartInput {
  chart: Chart;
  answers: Answers;
  span: Span;
  openMs: number;
  zoneMinutes: number;
}

interface Stroke {
  name: string;
  color: string;
  points: Point[];
}

export interface Drawing {
  option: Option;
  legend: { name: string; color: string; value: string }[];
}

export function optionOf(
  input: ChartInput,
  palette: Palette,
  isHovered: () => boolean = () => false,
): Drawing {
  const strokes = strokesOf(input, palette);
  return {
    legend: strokes.filter(isTelling).map((stroke) => legendOf(stroke, input)),
    option: {
      animation: false,
      textStyle: { fontFamily: '"Inter Variable", sans-serif' },
      grid: { left: 38, right: 6, top: 8, bottom: 20 },
      xAxis: timeAxis(input, palette),
      yAxis: valueAxis(palette),
      tooltip: tooltip(input, palette, isHovered),
      series: strokes.map((stroke, index) =>
        seriesOf(input, stroke, index === 0 ? openMinute(input, palette) : null),
      ),
    },
  };
}

/** Five ranks do not fit above a chart: the tooltip has them all. */
function isTelling({ name }: Stroke): boolean {
  return name !== "p75" && name !== "p90";
}

function legendOf({ name, color, points }: Stroke, { openMs }: ChartInput): Drawing["legend"][0] {
  const reading = newest(points, openMs);
  return { name, color, value: reading ? formatNumber(reading.value) : "–" };
}

function strokesOf({ chart, answers }: ChartInput, palette: Palette): Stroke[] {
  const isCount = chart.kind === "event" || chart.shape === "stack";
  const measured = isCount ? measuredMinutes(answers) : new Set<number>();
  return chart.lines.flatMap((one) => {
    const series = answers.get(one.expression) ?? [];
    return series.map(({ label, points }, index) => ({
      name: nameOf(chart, label, one.title),
      color: colorOf(chart, label, one.title, index, palette),
      points: points.map((point) => zeroIfMeasured(point, measured)),
    }));
  });
}

/** In a minute with any number no event means zero events; no duration never means zero. */
function zeroIfMeasured({ timeMs, value }: Point, measured: Set<number>): Point {
  return { timeMs, value: value ?? (measured.has(timeMs) ? 0 : null) };
}

function nameOf(chart: Chart, label: string, title: string): string {
  if (chart.shape === "labels") return `p${label}`;
  return chart.shape === "stack" ? label : title;
}

const RANK_SHARE = ["38", "54", "70", "86", "100"];
const STATUS: Record<string, keyof Palette> = {
  "2": "good",
  "3": "client",
  "4": "warn",
  "5": "bad",
};

function colorOf(
  chart: Chart,
  label: string,
  title: string,
  index: number,
  palette: Palette,
): string {
  const side = chart.lines[0]!.side ?? title;
  const base = side === "server" || side === "response" ? palette.server : palette.client;
  if (chart.shape === "labels") return fade(base, RANK_SHARE[index] ?? "100", palette.surface);
  if (chart.shape === "stack") return palette[STATUS[label[0] ?? ""] ?? "muted"];
  return title === "server" || title === "response" ? palette.server : base;
}

function fade(color: string, percent: string, ground: string): string {
  const share = Number(percent) / 100;
  const mix = [1, 3, 5].map((at) => {
    const [front, back] = [color, ground].map((hex) => parseInt(hex.slice(at, at + 2), 16));
    return Math.round(front! * share + back! * (1 - share));
  });
  return `#${mix.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

function seriesOf(
  { chart, openMs }: ChartInput,
  { name, color, points }: Stroke,
  markArea: NonNullable<LineOption["markArea"]> | null,
): SeriesOption {
  const data = points.map(({ timeMs, value }) => [timeMs, value]);
  if (isBar(chart)) {
    const bars = data.map((value) => (value[0]! < openMs ? { value } : { value, ...FAINT }));
    return { name, color, data: bars, ...BAR, ...(chart.shape === "stack" && { stack: "all" }) };
  }
  const showSymbol = points.filter((point) => point.value !== null).length < 3;
  return { name, color, data, ...LINE, showSymbol, ...(markArea && { markArea }) };
}

function isBar(chart: Chart): boolean {
  return chart.shape === "bars" || chart.shape === "stack";
}

/** A bar of the minute that is not over. */
const FAINT = { itemStyle: { opacity: 0.5 } };
const BAR = { type: "bar", barMaxWidth: 12, barGap: "10%", barCategoryGap: "35%" } as const;
const LINE = {
  type: "line",
  lineStyle: { width: 1.6 },
  symbol: "circle",
  symbolSize: 5,
  connectNulls: false,
} as const;

/** Shades the minute that is not over: its counts still grow. */
function openMinute({ openMs }: ChartInput, palette: Palette): NonNullable<LineOption["markArea"]> {
  return {
    silent: true,
    itemStyle: { color: palette.muted, opacity: 0.09 },
    data: [[{ xAxis: openMs - HALF_MINUTE_MS }, { xAxis: openMs + HALF_MINUTE_MS }]],
  };
}

function timeAxis(
  { chart, span, zoneMinutes }: ChartInput,
  palette: Palette,
): NonNullable<Option["xAxis"]> {
  // A minute stands around its start; for bars the axis itself makes that room.
  const room = isBar(chart) ? 0 : HALF_MINUTE_MS;
  return {
    type: "time",
    min: span.startMs - room,
    max: span.endMs + room,
    minInterval: Math.max(1, Math.ceil((span.endMs - span.startMs) / MINUTE_MS / 4)) * MINUTE_MS,
    axisLine: { lineStyle: { color: palette.line } },
    axisTick: { show: false },
    axisLabel: {
      color: palette.faint,
      fontSize: 10,
      hideOverlap: true,
      formatter: (timeMs: number) => formatClock(timeMs, zoneMinutes, false),
    },
    axisPointer: { lineStyle: { color: palette.faint, type: "solid" } },
  };
}

function valueAxis(palette: Palette): NonNullable<Option["yAxis"]> {
  return {
    type: "value",
    min: 0,
    splitNumber: 2,
    splitLine: { lineStyle: { color: palette.line } },
    axisLabel: { color: palette.faint, fontSize: 10, formatter: formatNumber },
  };
}

interface Hovered {
  seriesName?: string;
  color?: unknown;
  value: [number, number | null];
}

function tooltip(
  { chart, zoneMinutes, openMs }: ChartInput,
  palette: Palette,
  isHovered: () => boolean,
): NonNullable<Option["tooltip"]> {
  return {
    trigger: "axis",
    confine: true,
    backgroundColor: palette.raised,
    borderColor: palette["line-strong"],
    padding: [6, 10],
    textStyle: { color: palette.text, fontSize: 11 },
    formatter: (hovered) => {
      // The other charts of the group show the crosshair only.
      if (!isHovered()) return "";
      const lines = (Array.isArray(hovered) ? hovered : [hovered]) as unknown as Hovered[];
      const timeMs = lines[0]?.value[0] ?? 0;
      const note = timeMs >= openMs ? " so far" : "";
      const rows = lines.flatMap((one) => row(one, chart));
      return [`<b>${formatClock(timeMs, zoneMinutes, false)}${note}</b>`, ...rows].join("<br>");
    },
  };
}

function row({ seriesName, color, value }: Hovered, chart: Chart): string[] {
  if (value[1] === null) return [];
  const dot = `<span style="color:${String(color)}">●</span>`;
  return [`${dot} ${seriesName || chart.title} <b>${formatValue(value[1], chart.unit)}</b>`];
}
