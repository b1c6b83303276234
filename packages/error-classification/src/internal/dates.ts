const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const IMF_FIXDATE =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d{2}) (\w{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const RFC_850 =
  /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (\d{2})-(\w{3})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const ASCTIME =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (\w{3}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/;
const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/;

/** One of the three HTTP dates (RFC 9110 §5.6.7) as epoch milliseconds. `Date.parse` would take far more for a date. */
export function parseHttpDate(value: string, now: number): number | undefined {
  const imf = IMF_FIXDATE.exec(value);
  if (imf !== null) return instant(imf[3], imf[2], imf[1], imf.slice(4));
  const rfc850 = RFC_850.exec(value);
  if (rfc850 !== null) return twoDigitYear(rfc850, now);
  const asctime = ASCTIME.exec(value);
  return asctime === null
    ? undefined
    : instant(asctime[6], asctime[1], asctime[2], asctime.slice(3, 6));
}

/** An RFC 3339 instant as epoch milliseconds. */
export function parseInstant(value: string): number | undefined {
  if (!RFC_3339.test(value)) return undefined;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : at;
}

/** A year that would lie more than 50 years ahead belongs to the century before (RFC 9110 §5.6.7). */
function twoDigitYear(match: RegExpExecArray, now: number): number | undefined {
  const thisYear = new Date(now).getUTCFullYear();
  let year = Math.floor(thisYear / 100) * 100 + Number(match[3]);
  if (year > thisYear + 50) year -= 100;
  return instant(String(year), match[2], match[1], match.slice(4));
}

function instant(
  year: string | undefined,
  month: string | undefined,
  day: string | undefined,
  time: readonly string[],
): number | undefined {
  const monthIndex = MONTHS.indexOf(month ?? '');
  const [hours = NaN, minutes = NaN, seconds = NaN] = time.map(Number);
  // 60 is a leap second.
  if (monthIndex === -1 || hours > 23 || minutes > 59 || seconds > 60) return undefined;
  const at = Date.UTC(Number(year), monthIndex, Number(day), hours, minutes, seconds);
  const isRealDay =
    new Date(Date.UTC(Number(year), monthIndex, Number(day))).getUTCDate() === Number(day);
  return isRealDay && !Number.isNaN(at) ? at : undefined;
}
