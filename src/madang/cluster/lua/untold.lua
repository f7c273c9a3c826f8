-- Of whom was last told otherwise than they are.
-- KEYS  nodes, held, then people's hashes, as in write.lua
-- ARGV  epoch, then the id of each of the people
-- Gives for each -1 if there is nothing to tell, else whether they are online; nothing if this node's lease is over.
local nodes, held, epoch = KEYS[1], KEYS[2], ARGV[1]
local live = {}
for _, each in ipairs(redis.call('ZRANGE', nodes, 0, -1)) do
  live[each] = true
end
if not live[epoch] then
  return false
end
local untold = {}
for place = 3, #KEYS do
  local online, told, mine = 0, 0, false
  for _, field in ipairs(redis.call('HKEYS', KEYS[place])) do
    if field == 'told' then
      told = 1
    elseif live[field] then
      online = 1
      mine = mine or field == epoch
    else
      redis.call('HDEL', KEYS[place], field)
    end
  end
  if online ~= told then
    untold[#untold + 1] = online
  else
    untold[#untold + 1] = -1
    if not mine then
      redis.call('SREM', held, ARGV[place - 1])
    end
  end
end
return untold
