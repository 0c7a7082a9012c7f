#!lua
-- prelude: base.lua
-- prelude: shard.lua
-- Takes units for users: available to reserved.
--
-- ARGV   2: for each request: reservation id c16, quantity I4, created I6
--        3 ...: the users, one for each request
-- reply  for each request: status B, flags B; then the records of those whose flags say so
open()
permit_writes()
local sale_status = sale()

local function refuse_for_stock(quantity)
  if stock.available >= quantity then return nil end
  if reclaim() and stock.available < quantity then return 'again' end
  if stock.available >= quantity then return nil end
  return stock.available == 0 and 'sold_out' or 'not_enough'
end

-- A request that was created long ago, or that a clock far ahead will still call new when its id is forgotten.
local function is_too_old(created)
  return created + stock.window < now or created + stock.window > now + stock.remember
end

-- Why a new request cannot be served; nil: it can.
local function refusal(user, quantity, created)
  if is_too_old(created) then return 'too_old' end
  if sale_status ~= 'ok' then return sale_status end
  local held, unsettled, count = tally(records[user])
  -- Sold and refunded records stay: with so many of them asking again would never help.
  if count - unsettled >= RECORDS_MAX then return 'limit_reached' end
  if count >= RECORDS_MAX or unsettled >= UNSETTLED_MAX then return 'busy' end
  if held + quantity > stock.limit then return 'limit_reached' end
  return refuse_for_stock(quantity)
end

local OVER = { [CANCELLED] = 'cancelled', [EXPIRED] = 'expired', [VOID] = 'expired', [REFUNDED] = 'refunded' }

-- The request id is known: the same answer again.
local function replay(text, at, quantity)
  local record = get(text, at)
  if record.quantity ~= quantity then return answer('conflict', 0) end
  answer(OVER[record.state] or 'ok', REPLAYED, string.sub(text, at, at + RECORD_SIZE - 1))
end

-- The path that most requests of a sale take: no tables, one string.
local hold_ends = now + stock.hold
local function grant(user, id, quantity)
  local record = struct.pack(RECORD, id, RESERVED, quantity, stock.price, now, hold_ends, stock.grace)
  stock.available = stock.available - quantity
  stock.reserved = stock.reserved + quantity
  put(user, records[user] .. record)
  schedule(user, hold_ends)
  answer('ok', 0, record)
end

local function reserve(user, id, quantity, created)
  settle(user)
  local text = records[user]
  local at = find(text, id)
  if at then return replay(text, at, quantity) end
  local refused = refusal(user, quantity, created)
  if refused then return answer(refused, 0) end
  grant(user, id, quantity)
end

load_users(ARGV, 3, #ARGV)
for i = 3, #ARGV do
  reserve(ARGV[i], struct.unpack('>c16I4I6', ARGV[2], (i - 3) * 26 + 1))
end
commit()
return reply_answers()
