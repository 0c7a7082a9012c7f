#!lua flags=no-writes
-- prelude: base.lua
-- Lists the items of an activity.
--
-- KEYS   1: the items of the activity
-- reply  their ids, sorted, each with a newline behind it
read_server()
local items = read('SMEMBERS', KEYS[1])
table.sort(items)
for i, item in ipairs(items) do items[i] = item .. '\n' end
return table.concat(items)
