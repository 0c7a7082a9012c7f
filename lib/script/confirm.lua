#!lua flags=allow-oom
-- prelude: base.lua
-- prelude: shard.lua
-- prelude: transfers.lua
-- prelude: supply.lua
-- Settles reservations: reserved to sold, each with an event.
--
-- ARGV   2: as supply.lua says; 3: for each token: reservation id c16, quantity I4, price I7, end of the token I6, flags B: 1 the
--           proof holds for it, 2 its order stands
--        4 ...: the users, then the order references, one of each for each token
-- reply  for each token: status B, flags B; then the records of those whose flags say so. 'short': the shard has not the units to
--        take them again, and whether others have is not proven
local PROVEN, ORDERED = 1, 2
open()
permit_writes()
permit_events()
take_supply()

local function sell(user, at, record, order_ref)
  stock.sold = stock.sold + record.quantity
  record.state, record.since, record.ends = SOLD, now, 0
  add_event(1, user, record, order_ref)
  answer('ok', 0, set(user, at, record))
end

-- 'Expired' is an answer that the shop acts on (it voids the payment): from then on it stays so, even if units come back.
local function void(user, at, record, valid_until)
  record.state, record.since = VOID, now
  record.ends = math.max(memory_ends(), valid_until + 1)
  answer('expired', 0, set(user, at, record))
end

-- The hold is over, or a failover lost the record: take the units again, where the sale is on, and limit and stock allow.
local function confirm_late(user, at, record, valid_until, order_ref, flags)
  local is_known = at <= #records[user]
  if now > valid_until and not is_known then return answer('expired', 0) end
  if now > valid_until then return void(user, at, record, valid_until) end
  local sale_status = sale()
  if sale_status == 'paused' or sale_status == 'not_started' then return answer(sale_status, 0) end
  if not is_known and #records[user] >= RECORDS_MAX * RECORD_SIZE then return answer('busy', 0) end
  if sale_status ~= 'ok' or tally(records[user]) + record.quantity > stock.limit then
    return void(user, at, record, valid_until)
  end
  if stock.available < record.quantity and reclaim() and stock.available < record.quantity then return answer('again', 0) end
  if stock.available < record.quantity then
    if flags ~= PROVEN or not is_proven(record.quantity) then return answer('short', 0) end
    return void(user, at, record, valid_until)
  end
  stock.available = stock.available - record.quantity
  sell(user, at, record, order_ref)
end

-- The orders side has written the order, and a failover has lost what it was made from. The order stands, whatever limit, stock
-- and time say; where its units are gone they are owed. It needs no event.
local function restore(user, at, record, price)
  if record.state == RESERVED then
    stock.reserved = stock.reserved - record.quantity
  else
    stock.available = stock.available - record.quantity
  end
  stock.sold = stock.sold + record.quantity
  if record.state == REFUSED then record.price = price end -- it was never priced
  record.state, record.since, record.ends = SOLD, now, 0
  answer('ok', 0, set(user, at, record))
end

local function confirm_reserved(user, at, record, order_ref)
  stock.reserved = stock.reserved - record.quantity
  sell(user, at, record, order_ref)
end

local OVER = { [CANCELLED] = 'cancelled', [VOID] = 'expired', [REFUNDED] = 'refunded' }

local function confirm(user, order_ref, id, quantity, price, valid_until, flags)
  settle(user)
  local text = records[user]
  local at = find(text, id)
  local record = at and get(text, at) or { id = id, state = EXPIRED, quantity = quantity, price = price, grace = 0 }
  local stored = at and string.sub(text, at, at + RECORD_SIZE - 1)
  if record.quantity ~= quantity then return answer('conflict', 0) end
  if record.state == SOLD then return answer('ok', REPLAYED, stored) end
  if flags == ORDERED and record.state ~= REFUNDED then
    if not at and #text >= RECORDS_MAX * RECORD_SIZE then return answer('busy', 0) end
    return restore(user, at or #text + 1, record, price)
  end
  local refused = record.state == REFUSED and reason_of(record)
  if refused == 'blacklisted' then return answer(refused, REPLAYED, stored) end
  -- There is a token, so it was granted once: a failover lost that, and when it was asked for again there was no unit.
  if refused then record.state, record.price = EXPIRED, price end
  if OVER[record.state] then return answer(OVER[record.state], REPLAYED, stored) end
  if not has_room_for_event() then return answer('busy', 0) end
  if record.state == RESERVED then return confirm_reserved(user, at, record, order_ref) end
  confirm_late(user, at or #text + 1, record, valid_until, order_ref, flags)
end

local count = (#ARGV - 3) / 2
load_users(ARGV, 4, 3 + count)
for i = 1, count do
  confirm(ARGV[3 + i], ARGV[3 + count + i], struct.unpack('>c16I4I7I6B', ARGV[3], (i - 1) * 34 + 1))
end
commit()
write_transfers()
return reply_answers()
