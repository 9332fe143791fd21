-- Changes a counter that is there. KEYS[1]: the counter. ARGV[1]: the amount in nano-units. Returns what is used (empty: it is missing).

if redis.call('EXISTS', KEYS[1]) == 0 then
  return { '' }
end
redis.call('INCRBY', KEYS[1], ARGV[1])
return { redis.call('GET', KEYS[1]) }
