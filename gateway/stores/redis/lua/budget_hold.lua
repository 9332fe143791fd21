-- Takes an amount from all counters, or from none.
-- KEYS: the counters. ARGV: the amount in nano-units, then each counter's limit (empty for none).
-- Returns strings: the index from 0 of the counter that has no room (-1: none), then what is used of each (empty: it is missing).
-- Compared as doubles, which are exact up to nine million units of a currency; the sums are Redis' own 64-bit integers.

local amount, missing, refused = tonumber(ARGV[1]), false, -1
local answer = { '-1' }
for i, key in ipairs(KEYS) do
  local used = redis.call('GET', key)
  if not used then
    missing = true
  elseif refused < 0 and ARGV[i + 1] ~= '' and tonumber(used) + amount > tonumber(ARGV[i + 1]) then
    refused = i - 1
  end
  answer[i + 1] = used or ''
end
if missing then
  return answer
end
answer[1] = string.format('%d', refused)
if refused < 0 then
  for i, key in ipairs(KEYS) do
    redis.call('INCRBY', key, ARGV[1])
    answer[i + 1] = redis.call('GET', key)
  end
end
return answer
