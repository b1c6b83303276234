import { createHash } from 'node:crypto';

/**
 * GCRA in Redis, by Redis' own clock, so that the clocks of a fleet need not agree. One key with
 * one number, in microseconds; it expires when the bucket is full again. Returns `'0'`, or how many
 * milliseconds it is too early. Arguments: microseconds per call, calls at once.
 */
export const GCRA_SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local step = tonumber(ARGV[1])
local full = tonumber(redis.call('GET', KEYS[1]) or now)
if full < now then full = now end
local early = full - step * (tonumber(ARGV[2]) - 1) - now
if early > 0.5 then return string.format('%.3f', early / 1000) end
full = full + step
redis.call('SET', KEYS[1], string.format('%.3f', full), 'PX', math.ceil((full - now) / 1000) + 1)
return '0'
`;

/** What `EVALSHA` calls it by. */
export const GCRA_SHA: string = createHash('sha1').update(GCRA_SCRIPT).digest('hex');
