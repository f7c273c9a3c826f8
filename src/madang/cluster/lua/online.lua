-- Who of some people is online: somebody holds a lease for them.
-- KEYS  nodes, then people's hashes, as in write.lua
-- ARGV  epoch
-- Gives 1 or 0 for each; nothing if this node's lease is over, because then the rest may be lost as well.
local live = {}
for _, epoch in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  live[epoch] = true
end
if not live[ARGV[1]] then
  return false
end
local online = {}
for place = 2, #KEYS do
  online[place - 1] = 0
  for _, epoch in ipairs(redis.call('HKEYS', KEYS[place])) do
    if live[epoch] then
      online[place - 1] = 1
    end
  end
end
return online
