#!lua
-- prelude: base.lua
-- prelude: shard.lua
-- prelude: decide.lua
-- prelude: queue.lua
-- Puts requests into the queue.
--
-- ARGV   2: for each request: reservation id c16, quantity I4, what the time is B (0: created, 1: waits since, and was lost), time I6
--        3 ...: the users, one for each request
-- reply  progress: decided I8, enqueued I8; for each request: status B, flags B; then for each whose flags say so its record,
--        or its place: epoch I8, n I8, since I6
open()
permit_writes()
permit_queue()
local sale_status = sale()

-- Why a new request may not wait; nil: it may.
local function refusal(user, quantity, created)
  if is_too_old(created) then return 'too_old' end
  if sale_status ~= 'ok' then return sale_status end
  if stock.enqueued - stock.decided >= stock.max_queue then return 'busy' end
  return refuse_for_user(records[user], quantity)
end

-- One that stood in the queue before is promised a decision, unless its id may be forgotten by then. There is room for as many
-- as a server can have lost beside as many new ones: who polls one ticket many times cannot fill its memory.
local function refusal_again(since)
  if now >= since + stock.remember then return 'too_old' end
  if stock.enqueued - stock.decided >= 2 * stock.max_queue then return 'busy' end
end

local function enqueue(user, id, quantity, again, time)
  settle(user)
  local known = records[user]
  local place = find(known, id)
  if place then return answer(decided_before(known, place, quantity)) end
  local refused
  if again == 1 then refused = refusal_again(time) else refused = refusal(user, quantity, time) end
  if refused then return answer(refused, 0) end
  -- Its time to wait counts from when it was made: then whatever is remembered of its id, on any server, is remembered longer.
  local since = math.min(time, now)
  answer_queued(stock.epoch, add_request(user, id, quantity, since), since)
end

load_users(ARGV, 3, #ARGV)
for i = 3, #ARGV do
  enqueue(ARGV[i], struct.unpack('>c16I4BI6', ARGV[2], (i - 3) * 27 + 1))
end
write_queue()
commit()
return reply_places()
