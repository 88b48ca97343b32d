/**
 * The only file that knows ECharts' machinery: open a chart on an element, show, close.
 */

import { BarChart, LineChart, type BarSeriesOption, type LineSeriesOption } from "echarts/charts";
import {
  GridComponent,
  MarkAreaComponent,
  TooltipComponent,
  type GridComponentOption,
  type MarkAreaComponentOption,
  type TooltipComponentOption,
} from "echarts/components";
import { connect, init, use, type ComposeOption } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { followSize } from "./size";

export type LineOption = LineSeriesOption;
export type SeriesOption = LineSeriesOption | BarSeriesOption;

export type Option = ComposeOption<
  SeriesOption | GridComponentOption | MarkAreaComponentOption | TooltipComponentOption
>;

export interface ChartHandle {
  show: (option: Option) => void;
  close: () => void;
}

/** Charts of one group share the crosshair. */
const GROUP = "edge";

use([BarChart, LineChart, GridComponent, MarkAreaComponent, TooltipComponent, CanvasRenderer]);
connect(GROUP);

export function openChart(element: HTMLElement): ChartHandle {
  const chart = init(element);
  chart.group = GROUP;
  const unfollow = followSize(element, () => chart.resize());
  return {
    show: (option) => chart.setOption(option, { replaceMerge: ["series"] }),
    close: () => {
      unfollow();
      chart.dispose();
    },
  };
}
