"""What the queue does in one step of its Redis server, in the server's own language.

Owns the layout of its keys, which begin with `madang:{installation}:queue:`, so that a script may name several:

    <n>           the stream of shard n: field `m` is a message
    <n>:bytes     of all messages in it
    <n>:ids       of the messages in it: conversation and message, one after the other
    <n>:lease     the owner's token; expires
    <n>:fence     how many owners there have been
    workers       who is there, by until when (ms of the server's clock)
    dead          the stream of dead letters: fields `m`, `reason`

Every script that acts for an owner compares the token first, so a former owner changes nothing. The consumer group has one
consumer, because a shard has one owner: what is pending is what the last one has left.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ACQUIRE",
    "APPEND",
    "ATTEND",
    "DEAD_LETTERS",
    "GROUP",
    "OWNER",
    "RELEASE",
    "RENEW",
    "SETTLE",
    "STATS",
    "TAKE",
]

GROUP: Final = "workers"
OWNER: Final = "owner"
DEAD_LETTERS: Final = 100_000
"""About how many are kept; older ones go."""

# Keys: stream, bytes, ids. Arguments: most entries, most bytes, channel, shard, then an id and a message for each. Answers
# how many from the first on are accepted. Whoever waits at an empty shard is told; at others somebody is at work.
APPEND: Final = """
local waiting = redis.call('XLEN', KEYS[1])
local bytes = tonumber(redis.call('GET', KEYS[2]) or '0')
local before, accepted = waiting, 0
for i = 5, #ARGV, 2 do
  local size = #ARGV[i + 1]
  if waiting >= tonumber(ARGV[1]) or bytes + size > tonumber(ARGV[2]) then break end
  redis.call('XADD', KEYS[1], '*', 'm', ARGV[i + 1])
  redis.call('SADD', KEYS[3], ARGV[i])
  waiting, bytes, accepted = waiting + 1, bytes + size, accepted + 1
end
if accepted > 0 then
  redis.call('SET', KEYS[2], bytes)
  if before == 0 then redis.call('PUBLISH', ARGV[3], ARGV[4]) end
end
return accepted
"""

# Keys: workers. Arguments: worker, milliseconds. Answers how many there are.
ATTEND: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return redis.call('ZCARD', KEYS[1])
"""

# Keys: lease, fence, stream. Arguments: worker, milliseconds, group. Answers the token, or nothing.
ACQUIRE: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
local token = string.format('%.0f:%s', redis.call('INCR', KEYS[2]), ARGV[1])
redis.call('SET', KEYS[1], token, 'PX', ARGV[2])
redis.pcall('XGROUP', 'CREATE', KEYS[3], ARGV[3], '0', 'MKSTREAM')
return token
"""

# Keys: leases. Arguments: milliseconds, then a token for each. Answers 1 or 0 for each.
RENEW: Final = """
local held = {}
for i, key in ipairs(KEYS) do
  held[i] = 0
  if redis.call('GET', key) == ARGV[i + 1] then held[i] = redis.call('PEXPIRE', key, ARGV[1]) end
end
return held
"""

# Keys: lease. Arguments: token.
RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
"""

# Keys: lease, stream. Arguments: token, group, consumer, most, and the last position that the owner knows of. What is
# pending after it comes before what is new: an earlier owner's, or this one's whose answer was lost. Answers nothing if the
# lease is lost, else the entries.
TAKE: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
for _, after in ipairs({ARGV[5], '>'}) do
  local found = redis.call('XREADGROUP', 'GROUP', ARGV[2], ARGV[3], 'COUNT', ARGV[4], 'STREAMS', KEYS[2], after)
  if found and found[1][2][1] then return found[1][2] end
end
return {}
"""

# Keys: lease, stream, bytes, ids, dead. Arguments: token, group, most dead letters, then for each entry its position, id,
# size, reason and message; the last two are empty if it is stored. Answers 0 if the lease is lost.
SETTLE: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for i = 4, #ARGV, 5 do
  redis.call('XACK', KEYS[2], ARGV[2], ARGV[i])
  if redis.call('XDEL', KEYS[2], ARGV[i]) == 1 then
    redis.call('DECRBY', KEYS[3], ARGV[i + 2])
    if ARGV[i + 3] ~= '' then
      redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[3], '*', 'm', ARGV[i + 4], 'reason', ARGV[i + 3])
    end
  end
  redis.call('SREM', KEYS[4], ARGV[i + 1])
end
return 1
"""

# Keys: dead, then stream and bytes of each shard. Answers entries, bytes, milliseconds that the oldest has waited, dead
# letters.
STATS: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local entries, bytes, oldest = 0, 0, now
for i = 2, #KEYS, 2 do
  entries = entries + redis.call('XLEN', KEYS[i])
  bytes = bytes + tonumber(redis.call('GET', KEYS[i + 1]) or '0')
  local first = redis.call('XRANGE', KEYS[i], '-', '+', 'COUNT', 1)
  if first[1] then oldest = math.min(oldest, tonumber(string.match(first[1][1], '^%d+'))) end
end
return {entries, bytes, now - oldest, redis.call('XLEN', KEYS[1])}
"""
