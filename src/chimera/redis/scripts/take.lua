-- Take tickets, urgent ones first; every fourth turn starts with the medium and every eighth with the
-- low ones, so that nothing starves.
-- KEYS[1] prefix   ARGV: consumer, count, window   returns stream, entry, id for each
local prefix, consumer, left, window = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local turn, out = redis.call('INCR', prefix .. 'turn'), {}
local order = {'high', 'medium', 'low'}
if turn % 8 == 0 then order = {'low', 'medium', 'high'} elseif turn % 4 == 0 then order = {'medium', 'high', 'low'} end

for _, priority in ipairs(order) do
    local base = prefix .. priority .. ':'
    local stream = base .. 'stream'
    if left > 0 and redis.call('EXISTS', stream) == 1 then
        local reply = redis.call('XREADGROUP', 'GROUP', 'swarm', consumer, 'COUNT', left, 'STREAMS', stream, '>')
        if reply then
            for _, entry in ipairs(reply[1][2]) do
                out[#out + 1] = stream
                out[#out + 1] = entry[1]
                out[#out + 1] = entry[2][2]
                left = left - 1
            end
            refill(base, window)
        end
    end
end
return out
