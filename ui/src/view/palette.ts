/**
 * The colours of the style sheet, for canvases that cannot read it; they follow light and dark.
 */

import { ref, type Ref } from "vue";

const NAMES = [
  "surface",
  "raised",
  "line",
  "line-strong",
  "text",
  "muted",
  "faint",
  "accent",
  "good",
  "warn",
  "bad",
  "client",
  "server",
] as const;

export type Palette = Record<(typeof NAMES)[number], string>;

let palette: Ref<Palette> | null = null;

function read(): Palette {
  const style = getComputedStyle(document.documentElement);
  const entries = NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]);
  return Object.fromEntries(entries) as Palette;
}

/** Read when the first chart asks: by then the style sheet is there. */
export function usePalette(): Ref<Palette> {
  palette ??= follow();
  return palette;
}

function follow(): Ref<Palette> {
  const colors = ref(read());
  const onChange = (): void => void (colors.value = read());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", onChange);
  return colors;
}
