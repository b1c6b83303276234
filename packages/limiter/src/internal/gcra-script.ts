import { createHash } from 'node:crypto';

/**
 * GCRA in Redis, by Redis' own clock, so that the clocks of a fleet need not agree. One key with
 * the moment at which the bucket is full again and the step that it was reckoned with, in
 * microseconds; it expires at that moment. Under another step what was used up stays used up, as so
 * many calls. Returns `'0'`, or how many milliseconds it is too early. Arguments: microseconds per call, calls at once.
 */
export const GCRA_SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local step = tonumber(ARGV[1])
local burst = tonumber(ARGV[2])
local full = now
local saved = redis.call('GET', KEYS[1])
if saved then
  local at, its = string.match(saved, '^(%S+) (%S+)$')
  full = tonumber(at or saved)
  if its and its ~= ARGV[1] then full = now + math.min((full - now) / tonumber(its), burst) * step end
end
if full < now then full = now end
local early = full - step * (burst - 1) - now
if early > 0.5 then return string.format('%.3f', early / 1000) end
full = full + step
redis.call('SET', KEYS[1], string.format('%.3f ', full) .. ARGV[1], 'PX', math.ceil((full - now) / 1000) + 1)
return '0'
`;

/** What `EVALSHA` calls it by. */
export const GCRA_SHA: string = createHash('sha1').update(GCRA_SCRIPT).digest('hex');
