-- Begins a counter that is not there. KEYS[1]: the counter. ARGV: the amount in nano-units, its lifetime in ms (empty: for ever).

if redis.call('SETNX', KEYS[1], ARGV[1]) == 1 and ARGV[2] ~= '' then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return {}
