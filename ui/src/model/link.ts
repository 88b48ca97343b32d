/**
 * What is being looked at, as the part of the address after `#`.
 *
 * In: a hash.  Out: a selection, by names, so that a link outlives a restart of the backend.
 */

import { isWindowChoice, type WindowChoice } from "./time";

export type Tab = "tcp" | "http";

export interface Selection {
  service: string;
  pod: string;
  window: WindowChoice;
  /** Names of the selected edge's ends; both empty: no edge. */
  from: string;
  to: string;
  /** Empty: the tab that suits the edge. */
  tab: Tab | "";
}

export function parseLink(hash: string): Selection {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const window = fields.get("window") ?? "";
  const tab = fields.get("tab") ?? "";
  return {
    service: fields.get("service") ?? "",
    pod: fields.get("pod") ?? "",
    window: isWindowChoice(window) ? window : "15m",
    from: fields.get("from") ?? "",
    to: fields.get("to") ?? "",
    tab: tab === "tcp" || tab === "http" ? tab : "",
  };
}

export function formatLink(selection: Selection): string {
  const fields = new URLSearchParams();
  for (const [name, value] of Object.entries(selection)) {
    if (value !== "" && !(name === "window" && value === "15m")) fields.set(name, value);
  }
  return `#${fields.toString()}`;
}
