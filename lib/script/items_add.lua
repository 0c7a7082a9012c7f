#!lua
-- prelude: base.lua
-- Adds an item to its activity's list.
--
-- KEYS   1: the items of the activity
-- ARGV   1: the item; 2: how many there may be
-- reply  ''
permit('SADD', KEYS[1], 'm')
if read('SISMEMBER', KEYS[1], ARGV[1]) == 1 then return '' end
if read('SCARD', KEYS[1]) >= tonumber(ARGV[2]) then fail('FULL the activity has ' .. ARGV[2] .. ' items') end
redis.call('SADD', KEYS[1], ARGV[1])
return ''
