#!lua flags=no-writes
-- prelude: base.lua
-- prelude: shard.lua
-- Reads the counters of a shard.
--
-- reply  i8 each: loaded, taken, sent, available, reserved, sold, cancelled, expired, refunded, users, events that wait,
--        requests that wait, transfers from here, version, epoch; then whether something is overdue and would be ended now B
open()
local due = expiring and read('ZRANGEBYSCORE', EXPIRATIONS, '-inf', number(now), 'LIMIT', 0, 1)[1]
return header() .. struct.pack('>i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8', stock.loaded, stock.taken, stock.sent, stock.available,
  stock.reserved, stock.sold, stock.cancelled, stock.expired, stock.refunded, read('HLEN', USERS) - 1, read('XLEN', EVENTS),
  stock.enqueued - stock.decided, stock.transfers, stock.version, stock.epoch) .. string.char(due and 1 or 0)
