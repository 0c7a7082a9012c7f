#!lua flags=allow-oom
-- prelude: base.lua
-- prelude: shard.lua
-- prelude: by_id.lua
-- Gives units back after they were confirmed: sold to available, each with an event. The record stays, as refunded.
--
-- ARGV, reply   as by_id.lua says
open()
permit_writes()
permit_events()

local OVER = {
  [RESERVED] = 'conflict', [CANCELLED] = 'cancelled', [EXPIRED] = 'expired', [VOID] = 'expired', [REFUNDED] = 'ok',
}

decide_each(OVER, function(user, at, record)
  if not has_room_for_event() then return answer('busy', 0) end
  stock.sold = stock.sold - record.quantity
  stock.available = stock.available + record.quantity
  stock.refunded = stock.refunded + record.quantity
  freed = true
  record.state, record.since = REFUNDED, now
  add_event(2, user, record, '')
  answer('ok', 0, set(user, at, record))
end)
commit()
return reply_answers()
