-- Puts a text in the place of another, for a while: of several replicas that try it at once, one succeeds.
-- KEYS[1]: the name. ARGV: the text that is expected there (empty for none), the new one (empty for none), its lifetime in ms.
-- Returns false where the text was replaced, else what stands there.

local found = redis.call('GET', KEYS[1]) or ''
if found ~= ARGV[1] then
  return found
end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return false
