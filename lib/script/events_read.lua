-- prelude: base.lua
-- prelude: shard.lua
-- Reads the oldest events that wait.
--
-- ARGV   2: how many at most
-- reply  events that wait I8, count I4; for each: epoch I8, n I8, size I2, the event: kind B, reservation id c16,
--        quantity I4, price I7, at I6, size of the user B, user, size of the order reference B, order reference
open()
permit_touch()
local out = {}
local waiting = read('XLEN', EVENTS)
local entries = read('XRANGE', EVENTS, '-', '+', 'COUNT', ARGV[2])
for _, entry in ipairs(entries) do
  local epoch, n = string.match(entry[1], '^(%d+)-(%d+)$')
  out[#out + 1] = struct.pack('>I8I8I2', tonumber(epoch), tonumber(n), #entry[2][2]) .. entry[2][2]
end
touch()
return header() .. struct.pack('>I8I4', waiting, #entries) .. table.concat(out)
