#!lua
-- prelude: base.lua
-- prelude: shard.lua
-- Loads units into a shard, or withdraws available ones, once for each operation id.
--
-- ARGV   2: the operation id; 3: the units, negative to withdraw at most that many
-- reply  the units that this operation loaded (negative: withdrew), now or before, i8
open()
permit_writes()
permit_touch()
local field, units = 'op:' .. ARGV[2], tonumber(ARGV[3])
local done = read('HGET', STOCK, field)
if done and not tonumber(done) then fail('DAMAGED field ' .. field .. ' is no number (' .. STOCK .. ')') end
if done then
  touch()
  return header() .. struct.pack('>i8', tonumber(done))
end

if units < 0 then
  if stock.available < -units and reclaim() and stock.available < -units then
    commit() -- what came back stays back: the next run goes on from here
    fail('AGAIN more is overdue')
  end
  units = -math.min(math.max(stock.available, 0), -units)
elseif stock.loaded + units >= 9007199254740992 then
  fail('RANGE the stock of a shard stays under 2^53 (' .. STOCK .. ')')
end
stock.loaded = stock.loaded + units
stock.available = stock.available + units
freed = freed or units > 0
commit({ field, number(units) })
return header() .. struct.pack('>i8', units)
