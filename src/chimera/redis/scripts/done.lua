-- Drop tickets that are dealt with.   KEYS: members, then streams   ARGV: entry, id for each stream
for i = 2, #KEYS do
    local entry, id = ARGV[2 * i - 3], ARGV[2 * i - 2]
    redis.call('XACK', KEYS[i], 'swarm', entry)
    redis.call('XDEL', KEYS[i], entry)
    redis.call('SREM', KEYS[1], id)
end
