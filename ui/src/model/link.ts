/**
 * What is being looked at, as the part of the address after `#`.
 *
 * In: a hash.  Out: a selection, by names, so that a link outlives a restart of the backend.
 */

import { isWindowChoice, type WindowChoice } from "./time";

export const TABS = ["http", "tcp", "requests"] as const;
export type Tab = (typeof TABS)[number];

export interface Selection {
  service: string;
  pod: string;
  window: WindowChoice;
  /** Names of the selected edge's ends; both empty: no edge. */
  from: string;
  to: string;
  /** Empty: the tab that suits the edge. */
  tab: Tab | "";
  /** The sampled request that is looked at, by its trace; empty: none. */
  trace: string;
}

export function parseLink(hash: string): Selection {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const window = fields.get("window") ?? "";
  return {
    service: fields.get("service") ?? "",
    pod: fields.get("pod") ?? "",
    window: isWindowChoice(window) ? window : "15m",
    from: fields.get("from") ?? "",
    to: fields.get("to") ?? "",
    tab: TABS.find((tab) => tab === fields.get("tab")) ?? "",
    trace: fields.get("trace") ?? "",
  };
}

export function formatLink(selection: Selection): string {
  const fields = new URLSearchParams();
  for (const [name, value] of Object.entries(selection)) {
    if (value !== "" && !(name === "window" && value === "15m")) fields.set(name, value);
  }
  return `#${fields.toString()}`;
}
