#!lua flags=allow-oom
-- prelude: base.lua
-- prelude: map.lua
-- Pauses, resumes, ends. The end is for good.
--
-- ARGV   1: the state: 0 active, 1 paused, 2 ended
permit('HSET', MAP, 'f', 'v')
if not read_map() then return '' end
local state = tonumber(ARGV[1])
if map.state == 2 and state ~= 2 then fail('ENDED the sale has ended for good') end
if map.state ~= state then map.state, map.version = state, map.version + 1 end
-- Also where nothing changes: who waits for replicas waits for the first writing, too.
redis.call('HSET', MAP, 'state', number(state), 'version', number(map.version))
return reply_map()
