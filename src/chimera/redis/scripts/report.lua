-- How a call went: a success closes the breaker, a failure counts towards opening it, a pause holds the account back.
-- KEYS breaker, probe, pause of the account
-- ARGV outcome (ok, failed, paused), ms of the pause, failures that open, first and longest time open in ms
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

if ARGV[1] == 'ok' then
    redis.call('DEL', KEYS[1], KEYS[2])
elseif ARGV[1] == 'paused' then
    redis.call('DEL', KEYS[2])
    if redis.call('PTTL', KEYS[3]) < tonumber(ARGV[2]) then redis.call('SET', KEYS[3], 1, 'PX', ARGV[2]) end
else
    redis.call('DEL', KEYS[2])
    local over = redis.call('HINCRBY', KEYS[1], 'failures', 1) - tonumber(ARGV[3])
    if over >= 0 then
        local open = math.min(tonumber(ARGV[5]), tonumber(ARGV[4]) * 2 ^ math.min(over, 20))
        redis.call('HSET', KEYS[1], 'until', now + open)
    end
    redis.call('PEXPIRE', KEYS[1], 600000)
end
return 0
