-- Make the leases of some people what their node knows.
-- KEYS  nodes  as in renew.lua
--       held   set: people this node holds a lease for, or has to tell of
--       people's hashes: node epoch -> 1, and "told" -> 1 if they were last told to be online
-- ARGV  epoch, then for each of the people: their id, 1 if a device of theirs is here, 1 if they are known as told online
-- Gives 1 or 0 for each: whether they were last told to be online; nothing if this node's lease is over.
local nodes, held, epoch = KEYS[1], KEYS[2], ARGV[1]
if not redis.call('ZSCORE', nodes, epoch) then
  return false
end
local told = {}
for place = 3, #KEYS do
  local at = 2 + (place - 3) * 3
  local user, here, was_told = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  redis.call('SADD', held, user)
  if here == '1' then
    redis.call('HSET', KEYS[place], epoch, 1)
  else
    redis.call('HDEL', KEYS[place], epoch)
  end
  if was_told == '1' then
    redis.call('HSET', KEYS[place], 'told', 1)
  end
  told[#told + 1] = redis.call('HEXISTS', KEYS[place], 'told')
end
return told
