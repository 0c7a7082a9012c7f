#!lua flags=allow-oom
-- prelude: base.lua
-- prelude: map.lua
-- Notes that every shard has applied a plan.
--
-- ARGV   1: operation id
permit('HSET', MAP, 'f', 'v')
local field = 'op:' .. ARGV[1]
if not read_map() then return '' end
local stored = read('HGET', MAP, field)
if stored then redis.call('HSET', MAP, field, 'd' .. string.sub(stored, 2)) end
return reply_map()
