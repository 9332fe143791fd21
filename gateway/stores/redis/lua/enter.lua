-- One of at most so many members, in Redis' own time.
-- KEYS[1]: a sorted set of members by the end of their leases, in microseconds.
-- ARGV: the member, how many there may be, its lease in microseconds; then members that left and could not say so.
-- Returns 1 where the member is in, else 0.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local members, member, members_max, lease = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

for i = 4, #ARGV do
  redis.call('ZREM', members, ARGV[i])
end
redis.call('ZREMRANGEBYSCORE', members, '-inf', string.format('%.0f', now))
if not redis.call('ZSCORE', members, member) and redis.call('ZCARD', members) >= members_max then
  return 0
end
redis.call('ZADD', members, string.format('%.0f', now + lease), member)
-- The set lives as long as its longest lease.
local last = tonumber(redis.call('ZRANGE', members, -1, -1, 'WITHSCORES')[2])
redis.call('PEXPIRE', members, string.format('%.0f', math.ceil((last - now) / 1000) + 1))
return 1
