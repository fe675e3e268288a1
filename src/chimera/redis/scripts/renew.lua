-- Renew leases, but only those that this consumer still holds: a process that was frozen past its
-- lease must not take back what another has been given since.
-- KEYS: streams   ARGV: consumer, then an entry for each stream
local consumer, kept = ARGV[1], 0
for i, stream in ipairs(KEYS) do
    local entry = ARGV[i + 1]
    if redis.call('EXISTS', stream) == 1 and #redis.call('XPENDING', stream, 'swarm', entry, entry, 1, consumer) > 0 then
        redis.call('XCLAIM', stream, 'swarm', consumer, 0, entry, 'JUSTID')
        kept = kept + 1
    end
end
return kept
