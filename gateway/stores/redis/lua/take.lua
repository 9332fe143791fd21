-- Takes from all buckets, or from none: gateway/core/gcra.py in Redis, in Redis' own time.
-- KEYS: one bucket a charge, "LEVEL AT_US". ARGV, three a charge: limit, period in microseconds, cost.
-- Returns strings, since integers would be cut to what Lua's doubles print: whether it was allowed (1 or 0), microseconds to wait
-- (-1: for ever), and for each charge the units left and microseconds until the limit is unused again.
-- Whole numbers are exact up to 2^53: a limit of 150,000,000 a minute. Beyond it they are off by a millionth of a unit.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local function whole(number)
  return string.format('%.0f', number)
end

local charges, allowed, never, wait = {}, true, false, 0
for i, key in ipairs(KEYS) do
  local limit, period, cost = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  local charge = { key = key, limit = limit, period = period, cost = cost, level = 0, ahead = false }
  local stored = redis.call('GET', key)
  if stored then
    local level, at = string.match(stored, '^(%d+) (%d+)$')
    level, at = tonumber(level), tonumber(at)
    charge.ahead = at > now
    charge.level = math.max(math.min(level, limit * period) - math.max(now - at, 0) * limit, 0)
  end
  local excess = charge.level + (cost - limit) * period
  if cost > limit then
    allowed, never = false, true
  elseif excess > 0 then
    allowed, wait = false, math.max(wait, math.ceil(excess / limit))
  end
  charges[i] = charge
end

local answer = { allowed and '1' or '0', never and '-1' or whole(wait) }
for _, charge in ipairs(charges) do
  if allowed then
    charge.level = charge.level + charge.cost * charge.period
  end
  -- A refusal changes nothing, except that a bucket from the future, where the clock was set back, becomes one of now.
  if (allowed and charge.cost > 0) or charge.ahead then
    -- A period later the bucket is empty, whatever it holds.
    local ttl_ms = math.ceil(charge.period / 1000) + 1
    redis.call('SET', charge.key, whole(charge.level) .. ' ' .. whole(now), 'PX', whole(ttl_ms))
  end
  local reset = charge.level > 0 and math.ceil(charge.level / charge.limit) or 0
  table.insert(answer, whole(charge.limit - math.ceil(charge.level / charge.period)))
  table.insert(answer, whole(reset))
end
return answer
