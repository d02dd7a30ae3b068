const DAY_MS = 86_400_000;

/** RFC 3339 in UTC with milliseconds, of unix ms ≥ 0. Arithmetic only: the core names no Date. */
export function rfc3339(unixMs: number): string {
  const { year, month, day } = civil(Math.floor(unixMs / DAY_MS));
  const ms = ((unixMs % DAY_MS) + DAY_MS) % DAY_MS;
  const time = [ms / 3_600_000, (ms / 60_000) % 60, (ms / 1_000) % 60].map((part) => pad(Math.floor(part), 2)).join(':');
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}T${time}.${pad(Math.floor(ms % 1_000), 3)}Z`;
}

/** Unix ms of an RFC 3339 date-time (`2026-01-31T12:00:00Z`, with fraction or offset), or `undefined` if it is none. A leap second is the next one. */
export function rfc3339Ms(text: string): number | undefined {
  const [, year, month, day, hour, minute, second, fraction, offset] =
    /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)$/.exec(text) ?? [];
  if (offset === undefined) return undefined;
  const date = dayNumber(Number(year), Number(month), Number(day));
  const [h, m, s] = [Number(hour), Number(minute), Number(second)];
  const offsetMinutes = minutesOf(offset);
  if (date === undefined || offsetMinutes === undefined || h > 23 || m > 59 || s > 60) return undefined;
  return date * DAY_MS + ((h * 60 + m - offsetMinutes) * 60 + s) * 1_000 + Math.floor(Number(`0.${fraction ?? 0}`) * 1_000);
}

function minutesOf(offset: string): number | undefined {
  const [, sign, hours, minutes] = /^([+-])(\d\d):(\d\d)$/.exec(offset) ?? [];
  if (sign === undefined) return 0;
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}

/** Days since 1970-01-01 of a date, `undefined` if there is no such day: the inverse of {@link civil}. */
function dayNumber(year: number, month: number, day: number): number | undefined {
  const marchYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const days = era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468;
  const back = civil(days);
  return back.year === year && back.month === month && back.day === day ? days : undefined;
}

/** The proleptic Gregorian date of a day number (0 = 1970-01-01), by eras of 400 years that begin on 1 March. */
function civil(dayNumber: number): { readonly year: number; readonly month: number; readonly day: number } {
  const shifted = dayNumber + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor((dayOfEra - Math.floor(dayOfEra / 1_460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1 };
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}
