/*
 * Reads dates as JSON writes them, in less time than `new Date(text)` takes: that is most of what a date adds to reading
 * a record.
 */

/** What `toISOString` writes, with days that every month has. */
const PLAIN =
  /^[1-9]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;
/** Days of a year before each month, without a leap day. */
const DAYS_BEFORE = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
/** Leap days from the year 0 up to the end of 1969. */
const LEAPS_BEFORE_1970 = 477;

/** As `new Date(text)`: what reads in any other way is left to it. */
export function readDate(text: string): Date {
  if (!PLAIN.test(text)) return new Date(text);
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  // A year's leap day is over from March on.
  const past = month > 2 ? year : year - 1;
  const leaps = Math.floor(past / 4) - Math.floor(past / 100) + Math.floor(past / 400) - LEAPS_BEFORE_1970;
  const days = (year - 1970) * 365 + leaps + (DAYS_BEFORE[month - 1] as number) + twoDigits(text, 8) - 1;
  const seconds = (days * 24 + twoDigits(text, 11)) * 3600 + twoDigits(text, 14) * 60 + twoDigits(text, 17);
  return new Date(seconds * 1000 + twoDigits(text, 20) * 10 + digit(text, 22));
}

function twoDigits(text: string, at: number): number {
  return digit(text, at) * 10 + digit(text, at + 1);
}

function digit(text: string, at: number): number {
  return text.charCodeAt(at) - 48;
}
