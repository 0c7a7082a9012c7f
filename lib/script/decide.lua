-- What the scripts share that decide about requests: reserve, and those of the queue. It is put in front of them by the build.

-- A request that was created long ago, or that a clock far ahead will still call new when its id is forgotten.
local function is_too_old(created)
  return created + stock.window < now or created + stock.window >= now + stock.remember
end

-- Whether a user with these records can have another that is not settled.
local function has_room(text)
  local _, unsettled, count = tally(text)
  return count < RECORDS_MAX and unsettled < UNSETTLED_MAX
end

-- Why a user with these records cannot have more; nil: he can.
local function refuse_for_user(text, quantity)
  if text == '' then return quantity > stock.limit and 'limit_reached' or nil end
  local held, unsettled, count = tally(text)
  -- Sold and refunded records stay: with so many of them asking again would never help.
  if count - unsettled >= RECORDS_MAX then return 'limit_reached' end
  if count >= RECORDS_MAX or unsettled >= UNSETTLED_MAX then return 'busy' end
  if held + quantity > stock.limit then return 'limit_reached' end
end

-- Why the shard cannot serve, after it took back what is overdue; nil: it can.
local function refuse_for_stock(quantity)
  if stock.available >= quantity then return nil end
  if reclaim() and stock.available < quantity then return 'again' end
  if stock.available >= quantity then return nil end
  return stock.available <= 0 and 'sold_out' or 'not_enough'
end

local OVER = { [CANCELLED] = 'cancelled', [EXPIRED] = 'expired', [VOID] = 'expired', [REFUNDED] = 'refunded' }

-- The request id is known: what was decided, as answer() takes it.
local function decided_before(text, at, quantity)
  local record = get(text, at)
  if record.quantity ~= quantity then return 'conflict', 0 end
  local over = record.state == REFUSED and reason_of(record) or OVER[record.state]
  return over or 'ok', REPLAYED, string.sub(text, at, at + RECORD_SIZE - 1)
end

-- Remembers that a request was refused; there is room for it. The reason is as in records.
local function remember_refused(user, id, quantity, reason)
  return set(user, #records[user] + 1, {
    id = id, state = REFUSED, quantity = quantity, price = reason, since = now, ends = memory_ends(), grace = 0,
  })
end

-- What stands behind the id in the record of a grant: of two of as many units it is the same.
local record_ends = {}
local function record_end_of(quantity)
  local record_end = record_ends[quantity]
  if not record_end then
    record_end = struct.pack(RECORD_END, RESERVED + stamp, quantity, stock.price, now, now + stock.hold, stock.grace)
    record_ends[quantity] = record_end
  end
  return record_end
end

-- The path that most requests of a sale take: no tables, one string.
local function grant(user, id, quantity)
  local record = id .. record_end_of(quantity)
  stock.available = stock.available - quantity
  stock.reserved = stock.reserved + quantity
  put(user, records[user] .. record)
  schedule(user, now + stock.hold)
  return record
end
