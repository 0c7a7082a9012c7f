#!lua flags=allow-oom
-- prelude: base.lua
-- prelude: shard.lua
-- prelude: transfers.lua
-- prelude: scan.lua
-- A step of the audit: counts the records of the next users, and at the end of the walk holds them against the counters. Each of
-- these is proven by what it counts: loaded by the operations, taken and sent by the transfers, reserved, sold and refunded by the
-- records; available is what is left.
-- Also without memory: what it writes was there before, but for the entries that a repair adds.
--
-- ARGV   2: the generation I8 and the epoch I8 that the walk belongs to (0: to none), users I4 at least to be read where there are
--           so many, flags B: 1 repair, 2 also where more units become available by it
--        3: the cursor
-- reply  generation I8, epoch I8, the state of the walk B: 0 it goes on, 1 it begins, of this generation and epoch (and nothing
--        follows), 2 it is complete; then as scan.lua says; then for each record B: 1 no entry in :expirations at its end, 2 it never
--        ends, and 4 more where that was repaired; where it is complete: whether what was found is repaired B, and for each name of
--        AUDITED what the counter said too much and what it is now, i8 each
open()
permit_writes()
permit_transfers()
local GOES_ON, BEGINS, COMPLETE = 0, 1, 2
local NO_ENTRY, NO_END, MENDED = 1, 2, 4
local MEMBERS_READ_MAX, ABANDONED_MS = 64, 2000
local generation, epoch, max, wishes = struct.unpack('>I8I8I4B', ARGV[2])
local REPAIR, GIVE_BACK = 1, 2
local repairs = wishes % 2 == REPAIR

-- The audit's flags. What was wished for while it counted is done by whoever completes it, and one damaged record is enough for
-- nothing to be proven.
local REPAIRED, DOUBTFUL, TO_REPAIR, TO_GIVE_BACK = 2, 4, 8, 16

local function has(flag)
  return math.floor(audit.flags / flag) % 2 == 1
end

local function raise(flag)
  if has(flag) then return end
  audit.flags, audit.changed = audit.flags + flag, true
end

local function count_anew()
  stamp_with(audit.generation + 1)
  audit.flags, audit.changed = COUNTING, true
  for _, name in ipairs(AUDITED) do audit[name] = 0 end
end

-- Two who reconcile at the same time count one generation together; the first to complete it has done it for both. One whose last
-- step was long ago has counted what may be gone since: it is given up. A walk begins in a step of its own: so those that count
-- and compare know their generation, and can be repeated.
local function begin()
  if not is_counting() or now >= audit.at + ABANDONED_MS then count_anew() end
end

local function reply_state(state, ...)
  return header() .. struct.pack('>I8I8B', audit.generation, stock.epoch, state) .. table.concat({ ... })
end

local function reply_begins()
  audit.at, audit.changed = now, true
  write_stock()
  return reply_state(BEGINS)
end

if generation ~= audit.generation or epoch ~= stock.epoch then
  begin()
  return reply_begins()
end

-- records against :expirations -------------------------------------------------------------------------------------------------
local members_at = {} -- time -> the members with that score

-- Whether a member names a user: his name may also stand across two others.
local function is_named(member, sized_user)
  local found, at = string.find(member, sized_user, 7, true), 7
  while found do
    while at < found do at = at + 1 + string.byte(member, at) end
    if at == found then return true end
    found = string.find(member, sized_user, found + 1, true)
  end
  return false
end

local function has_entry(user, ends)
  local members = members_at[ends]
  if not members then
    members = read('ZRANGEBYSCORE', EXPIRATIONS, number(ends), number(ends), 'LIMIT', 0, MEMBERS_READ_MAX)
    members_at[ends] = members
  end
  local sized_user = string.char(#user) .. user
  for _, member in ipairs(members) do
    if is_named(member, sized_user) then return true end
  end
  return #members == MEMBERS_READ_MAX -- too many to look through: nothing is proven
end

-- Units or an id without an end would be kept for ever: a reservation gets a whole hold, an id its memory, from now.
local function end_it(user, at)
  local record = get(records[user], at)
  record.ends = record.state == RESERVED and now + stock.hold or memory_ends()
  set(user, at, record)
end

local function mark(user, at)
  local _, state, _, _, _, ends = struct.unpack(RECORD, records[user], at)
  state = state % STATES
  if state == SOLD or state == REFUNDED then return 0 end
  if ends > 0 and has_entry(user, ends) then return 0 end
  local what = ends > 0 and NO_ENTRY or NO_END
  if not repairs then return what end
  if ends > 0 then schedule(user, ends) else end_it(user, at) end
  return what + MENDED
end

-- Of the very first walk only the second one is held against anything (see below): it mends, and it tells.
local is_rehearsal = is_counting() and audit.generation == 1
local marks = {}
local function look_at(user)
  local is_whole = are_records(records[user])
  if not is_whole then raise(DOUBTFUL) end
  for at = 1, #records[user], RECORD_SIZE do
    marks[#marks + 1] = string.char(is_whole and not is_rehearsal and mark(user, at) or 0)
  end
  if is_counting() and not is_stamped(stored[user]) then put(user, records[user]) end
end

walk_on(ARGV[3], max)
for _, user in ipairs(walk.users) do
  if records[user] then look_at(user) else raise(DOUBTFUL) end
end
if is_counting() and repairs then raise(TO_REPAIR) end
if is_counting() and repairs and wishes >= GIVE_BACK then raise(TO_GIVE_BACK) end

-- counters against what they count ---------------------------------------------------------------------------------------------
local is_complete = walk.cursor == '0'
local proven = { loaded = 0, taken = 0, sent = 0 }

local function add_operations()
  local fields = read('HGETALL', STOCK)
  for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, 3) == 'op:' then
      local units = string.match(fields[i + 1], '^-?%d+$') and tonumber(fields[i + 1])
      if not units or math.abs(units) >= NUMBER_END then
        fail('DAMAGED field ' .. fields[i] .. ' is no number (' .. STOCK .. ')')
      end
      proven.loaded = proven.loaded + units
    end
  end
end

local function add_transfers()
  each_row(function(_, stored_totals)
    local row = parse_totals(stored_totals)
    proven.taken, proven.sent = proven.taken + row.taken, proven.sent + row.sent
  end)
end

local function compare()
  for _, name in ipairs({ 'reserved', 'sold', 'refunded' }) do proven[name] = audit[name] end
  proven.available = proven.loaded + proven.taken - proven.sent - proven.reserved - proven.sold
  local differs = false
  for _, name in ipairs(AUDITED) do
    audit[name] = stock[name] - proven[name]
    differs = differs or audit[name] ~= 0
  end
  audit.flags, audit.changed = audit.flags - COUNTING, true
  return differs
end

-- Units that become available are sold: that a record which is missing was never sold is not known here.
local function may_repair()
  return has(TO_REPAIR) and not has(DOUBTFUL) and (proven.available <= stock.available or has(TO_GIVE_BACK))
end

local function repair()
  freed = true -- available may have risen
  for _, name in ipairs(AUDITED) do stock[name] = proven[name] end
  raise(REPAIRED)
end

local function reply_findings()
  local out = { string.char(has(REPAIRED) and 1 or 0) }
  for _, name in ipairs(AUDITED) do out[#out + 1] = struct.pack('>i8i8', audit[name], stock[name]) end
  return table.concat(out)
end

local reply = reply_walk()
if is_complete then
  add_operations()
  add_transfers()
end
audit.at, audit.changed = now, true
write_users()
write_expirations()
-- What carries the first generation's stamp may carry it from before the field `audit` was lost: the second one counts.
if is_complete and is_counting() and audit.generation == 1 then
  count_anew()
  return reply_begins()
end
if is_complete and is_counting() and compare() and may_repair() then repair() end
write_stock()
if not is_complete then return reply_state(GOES_ON, reply, table.concat(marks)) end
return reply_state(COMPLETE, reply, table.concat(marks), reply_findings())
