/** Numbers as people read them. */

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** 1536000 → "1.5 MB". */
export function bytes(count) {
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit > 1 && value < 10 ? 1 : 0;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** 65.2 → "1:05". */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 60) % 60, whole % 60];
  if (whole >= 3600) parts.unshift(Math.floor(whole / 3600));
  return parts.map((part, at) => (at ? String(part).padStart(2, "0") : String(part))).join(":");
}

/** "1:05.5", "65.5", "" → seconds or null; undefined if it is no time. */
export function parseClock(text) {
  const trimmed = text.trim();
  if (!trimmed) return null;
  if (!/^(\d+:){0,2}\d+([.,]\d+)?$/.test(trimmed)) return undefined;
  return trimmed.split(":").reduce((total, part) => total * 60 + Number(part.replace(",", ".")), 0);
}

export function percent(share) {
  return Math.round(100 * Math.min(1, Math.max(0, share)));
}

/** What a backend runs on, as people call it. */
export function deviceName({ device, name }) {
  return { cpu: "CPU", cuda: "GPU" }[device] ?? device ?? name;
}
