#!lua flags=allow-oom
-- prelude: base.lua
-- prelude: shard.lua
-- prelude: transfers.lua
-- prelude: supply.lua
-- prelude: decide.lua
-- prelude: queue.lua
-- Decides the next requests of the queue, in order, and moves on in the same step; then hands out those that follow.
-- Also without memory: what fills it may be the queue, and only deciding empties it; the records that it adds are bounded by the
-- units, and for each blacklisted user by UNSETTLED_MAX.
--
-- ARGV   2: as supply.lua says
--        3: the first request that was screened: epoch I8, n I8; the last one, of the same epoch: n I8; n 0: none was
--           the n that the first verdict is about: I8; how many to hand out: I4
--        4: verdicts: one byte for each request screened; not 0: it is blacklisted
-- reply  decided I4, granted I4, refused I4, blacklisted I4, why it stopped B (a status; 0: it did not), units that the next one
--        needs I4, where it stopped for them; progress: decided I8, enqueued I8; the next request: epoch I8, n I8 (0: there is none); those handed out:
--        count I4; for each: epoch I8, n I8, reservation id c16, quantity I4, since I6, size of the user B, user
open()
local from_epoch, from_n, to_n, verdicts_n, max = struct.unpack('>I8I8I8I8I4', ARGV[3])
local verdicts = ARGV[4]
-- Who only looks changes nothing, and many look at queues that are empty.
local is_look = from_n == 0
permit_touch()
if not is_look then
  permit_writes()
  permit_queue()
  take_supply()
end
local sale_status = sale()
local counts = { decided = 0, granted = 0, refused = 0, blacklisted = 0 }
local upcoming = next_request()

local function count(what)
  counts.decided = counts.decided + 1
  counts[what] = counts[what] + 1
end

-- The requests from the next one to the last that was screened. None, if the next one is not the first that was.
local function take_screened()
  local batch = {}
  if is_look or not upcoming or upcoming.epoch ~= from_epoch or upcoming.n ~= from_n then return batch end
  while upcoming and #batch < BATCH_MAX do
    if upcoming.epoch ~= from_epoch or upcoming.n > to_n then break end
    batch[#batch + 1] = upcoming
    upcoming = next_request()
  end
  return batch
end

local function is_blacklisted(request)
  return (string.byte(verdicts, request.n - verdicts_n + 1) or 0) ~= 0
end

-- Remembered, where the user has room for it, so that tickets say why.
local function blacklist(user, request)
  local _, unsettled, records_count = tally(records[user])
  if records_count >= RECORDS_MAX or unsettled >= UNSETTLED_MAX then return end
  set(user, #records[user] + 1, {
    id = request.id, state = BLACKLISTED, quantity = request.quantity, price = 0, since = now, ends = memory_ends(), grace = 0,
  })
end

-- Decides one; or says why it must wait, and all behind it.
local function decide(request)
  local user, quantity = request.user, request.quantity
  settle(user)
  if find(records[user], request.id) then return nil end
  -- Its id might have been granted and forgotten meanwhile.
  if now >= request.since + stock.remember or sale_status == 'ended' then return count('refused') end
  if is_blacklisted(request) then
    blacklist(user, request)
    return count('blacklisted')
  end
  if refuse_for_user(records[user], quantity) then return count('refused') end
  local short = refuse_for_stock(quantity)
  -- What was proven does not say what is overdue: where more of that is left, the next run looks at it first.
  if short == 'again' or (short and not (is_proven(quantity) and request.n <= proof.enqueued)) then return short, quantity end
  if short then return count('refused') end
  grant(user, request.id, quantity)
  count('granted')
end

-- Decides as many as it can; why it stopped.
local function decide_each(batch)
  local users = {}
  for i, request in ipairs(batch) do users[i] = request.user end
  load_users(users, 1, #users)
  for i, request in ipairs(batch) do
    local stop, needs = decide(request)
    if stop then return stop, i - 1, needs end
  end
  return nil, #batch, 0
end

local function trim(last)
  local keep = last.is_last and number(last.epoch) .. '-' .. number(last.n + 1) or last.entry
  redis.call('XTRIM', QUEUE, 'MINID', keep)
end

local batch = take_screened()
local stop, done, needs
if #batch > 0 and (sale_status == 'not_started' or sale_status == 'paused') then
  stop, done, needs = sale_status, 0, 0
else
  stop, done, needs = decide_each(batch)
end
if done > 0 then stock.decided = batch[done].n end

-- what is handed out: what was screened and still waits, then what comes behind it. Before the first write: it may be damaged --
local out, first = {}, nil

-- Of one epoch: within it, n names the same request on every server that may go on from a copy of this one's data.
local function hand_out(request)
  first = first or request
  if #out >= max or request.epoch ~= first.epoch then return false end
  out[#out + 1] = struct.pack('>I8I8', request.epoch, request.n)
    .. struct.pack(REQUEST, request.id, request.quantity, request.since, #request.user) .. request.user
  return true
end

for i = done + 1, #batch do hand_out(batch[i]) end
while upcoming and hand_out(upcoming) do upcoming = next_request() end
first = first or { epoch = 0, n = 0 }

if is_look then touch() else commit() end
write_transfers()
if done > 0 then trim(batch[done]) end
return header() .. struct.pack('>I4I4I4I4BI4', counts.decided, counts.granted, counts.refused, counts.blacklisted,
  stop and STATUS[stop] or 0, needs) .. progress() .. struct.pack('>I8I8I4', first.epoch, first.n, #out)
  .. table.concat(out)
