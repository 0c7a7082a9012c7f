#!lua
-- prelude: base.lua
-- Uses what can be used once: whoever comes first has it.
--
-- KEYS   1: what ends in the same ten minutes, in one of 16 parts: a hash, what is used -> by whom
-- ARGV   1: when it is forgotten, milliseconds; 2: for each: what c16, by whom c16
-- reply  for each B: 0 used now, 1 it was this one's before, 2 it is another's
local USED = KEYS[1]
read_server()
permit('HSET', USED, 'f', 'v')
permit('PEXPIREAT', USED, ARGV[1])
local time = read('TIME')
if tonumber(ARGV[1]) <= time[1] * 1000 then fail('RANGE it could be used until a time that is over by the clock of Redis') end
local count = #ARGV[2] / 32
local named = { struct.unpack('>' .. string.rep('c16c16', count), ARGV[2]) }
local ids, out, fields = {}, {}, {}
for i = 1, count do ids[i] = named[2 * i - 1] end
local stored, now_used = read('HMGET', USED, unpack(ids)), {}
for i = 1, count do
  local id, holder = ids[i], named[2 * i]
  local has = stored[i] or now_used[id]
  out[i] = not has and '\0' or has == holder and '\1' or '\2'
  if not has then
    now_used[id] = holder
    fields[#fields + 1], fields[#fields + 2] = id, holder
  end
end
if #fields > 0 then redis.call('HSET', USED, unpack(fields)) end
redis.call('PEXPIREAT', USED, ARGV[1])
return table.concat(out)
