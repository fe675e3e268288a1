-- Let one call to a server through, or say for how long not: a pause that the platform asked for, an empty token
-- bucket, an open circuit breaker. Nothing is taken from a bucket unless the call may be made.
-- KEYS breaker, probe, bucket of the server, bucket of the account, pause of the account
-- ARGV failures that open, probe in ms, then tokens a second and burst of the server, and of the account (0: no limit)
-- returns wait in ms, why, failures so far
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local paused = redis.call('PTTL', KEYS[5])
if paused > 0 then return {paused, 'paused', 0} end

local held = {}
for i = 1, 2 do
    local key, rate, burst = KEYS[2 + i], tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
    if rate > 0 then
        local kept = redis.call('HMGET', key, 'tokens', 'at')
        local tokens = math.min(burst, (tonumber(kept[1]) or burst) + (now - (tonumber(kept[2]) or now)) * rate / 1000)
        if tokens < 1 then return {math.ceil((1 - tokens) * 1000 / rate), 'rate', 0} end
        held[key] = {tokens - 1, math.ceil(burst * 1000 / rate) + 1000}
    end
end

local state = redis.call('HMGET', KEYS[1], 'failures', 'until')
local failures, closed_at = tonumber(state[1]) or 0, tonumber(state[2]) or 0
if failures >= tonumber(ARGV[1]) then
    if closed_at > now then return {closed_at - now, 'breaker', failures} end
    if not redis.call('SET', KEYS[2], 1, 'NX', 'PX', ARGV[2]) then
        return {math.max(50, redis.call('PTTL', KEYS[2])), 'breaker', failures}
    end
end

for key, bucket in pairs(held) do
    redis.call('HSET', key, 'tokens', tostring(bucket[1]), 'at', now)
    redis.call('PEXPIRE', key, bucket[2])
end
return {0, '', failures}
