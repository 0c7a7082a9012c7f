#!lua flags=allow-oom
-- prelude: base.lua
-- prelude: shard.lua
-- prelude: transfers.lua
-- Sends units to another shard: they leave here, and are on their way until they are taken there.
--
-- ARGV   2: the other shard I2; the total sent there as the caller saw it I8: where it is more by now nothing is sent, so that a
--           repetition sends nothing twice; units that are of use there at least I8, and at most I8 (0: none are wanted); the total
--           taken there I8
-- reply  the total sent there I8, units sent now I8
open()
permit_writes()
permit_transfers()
local other, known, least, want, taken = struct.unpack('>I2I8I8I8I8', ARGV[2])
if known >= TOTAL_MAX or taken >= TOTAL_MAX then fail('RANGE a total of transfers stays under 2^53 (' .. TRANSFERS .. ')') end
local row = totals_with(other)
local before_sent, units = row.sent, 0

-- More was taken than was sent: a failover lost the sending. It is booked, and where the units are gone they are owed.
if taken > row.sent then
  stock.available = stock.available - (taken - row.sent)
  stock.sent = stock.sent + taken - row.sent
  row.sent = taken
  freed = true -- by what was read some time ago it may be too much, and then that is in transit
end
if want > 0 and row.sent <= known then
  if stock.available < math.max(least, want) then reclaim() end
  -- Half of it, so that few moves do at the end of a sale; all that is wanted, where there is so much.
  if stock.available >= math.max(least, 1) then
    units = math.min(stock.available, math.max(math.ceil(stock.available / 2), want))
    stock.available = stock.available - units
    stock.sent = stock.sent + units
    stock.transfers = stock.transfers + 1
    row.sent = row.sent + units
    freed = true -- units in transit have risen: the version tells whoever counts them
  end
end
if row.sent ~= before_sent then note_moved(other) end
local total = row.sent
commit()
write_transfers()
return header() .. struct.pack('>I8I8', total, units)
