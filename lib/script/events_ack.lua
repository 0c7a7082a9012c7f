#!lua flags=allow-oom
-- prelude: base.lua
-- prelude: shard.lua
-- Removes events that the orders side has written, where id and reservation both fit.
--
-- ARGV   2: for each: epoch I8, n I8, reservation id c16
-- reply  how many were removed I4
open()
permit('XDEL', EVENTS, '1-1')
local ids = {}
for at = 1, #ARGV[2], 32 do
  local epoch, n, reservation = struct.unpack('>I8I8c16', ARGV[2], at)
  local id = number(epoch) .. '-' .. number(n)
  local exact = epoch < 9007199254740992 and n < 9007199254740992
  local entry = exact and read('XRANGE', EVENTS, id, id)[1]
  if entry and string.sub(entry[2][2], 2, 17) == reservation then ids[#ids + 1] = id end
end
local removed = #ids > 0 and redis.call('XDEL', EVENTS, unpack(ids)) or 0
return header() .. struct.pack('>I4', removed)
