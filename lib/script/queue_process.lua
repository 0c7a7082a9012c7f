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
-- reply  decided I4, granted I4, refused I4, blacklisted I4, why it stopped B (a status; 0: it did not), units that the next
--        one needs I4, where it stopped for them; progress: decided I8, enqueued I8; the next request: epoch I8, n I8 (0: there is
--        none); those handed out, it and what follows it: count I4, then they as entries hold them
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

-- Of what stands in an entry, all up to its n-th request is decided.
local function trim(entry, epoch, n, is_last)
  redis.call('XTRIM', QUEUE, 'MINID', is_last and number(epoch) .. '-' .. number(n + 1) or entry)
end

local function reply(stop, needs, epoch, n, handed_out, out)
  local done = struct.pack('>I4I4I4I4BI4', counts.decided, counts.granted, counts.refused, counts.blacklisted,
    stop and STATUS[stop] or 0, needs)
  return table.concat({ header(), done, progress(), struct.pack('>I8I8I4', epoch, n, handed_out), unpack(out) })
end

-- one request --------------------------------------------------------------------------------------------------------------
local function count(what)
  counts.decided = counts.decided + 1
  counts[what] = counts[what] + 1
end

local function is_blacklisted(n)
  return (string.byte(verdicts, n - verdicts_n + 1) or 0) ~= 0
end

-- Remembered, where the user has room for it, so that tickets say why.
local function blacklist(user, request)
  if has_room(records[user]) then remember_refused(user, request.id, request.quantity, 0) end
end

-- Decides one; or says why it must wait, and all behind it.
local function decide(request)
  local user, quantity = request.user, request.quantity
  settle(user)
  if find(records[user], request.id) then return nil end
  -- Its id might have been granted and forgotten meanwhile.
  if now >= request.since + stock.remember or sale_status == 'ended' then return count('refused') end
  if is_blacklisted(request.n) then
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

-- the way that nearly every batch takes: most have no record, and each can have what he asks for, or it is proven that he cannot
-- The reply; nil: it goes the other way, and nothing is done. A function, because a chunk has no room for so many locals.
local function decide_all()
  local new_records, new_members = {}, {} -- for HSET: users and records in turn; for ZADD: lists of what a member consists of
  local granted, refused, units = 0, 0, 0
  local odd = {} -- the requests that are to be looked at singly
  local nothing_due

  local function is_refused(quantity, n)
    if nothing_due == nil then
      nothing_due = not expiring or #read('ZRANGEBYSCORE', EXPIRATIONS, '-inf', number(now), 'LIMIT', 0, 1) == 0
    end
    return nothing_due and quantity > stock.available and is_proven(quantity) and n <= proof.enqueued
  end

  local sizes, member, member_size = {}, nil, MEMBER_MAX
  local function note_grant(user, id, quantity)
    granted, units = granted + 1, units + quantity
    new_records[2 * granted - 1] = user
    new_records[2 * granted] = id .. (record_ends[quantity] or record_end_of(quantity))
    if member_size == MEMBER_MAX then
      member, member_size = { struct.pack('>I6', now + stock.hold) }, 0
      new_members[#new_members + 1] = member
    end
    sizes[#user] = sizes[#user] or string.char(#user)
    member_size = member_size + 1
    member[2 * member_size], member[2 * member_size + 1] = sizes[#user], user
  end

  -- All that these texts say, and the users of them.
  local function unpack_texts(texts)
    local all, users, formats, count = {}, {}, {}, 0
    for k, from in ipairs(texts) do
      formats[from.count] = formats[from.count] or '>' .. string.rep('c16I4I6Bc0', from.count)
      all[k] = { struct.unpack(formats[from.count], from.text) }
      for i = 4, 4 * from.count, 4 do users[count + i / 4] = all[k][i] end
      count = count + from.count
    end
    return all, users
  end

  -- Notes what becomes of the requests of these texts. False: they do not go this way.
  local function note_decisions(texts)
    local all, users = unpack_texts(texts)
    local known = users_with_records(users)
    local any_bad = verdicts ~= string.rep('\0', #verdicts)
    local limit, oldest, available, total, n = stock.limit, now - stock.remember, stock.available, 0, from_n - 1
    for _, values in ipairs(all) do
      for i = 4, #values - 1, 4 do
        local user, quantity = values[i], values[i - 2]
        n, total = n + 1, total + quantity
        if known[user] or quantity > limit or values[i - 1] <= oldest or (any_bad and is_blacklisted(n)) then
          odd[#odd + 1] = { n = n, id = values[i - 3], quantity = quantity, since = values[i - 1], user = user }
          known[user] = known[user] or true -- what else he asks comes behind it
        elseif units + quantity <= available then
          note_grant(user, values[i - 3], quantity)
          known[user] = granted
        else
          if not is_refused(quantity, n) then return false end
          refused = refused + 1
          known[user] = true
        end
      end
    end
    -- Where all can be served, or nobody can, it makes no difference that the odd ones come last.
    if total <= available then return known end
    for _, request in ipairs(odd) do
      if granted > 0 or not is_refused(request.quantity, request.n) then return false end
    end
    return known
  end

  local function decide_odd(known)
    local users = {}
    for i, request in ipairs(odd) do users[i] = request.user end
    load_users(users, 1, #users)
    for _, user in ipairs(users) do
      if type(known[user]) == 'number' then records[user] = new_records[2 * known[user]] end
    end
    for _, request in ipairs(odd) do
      if decide(request) then fail('ERR a request has to wait that cannot (' .. QUEUE .. ')') end
    end
  end

  local function write_grants()
    local ends = number(now + stock.hold)
    if granted > 0 then redis.call('HSET', USERS, unpack(new_records)) end
    for _, member in ipairs(new_members) do redis.call('ZADD', EXPIRATIONS, ends, table.concat(member)) end
  end

  -- What was screened, in texts, and what is known of its users; nil: it goes the other way.
  local function take_decided()
    if is_look then
      rewind('+', math.ceil(max / ENTRY_MAX) + 1)
      from_epoch, to_n = next_entry() and entry_epoch or 0, stock.decided
      return {}, {}
    end
    if from_n ~= stock.decided + 1 or to_n >= from_n + BATCH_MAX or to_n > stock.enqueued or sale_status ~= 'ok'
      or is_counting() then return nil end
    rewind(number(from_epoch) .. '-' .. number(to_n + max), 64)
    local texts = take_texts(from_epoch, from_n, to_n)
    return texts, texts and note_decisions(texts)
  end

  local function go_on()
    local texts, known = take_decided()
    if not known or max == 0 then return nil end
    local last, next_n = math.min(to_n + max, stock.enqueued), to_n + 1
    local out = take_texts(from_epoch, next_n, last)
    if not out or (last == stock.enqueued and not is_at_end()) then return nil end
    if is_look then
      touch()
    else
      counts.decided, counts.granted, counts.refused = granted + refused, granted, refused
      stock.available, stock.reserved = stock.available - units, stock.reserved + units
      if #odd > 0 then decide_odd(known) end
      stock.decided = to_n
      write_grants()
      commit()
      write_transfers()
      trim(texts[#texts].entry, from_epoch, to_n, texts[#texts].is_last)
    end
    for i, from in ipairs(out) do out[i] = from.text end
    if next_n > stock.enqueued then return reply(nil, 0, 0, 0, 0, out) end
    return reply(nil, 0, from_epoch, next_n, last - to_n, out)
  end

  return go_on()
end

-- one by one ------------------------------------------------------------------------------------------------------------------
local function decide_singly()
  rewind('+', 16)
  local upcoming = next_request()

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

  local batch = take_screened()
  local stop, done, needs
  if #batch > 0 and (sale_status == 'not_started' or sale_status == 'paused') then
    stop, done, needs = sale_status, 0, 0
  else
    stop, done, needs = decide_each(batch)
  end
  if done > 0 then stock.decided = batch[done].n end

  -- What is handed out: what was screened and still waits, then what comes behind it. Before the first write: it may be damaged.
  local out, first = {}, nil

  -- Of one epoch: within it, n names the same request on every server that may go on from a copy of this one's data.
  local function hand_out(request)
    first = first or request
    if #out >= max or request.epoch ~= first.epoch then return false end
    out[#out + 1] = struct.pack(REQUEST, request.id, request.quantity, request.since, #request.user) .. request.user
    return true
  end

  for i = done + 1, #batch do hand_out(batch[i]) end
  while upcoming and hand_out(upcoming) do upcoming = next_request() end
  first = first or { epoch = 0, n = 0 }

  if is_look then touch() else commit() end
  write_transfers()
  if done > 0 then trim(batch[done].entry, from_epoch, batch[done].n, batch[done].is_last) end
  return reply(stop, needs, first.epoch, first.n, #out, out)
end

return decide_all() or decide_singly()
