// How numbers and moments read. Figures are tabular; nothing here rounds up to "done".

/** span writes seconds with two units at most: 8.2s, 1m05s, 3h20m, 2d4h. */
export function span(seconds: number): string {
  const s = Math.abs(seconds);
  if (s < 9.95) return `${s.toFixed(1)}s`;
  if (s < 60) return `${Math.floor(s)}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m${two(s % 60)}s`;
  if (s < 86400) return `${Math.floor(s / 3600)}h${two((s % 3600) / 60)}m`;
  return `${Math.floor(s / 86400)}d${Math.floor((s % 86400) / 3600)}h`;
}

const two = (n: number): string => String(Math.floor(n)).padStart(2, "0");

/** whole is span without tenths: for clocks that tick. */
export const whole = (seconds: number): string => (Math.abs(seconds) < 60 ? `${Math.floor(Math.abs(seconds))}s` : span(seconds));

/** ago writes a moment relative to now, both in milliseconds. */
export function ago(at: string | undefined, now: number): string {
  if (!at) return "";
  const s = (now - Date.parse(at)) / 1000;
  if (s < -1) return `in ${whole(s)}`;
  if (s < 1) return "now";
  return `${whole(s)} ago`;
}

/** between is the seconds from one moment to another, or to now. */
export const between = (from: string, to: string | undefined, now: number): number =>
  Math.max(0, ((to ? Date.parse(to) : now) - Date.parse(from)) / 1000);

/** exact writes a moment for a tooltip. */
export const exact = (at: string | undefined): string => (at ? new Date(at).toLocaleString() : "");

/** clock writes a time of day. */
export const clock = (at: string): string => new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** bytes writes a size in powers of 1024. */
export function bytes(n: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let i = 0;
  while (n >= 1024 && i < units.length - 1) {
    n /= 1024;
    i++;
  }
  return `${i > 0 && n < 10 ? n.toFixed(1) : Math.floor(n)} ${units[i] ?? ""}`;
}

/** percent writes a part of a whole; 100 % only for all of it. */
export function percent(part: number, all: number): string {
  if (all <= 0) return "–";
  return `${Math.floor((100 * part) / all)} %`;
}

/** money writes an amount; small ones keep their cents. */
export const money = (amount: number, currency: string | undefined): string =>
  new Intl.NumberFormat("en", currency ? { style: "currency", currency } : { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(amount);

/** count writes a number with thin groups. */
export const count = (n: number): string => n.toLocaleString("en").replaceAll(",", "\u202f");

/** plural writes a number with its noun. */
export const plural = (n: number, noun: string): string => `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
