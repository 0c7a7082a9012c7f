#!lua
-- prelude: base.lua
-- prelude: shard.lua
-- prelude: decide.lua
-- prelude: queue.lua
-- Puts requests into the queue.
--
-- ARGV   2: what the requests have in common: how many I2, whether one of them was lost B, the most units I4, the first and the
--           last of their times I6
--        3: for each what its time is B (0: created, 1: waits since, and was lost); 4: their users: size B, user
--        5 ...: the requests in the same order as entries hold them, ENTRY_MAX in each
-- reply  progress: decided I8, enqueued I8; for each request: status B, flags B; then for each whose flags say so its record,
--        or its place: epoch I8, n I8, since I6. Or, where each has been added with its time: ALIKE B, epoch I8
open()
permit_writes()
permit_queue()
local sale_status = sale()
local count, lost, units, first_time, last_time = struct.unpack('>I2BI4I6I6', ARGV[2])

-- the way that nearly every batch takes: nobody has a record, and each may wait -----------------------------------------------
local function may_all_wait()
  if lost ~= 0 or sale_status ~= 'ok' or is_too_old(first_time) or is_too_old(last_time)
    or units > stock.limit or stock.enqueued - stock.decided + count > stock.max_queue then return false end
  local users = { struct.unpack('>' .. string.rep('Bc0', count), ARGV[4]) }
  users[count + 1] = nil -- where the next would begin
  return next(users_with_records(users)) == nil
end

-- The time to wait counts from when a request was made: then whatever is remembered of its id, on any server, is remembered
-- longer. A clock that is ahead is not believed.
local function not_later(packed)
  local parts, first = {}, 1
  while first <= #packed do
    local time, size = struct.unpack('>I6B', packed, first + 20)
    parts[#parts + 1] = string.sub(packed, first, first + 19)
    parts[#parts + 1] = struct.pack('>I6', math.min(time, now))
    parts[#parts + 1] = string.sub(packed, first + 26, first + 26 + size)
    first = first + REQUEST_SIZE + size
  end
  return table.concat(parts)
end

local function enqueue_all()
  for i = 5, #ARGV do
    write_entry(stock.enqueued + (i - 5) * ENTRY_MAX + 1, last_time > now and not_later(ARGV[i]) or ARGV[i])
  end
  stock.enqueued = stock.enqueued + count
  commit()
  return header() .. progress() .. ALIKE .. struct.pack('>I8', stock.epoch)
end

if may_all_wait() then return enqueue_all() end

-- one by one ------------------------------------------------------------------------------------------------------------------
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

local function enqueue(user, id, quantity, time, again)
  settle(user)
  local known = records[user]
  local place = find(known, id)
  if place then return answer(decided_before(known, place, quantity)) end
  local refused
  if again then refused = refusal_again(time) else refused = refusal(user, quantity, time) end
  if refused then return answer(refused, 0) end
  local since = math.min(time, now)
  answer_queued(stock.epoch, add_request(user, id, quantity, since), since)
end

local users, first = {}, 5
parse_users(ARGV[4], 1, users)
load_users(users, 1, count)
local packed_at = 1
for i, user in ipairs(users) do
  if packed_at > #ARGV[first] then first, packed_at = first + 1, 1 end
  local id, quantity, time = struct.unpack(REQUEST, ARGV[first], packed_at)
  packed_at = packed_at + REQUEST_SIZE + #user
  enqueue(user, id, quantity, time, string.byte(ARGV[3], i) == 1)
end
write_queue()
commit()
return reply_places()
