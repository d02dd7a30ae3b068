const DAY_MS = 86_400_000;

/** RFC 3339 in UTC with milliseconds, of unix ms ≥ 0. Arithmetic only: the core names no Date. */
export function rfc3339(unixMs: number): string {
  const { year, month, day } = civil(Math.floor(unixMs / DAY_MS));
  const ms = ((unixMs % DAY_MS) + DAY_MS) % DAY_MS;
  const time = [ms / 3_600_000, (ms / 60_000) % 60, (ms / 1_000) % 60].map((part) => pad(Math.floor(part), 2)).join(':');
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}T${time}.${pad(Math.floor(ms % 1_000), 3)}Z`;
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
