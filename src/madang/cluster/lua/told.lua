-- Keep what was told of somebody, and say whether it is still so.
-- KEYS  nodes, held, the person's hash, as in write.lua
-- ARGV  epoch, the person's id, 1 if they were told to be online
-- Gives 1 if it is still so, else 0; nothing if this node's lease is over.
local nodes, held, person = KEYS[1], KEYS[2], KEYS[3]
local epoch, user, told = ARGV[1], ARGV[2], ARGV[3]
if not redis.call('ZSCORE', nodes, epoch) then
  return false
end
if told == '1' then
  redis.call('HSET', person, 'told', 1)
else
  redis.call('HDEL', person, 'told')
end
local online, mine = '0', false
for _, field in ipairs(redis.call('HKEYS', person)) do
  if field ~= 'told' and redis.call('ZSCORE', nodes, field) then
    online = '1'
    mine = mine or field == epoch
  end
end
if online ~= told then
  redis.call('SADD', held, user)
  return 0
end
if not mine then
  redis.call('SREM', held, user)
end
return 1
