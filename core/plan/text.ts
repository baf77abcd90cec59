import { HOUR } from "./units.ts";

/** 10⁹ bytes, as the people who sell memory count. */
export const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

/** Hours of a number of seconds, without the unit. */
export const hours = (seconds: number): string => (seconds / HOUR).toFixed(seconds < HOUR ? 2 : 1);

/** US dollars. */
export const usd = (value: number): string => `$${value.toFixed(value < 100 ? 2 : 0)}`;

/** Seconds in the unit that suits them. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 2 * HOUR ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / HOUR).toFixed(1)} h`;
}

export const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** Made once: toLocaleString makes one each time, which takes longer than planning a GPU. */
const english = new Intl.NumberFormat("en");

/** To two figures, with separators: a number that is not known better. */
export const figure = (value: number): string => english.format(Number(value.toPrecision(2)));
