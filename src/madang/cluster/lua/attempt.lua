-- One attempt in a moving window.
-- KEYS  attempts  list: when each accepted attempt was made (ms of this server's clock), oldest first
-- ARGV  how many a window takes, ms of a window
-- Gives 0 if the attempt was within the limit, else the ms to wait; a refused one leaves no trace.
local attempts, limit, window = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local oldest = redis.call('LINDEX', attempts, 0)
while oldest and tonumber(oldest) + window <= now do
  redis.call('LPOP', attempts)
  oldest = redis.call('LINDEX', attempts, 0)
end
if redis.call('LLEN', attempts) >= limit then
  return tonumber(oldest) + window - now
end
redis.call('RPUSH', attempts, now)
redis.call('PEXPIRE', attempts, window)
return 0
