#!lua flags=allow-oom
-- prelude: base.lua
-- prelude: shard.lua
-- prelude: transfers.lua
-- What a shard has, after it took back what is overdue, and what it has sent to others and taken from them.
--
-- ARGV   2: what others have sent and is to be taken first: for each, the other shard I2, the total I8
-- reply  epoch I8, version I8, available i8, last request of its queue I8, whether more is overdue B, how many others I2; for each:
--        the other shard I2, sent I8, taken I8
open()
permit_writes()
take(ARGV[2], 1)
each_row(function(field, stored_totals)
  local other = parse_other(field)
  totals[other] = totals[other] or parse_totals(stored_totals)
end)
local more = reclaim()
local out, count = {}, 0
for other, row in pairs(totals) do
  count = count + 1
  out[count] = struct.pack('>I2I8I8', other, row.sent, row.taken)
end
commit()
write_transfers()
return header() .. struct.pack('>I8I8i8I8BI2', stock.epoch, stock.version, stock.available, stock.enqueued, more and 1 or 0, count)
  .. table.concat(out)
