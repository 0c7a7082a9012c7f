-- prelude: base.lua
-- prelude: shard.lua
-- prelude: decide.lua
-- prelude: queue.lua
-- Says what has become of tickets' requests.
--
-- ARGV   2: for each ticket: reservation id c16, quantity I4, epoch I8, n I8, since I6
--        3 ...: the users, one for each ticket
-- reply  as of enqueue; refused requests have the flag for it and the reason as their status; 'lost': enqueue it again
-- A ticket with epoch and n 0 stands in a queue of the shop's own.
open()
permit_touch()

-- Refusals are not remembered: as things stand now. The queue refuses for stock only where it does not for the user.
local function reason(known, quantity)
  local refused = refuse_for_user(known, quantity)
  if refused then return refused end
  if stock.available >= quantity and sale() == 'ended' then return 'ended' end
  return stock.available > 0 and stock.available < quantity and 'not_enough' or 'sold_out'
end

-- Of one in the shop's queue nothing else is known. Where its user has no room, that it is refused could not be remembered.
local function poll_outside(known, quantity, since)
  if not has_room(known) then return answer(refuse_for_user(known, quantity), DECIDED) end
  answer_queued(0, 0, since)
end

-- The record comes first: whatever the queue says, a grant stands.
local function poll(user, id, quantity, epoch, n, since)
  settle(user)
  local known = records[user]
  local place = find(known, id)
  if place then
    local status, flags, record = decided_before(known, place, quantity)
    return answer(status, record and flags or DECIDED, record)
  end
  -- From here on a record might have been there, and be forgotten.
  if now >= since + stock.remember then return answer('too_old', 0) end
  if n == 0 then return poll_outside(known, quantity, since) end
  local waits = n > stock.decided and n <= stock.enqueued
  if waits and (epoch == stock.epoch or stands(epoch, n, id)) then return answer_queued(epoch, n, since) end
  if epoch == stock.epoch and n <= stock.decided then return answer(reason(known, quantity), DECIDED) end
  answer('lost', 0)
end

load_users(ARGV, 3, #ARGV)
for i = 3, #ARGV do
  poll(ARGV[i], struct.unpack('>c16I4I8I8I6', ARGV[2], (i - 3) * 42 + 1))
end
touch()
return reply_places()
