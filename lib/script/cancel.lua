#!lua flags=allow-oom
-- prelude: base.lua
-- prelude: shard.lua
-- Gives units back before they are confirmed: reserved to available.
--
-- ARGV   2: the reservation ids, c16 each
--        3 ...: the users, one for each id
-- reply  for each id: status B, flags B; then the records of those whose flags say so
open()
permit_writes()

local OVER = { [SOLD] = 'sold', [CANCELLED] = 'ok', [EXPIRED] = 'expired', [VOID] = 'expired', [REFUNDED] = 'refunded' }

local function cancel(user, id)
  settle(user)
  local text = records[user]
  local at = find(text, id)
  if not at then return answer('no_reservation', 0) end
  local record = get(text, at)
  if OVER[record.state] then
    return answer(OVER[record.state], REPLAYED, string.sub(text, at, at + RECORD_SIZE - 1))
  end
  answer('ok', 0, release(user, at, record, CANCELLED, 'cancelled'))
end

load_users(ARGV, 3, #ARGV)
for i = 3, #ARGV do
  cancel(ARGV[i], string.sub(ARGV[2], (i - 3) * 16 + 1, (i - 2) * 16))
end
commit()
return reply_answers()
