/**
 * Numbers that say what they count: a function that wants bytes refuses seconds. Arithmetic gives plain
 * numbers back; the constructor names the unit of the result.
 */
declare const unit: unique symbol;
type Unit<Name extends string> = number & { readonly [unit]: Name };

export type Bytes = Unit<"bytes">;
export type Tokens = Unit<"tokens">;
export type Seconds = Unit<"seconds">;
/** US dollars. */
export type Dollars = Unit<"dollars">;

export const bytes = (value: number): Bytes => value as Bytes;
export const tokens = (value: number): Tokens => value as Tokens;
export const seconds = (value: number): Seconds => value as Seconds;
export const dollars = (value: number): Dollars => value as Dollars;

export const HOUR: Seconds = seconds(3600);

/** What nobody can know as one number. */
export interface Range<Unit extends number> {
  low: Unit;
  expected: Unit;
  high: Unit;
}

/** A range whose ends are made alike. */
export function mapRange<Unit extends number>(of: (end: keyof Range<number>) => Unit): Range<Unit> {
  return { low: of("low"), expected: of("expected"), high: of("high") };
}
