-- Put in front of the scripts that need it: move tickets from the lanes to the stream, in turns.
local function refill(base, window)
    local stream = base .. 'stream'
    if redis.call('EXISTS', stream) == 0 then
        redis.pcall('XGROUP', 'CREATE', stream, 'swarm', '0', 'MKSTREAM')
    end
    local waiting = redis.call('XLEN', stream) - redis.call('XPENDING', stream, 'swarm')[1]
    while waiting < window do
        local tenant = redis.call('LPOP', base .. 'ring')
        if not tenant then return end
        local ring = base .. 'ring:' .. tenant
        local agent = redis.call('LPOP', ring)
        local lane = base .. 'lane:' .. tenant .. ':' .. agent
        redis.call('XADD', stream, '*', 'id', redis.call('LPOP', lane))
        if redis.call('EXISTS', lane) == 1 then redis.call('RPUSH', ring, agent) end
        if redis.call('EXISTS', ring) == 1 then redis.call('RPUSH', base .. 'ring', tenant) end
        waiting = waiting + 1
    end
end
