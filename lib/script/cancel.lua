#!lua flags=allow-oom
-- prelude: base.lua
-- prelude: shard.lua
-- prelude: by_id.lua
-- Gives units back before they are confirmed: reserved to available.
--
-- ARGV, reply   as by_id.lua says
open()
permit_writes()

local OVER = { [SOLD] = 'sold', [CANCELLED] = 'ok', [EXPIRED] = 'expired', [VOID] = 'expired', [REFUNDED] = 'refunded' }

decide_each(OVER, function(user, at, record)
  answer('ok', 0, release(user, at, record, CANCELLED, 'cancelled'))
end)
commit()
return reply_answers()
