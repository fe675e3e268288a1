-- Append tickets that are not queued yet. A ticket waits in the lane of its influencer; lanes take
-- turns, first between tenants, then between the influencers of one, and feed a stream of bounded length.
-- KEYS[1] prefix   ARGV: bound, window, then id, tenant, agent, priority for each ticket
-- returns 1 for each ticket that was taken, 0 for one that was not
local prefix, bound, window = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local taken, touched = {}, {}

for i = 3, #ARGV, 4 do
    local id, tenant, agent, priority = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
    local room = redis.call('SCARD', prefix .. 'members') < bound
    taken[#taken + 1] = 0
    if room and redis.call('SADD', prefix .. 'members', id) == 1 then
        local base = prefix .. priority .. ':'
        if redis.call('RPUSH', base .. 'lane:' .. tenant .. ':' .. agent, id) == 1 then
            if redis.call('RPUSH', base .. 'ring:' .. tenant, agent) == 1 then
                redis.call('RPUSH', base .. 'ring', tenant)
            end
        end
        touched[priority] = true
        taken[#taken] = 1
    end
end

for priority in pairs(touched) do refill(prefix .. priority .. ':', window) end
return taken
