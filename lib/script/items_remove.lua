#!lua flags=allow-oom
-- prelude: base.lua
-- Takes an item out of its activity's list.
--
-- KEYS   1: the items of the activity
-- ARGV   1: the item
-- reply  ''
permit('SREM', KEYS[1], 'm')
read_server()
redis.call('SREM', KEYS[1], ARGV[1])
return ''
