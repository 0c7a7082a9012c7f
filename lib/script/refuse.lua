#!lua
-- prelude: base.lua
-- prelude: shard.lua
-- prelude: decide.lua
-- prelude: queue.lua
-- Remembers that requests were refused, which stood in a queue of the shop's own, and why.
--
-- ARGV   2: for each request: reservation id c16, quantity I4, created I6, why B (as in records: a status, or 0 for blacklisted)
--        3 ...: the users, one for each request
-- reply  as of enqueue: what was refused now is 'ok' with its record; what stood there before is as reserve says
open()
permit_writes()

-- A clock that is far ahead will still call a request new when what is remembered of it is forgotten.
local function refuse(user, id, quantity, created, reason)
  settle(user)
  local known = records[user]
  local place = find(known, id)
  if place then return answer(decided_before(known, place, quantity)) end
  if now >= created + stock.remember or created + stock.window >= now + stock.remember then return answer('too_old', 0) end
  if not has_room(known) then return answer('busy', 0) end
  answer('ok', 0, remember_refused(user, id, quantity, reason))
end

load_users(ARGV, 3, #ARGV)
for i = 3, #ARGV do
  refuse(ARGV[i], struct.unpack('>c16I4I6B', ARGV[2], (i - 3) * 27 + 1))
end
commit()
return reply_places()
