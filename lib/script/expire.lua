#!lua flags=allow-oom
-- prelude: base.lua
-- prelude: shard.lua
-- Ends what is overdue, for at most 512 users.
--
-- reply  reservations ended I4, units that came back I8, whether more is due B, when the next thing ends I6 (0: nothing),
--        epoch I8
open()
permit_writes()
permit('ZRANGE', EXPIRATIONS, '0', '0')
local more = reclaim()
commit()

local next_due = 0
local first = read('ZRANGE', EXPIRATIONS, 0, 0, 'WITHSCORES')
if first[2] and first[2] ~= 'inf' then next_due = tonumber(first[2]) end
if not expiring and next_due > 0 then next_due = math.max(next_due, stock.epoch_start + stock.skew) end
return header() .. struct.pack('>I4I8BI6I8', ended_reservations, ended_units, more and 1 or 0, next_due, stock.epoch)
