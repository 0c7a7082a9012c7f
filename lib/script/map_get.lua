#!lua flags=no-writes
-- prelude: base.lua
-- prelude: map.lua
-- Reads a mapping list.
read_map()
return reply_map()
