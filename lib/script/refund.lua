#!lua flags=allow-oom
-- prelude: base.lua
-- prelude: shard.lua
-- Gives units back after they were confirmed: sold to available, each with an event. The record stays, as refunded.
--
-- ARGV   2: the reservation ids, c16 each
--        3 ...: the users, one for each id
-- reply  for each id: status B, flags B; then the records of those whose flags say so
open()
permit_writes()
permit('XADD', EVENTS, '1-1', 'e', 'v')
read('XLEN', EVENTS)

local OVER = {
  [RESERVED] = 'conflict', [CANCELLED] = 'cancelled', [EXPIRED] = 'expired', [VOID] = 'expired', [REFUNDED] = 'ok',
}

local function refund(user, id)
  settle(user)
  local text = records[user]
  local at = find(text, id)
  if not at then return answer('no_reservation', 0) end
  local record = get(text, at)
  if OVER[record.state] then
    return answer(OVER[record.state], REPLAYED, string.sub(text, at, at + RECORD_SIZE - 1))
  end
  if not has_room_for_event() then return answer('busy', 0) end
  stock.sold = stock.sold - record.quantity
  stock.available = stock.available + record.quantity
  stock.refunded = stock.refunded + record.quantity
  freed = true
  record.state, record.since = REFUNDED, now
  add_event(2, user, record, '')
  answer('ok', 0, set(user, at, record))
end

load_users(ARGV, 3, #ARGV)
for i = 3, #ARGV do
  refund(ARGV[i], string.sub(ARGV[2], (i - 3) * 16 + 1, (i - 2) * 16))
end
commit()
return reply_answers()
