#!lua
-- prelude: base.lua
-- prelude: map.lua
-- Stores the plan of a load or a withdrawal before any shard is touched, once for each operation id.
--
-- ARGV   1: operation id; 2: units, negative to withdraw; 3: units for each shard, i8 each
-- reply  the units for each shard as they were first planned, i8 each
permit('HSET', MAP, 'f', 'v')
if not read_map() then return '' end
local OPERATIONS_MAX = SECKILL_OPERATIONS_MAX
local field, units = 'op:' .. ARGV[1], tonumber(ARGV[2])

-- A plan is 'p' (in progress) or 'd' (done), the units i8, and those of each shard.
local stored = read('HGET', MAP, field)
if stored and #stored ~= 9 + #ARGV[3] then fail('DAMAGED field ' .. field .. ' (' .. MAP .. ')') end
if stored then
  if struct.unpack('>i8', stored, 2) ~= units then fail('CONFLICT this operation id was used for something else') end
  redis.call('HSET', MAP, field, stored) -- so that who waits for replicas waits for the first writing, too
  return string.sub(stored, 10)
end
local totals = read('HMGET', MAP, 'operations', 'planned')
local operations, planned = tonumber(totals[1] or 0) + 1, tonumber(totals[2] or 0) + math.max(units, 0)
if operations > OPERATIONS_MAX then fail('FULL the item has ' .. OPERATIONS_MAX .. ' operations') end
if planned >= 9007199254740992 then fail('RANGE the units of an item stay under 2^53') end
redis.call('HSET', MAP, field, 'p' .. struct.pack('>i8', units) .. ARGV[3], 'operations', number(operations),
  'planned', number(planned))
return ARGV[3]
