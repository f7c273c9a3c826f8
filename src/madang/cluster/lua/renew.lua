-- One beat of a node: its lease goes on, and it learns whose have lapsed.
-- KEYS  nodes   sorted set: node epoch -> when its lease ends (ms of this server's clock)
--       origin  names the data on this server; gone or another one after it was lost
-- ARGV  epoch, the end this node was given last (0: this epoch begins now), ms of a lease, a name for `origin` if there is
--       none, an epoch this node has given up (or "")
-- Gives {end, origin, lapsed epochs}; the end is 0 if the epoch is unknown, -1 if it is known as it was some time ago.
local nodes, origin_key = KEYS[1], KEYS[2]
local epoch, expected, lease, name, given_up = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
redis.call('SET', origin_key, name, 'NX')
local origin = redis.call('GET', origin_key)
if given_up ~= '' then
  redis.call('ZADD', nodes, 'XX', 0, given_up)
end
local known = redis.call('ZSCORE', nodes, epoch)
if expected > 0 and not known then
  return {0, origin, {}}
end
if expected > 0 and tonumber(known) < expected then
  return {-1, origin, {}}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', nodes, now + lease, epoch)
return {now + lease, origin, redis.call('ZRANGE', nodes, '-inf', now, 'BYSCORE', 'LIMIT', 0, 10)}
