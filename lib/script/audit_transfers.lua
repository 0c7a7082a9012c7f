#!lua flags=no-writes
-- prelude: base.lua
-- prelude: shard.lua
-- prelude: transfers.lua
-- What a shard has sent to others and taken from them, ever.
--
-- reply  available i8, how many others I2; for each: the other shard I2, sent I8, taken I8
open()
local out = {}
each_row(function(field, stored_totals)
  local row = parse_totals(stored_totals)
  out[#out + 1] = struct.pack('>I2I8I8', parse_other(field), row.sent, row.taken)
end)
return header() .. struct.pack('>i8I2', stock.available, #out) .. table.concat(out)
