-- Take over some people of a node whose lease has lapsed: from now on it holds none for them, and whoever takes them over has to
-- tell of them. The node itself finds its end at 0 and begins anew, so it cannot hold on to what it no longer has.
-- KEYS  nodes, the lapsed node's `held`, one's own `held`, then people's hashes, as in write.lua
-- ARGV  the lapsed epoch, then the id of each of the people
-- Gives 1 for each who was taken over here, 0 for those whom another node has taken over; nothing if the lease has not lapsed.
local nodes, theirs, mine, epoch = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ends = redis.call('ZSCORE', nodes, epoch)
if ends and tonumber(ends) > now then
  return false
end
if ends then
  redis.call('ZADD', nodes, 0, epoch)
end
local taken = {}
for place = 4, #KEYS do
  redis.call('HDEL', KEYS[place], epoch)
  taken[#taken + 1] = redis.call('SMOVE', theirs, mine, ARGV[place - 2])
end
if redis.call('SCARD', theirs) == 0 then
  redis.call('ZREM', nodes, epoch)
end
return taken
