/** Numbers as people read them, at most three digits that matter. */

export type Unit = "per min" | "KB/min" | "KB" | "ms" | "µs" | "%" | "";

/** `1234.5` becomes `1.23k`, `0.0421` becomes `0.042`. */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 999_500) return `${trim(value / 1_000_000)}M`;
  if (size >= 9_995) return `${trim(value / 1_000)}k`;
  if (size >= 1_000) return String(Math.round(value));
  return trim(value);
}

function trim(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return String(Number(value.toFixed(digits)));
}

/** A value with its unit, moved to the unit that reads best: 2500 KB is 2.44 MB. */
export function formatValue(value: number, unit: Unit): string {
  const [scaled, shown] = rescale(value, unit);
  return shown === "" || shown === "%"
    ? `${formatNumber(scaled)}${shown && " %"}`
    : `${formatNumber(scaled)} ${shown}`;
}

export function rescale(value: number, unit: Unit): [number, string] {
  const size = Math.abs(value);
  if (unit === "KB" || unit === "KB/min") {
    if (size >= 1024 * 1024) return [value / 1024 / 1024, unit.replace("K", "G")];
    if (size >= 1024) return [value / 1024, unit.replace("K", "M")];
  }
  if (unit === "µs" && size >= 1_000) return [value / 1_000, "ms"];
  if (unit === "ms" && size >= 10_000) return [value / 1_000, "s"];
  if (unit === "ms" && size > 0 && size < 0.1) return [value * 1_000, "µs"];
  return [value, unit];
}

/** `9:05` for 545 seconds; never negative. */
export function formatCountdown(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = String(whole % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
