-- What every script of a shard shares. It is put in front of each by the build.
--
-- KEYS   the six keys of the shard: stock, users, expirations, transfers, queue, events; every script declares them all
-- ARGV   1: the version of the settings that the client knows I8, the item's seed c16, whether the answer is lasting B; the rest
--           is the script's own
-- reply  one string: 'settings version' I8, 'now' I6, and what the script adds
--
-- The way through a script: open() reads and checks; decisions change only Lua's tables; commit() writes. After its first
-- write nothing can fail, because Redis does not undo.
local STOCK, USERS, EXPIRATIONS, TRANSFERS, QUEUE, EVENTS = unpack(KEYS)
local RESERVED, SOLD, CANCELLED, EXPIRED, REFUNDED, VOID, REFUSED = 1, 2, 3, 4, 5, 6, 7
local STATUS = {
  ok = 0, sold_out = 1, not_enough = 2, limit_reached = 3, not_started = 4, paused = 5, ended = 6, cancelled = 7,
  expired = 8, sold = 9, refunded = 10, no_reservation = 11, too_old = 12, conflict = 13,
  blacklisted = 14, busy = 200, again = 201, lost = 202, short = 203,
}
-- What an answer's flags say; what follows behind all answers is a record, or a place in the queue.
local REPLAYED, WITH_RECORD, QUEUED, DECIDED = 1, 2, 4, 8
-- The limits of the interface stand in base.h; the build puts their numbers here.
local BATCH_MAX, RECORDS_MAX, UNSETTLED_MAX = SECKILL_BATCH_MAX, SECKILL_USER_RECORDS_MAX, SECKILL_USER_UNSETTLED_MAX
local MEMBER_MAX = 64 -- users in one member of :expirations

-- A user's records are one string of 44 bytes each: reservation id, state, quantity, price, since, ends, grace. `ends` is when
-- the state ends by itself: a hold, the memory of a request id; 0 is never. Each record that ends has an entry in :expirations
-- at that time. `grace` is how long past its hold its token stands, as it was at the grant: settings may change meanwhile.
local RECORD, RECORD_SIZE = '>c16BI4I7I6I6I4', 44

local COUNTERS = {
  'loaded', 'available', 'reserved', 'sold', 'taken', 'sent', 'cancelled', 'expired', 'refunded',
  'version', 'epoch', 'epoch_start', 'clock', 'event', 'enqueued', 'decided', 'transfers',
}
local SETTINGS = {
  'settings', 'state', 'price', 'limit', 'start', 'end', 'hold', 'grace', 'window', 'remember', 'skew', 'max_events',
  'max_queue',
}
local stock, before = {}, {}
local stored_seed, stored_run
local now, run, expiring, freed
-- The answer waits for the replicas to have all that it saw. They are asked about what this connection wrote: so that there is
-- something, the script writes, also where it only read.
local lasting

local function read_fields(names)
  local values = read('HMGET', STOCK, unpack(names))
  for i, name in ipairs(names) do
    if not values[i] then fail('DAMAGED no field ' .. name .. ' (' .. STOCK .. ')') end
    stock[name] = tonumber(values[i])
    if not stock[name] or not (stock[name] > -NUMBER_END and stock[name] < NUMBER_END) then
      fail('DAMAGED field ' .. name .. ' is no number (' .. STOCK .. ')')
    end
    before[name] = stock[name]
  end
end

-- One life of the server is an epoch; within it time never goes back. In a new one nothing expires for a while, since the new
-- server's clock may be ahead of the old one's.
local function read_clock()
  local time = read('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  run = is_life(stored_run) and stored_run or read_run()
  if run ~= stored_run then
    stock.epoch = math.max(stock.epoch + 1, now)
    stock.epoch_start = now
    stock.event = 0
  else
    now = math.max(now, stock.clock)
  end
  expiring = now >= stock.epoch_start + stock.skew or stock.epoch_start == 0
end

-- the audit -----------------------------------------------------------------------------------------------------------------
-- Who reconciles begins a generation, walks over all users, and has each user's records added up once: the sums are those of the
-- users whose records carry the generation's stamp. While it counts, every script that writes a user stamps his records and
-- adjusts the sums by the difference; so when all are stamped the sums must be the counters, exactly, while the sale goes on.
-- Then they keep what the counters said too much. When nobody counts all carry the stamp; 0 is nobody's.
-- What is stored in `audit`: the generation, whether it is being counted; then for each name of AUDITED its sum, or what was found.
-- In `audit_step`, which only who reconciles needs: flags, when a step of it ran last.
local AUDIT, AUDIT_SIZE = '>I8Bi7i7i7i7i7i7i7', 58
local AUDIT_STEP, AUDIT_STEP_SIZE = '>BI6', 7
local AUDITED = { 'reserved', 'sold', 'refunded', 'loaded', 'taken', 'sent', 'available' }
local COUNTING = 1 -- the lowest of its flags; the others are audit.lua's own
local audit = { generation = 0, flags = 0, at = 0, changed = false }
local stamp = 0

local function stamp_with(generation)
  audit.generation = generation
  stamp = stamp_of(generation)
end

local function read_audit(stored, step)
  if not stored then return end
  if #stored ~= AUDIT_SIZE then fail('DAMAGED field audit (' .. STOCK .. ')') end
  if step and #step ~= AUDIT_STEP_SIZE then fail('DAMAGED field audit_step (' .. STOCK .. ')') end
  local values = { struct.unpack(AUDIT, stored) }
  stamp_with(values[1])
  audit.flags = values[2]
  if step then audit.flags, audit.at = struct.unpack(AUDIT_STEP, step) end
  for i, name in ipairs(AUDITED) do audit[name] = values[i + 2] end
end

local function packed_audit()
  local values = {}
  for i, name in ipairs(AUDITED) do values[i] = audit[name] or 0 end
  return struct.pack(AUDIT, audit.generation, audit.flags % 2, unpack(values))
end

local function is_counting()
  return audit.flags % 2 == COUNTING
end

local function read_identity()
  local identity = read('HMGET', STOCK, 'layout', 'seed', 'run', 'audit', 'audit_step')
  check_layout(identity[1], STOCK)
  return identity
end

-- That the shard stands as a whole, whatever the age of its settings.
local function check()
  local identity = read_identity()
  local found = read('EXISTS', unpack(KEYS))
  if found == 0 then fail('OLDER no such shard (' .. STOCK .. ')') end
  for _, key in ipairs(found < #KEYS and KEYS or {}) do
    if read('EXISTS', key) == 0 then fail('DAMAGED no such key (' .. key .. ')') end
  end
  if not identity[1] then fail('DAMAGED no field layout (' .. STOCK .. ')') end
  stored_seed, stored_run = identity[2], identity[3]
  if not stored_seed or not stored_run then fail('DAMAGED no field seed or run (' .. STOCK .. ')') end
  read_audit(identity[4], identity[5])
  read_fields(COUNTERS)
  read_fields(SETTINGS)
  if stock.decided > stock.enqueued then fail('DAMAGED field decided is past enqueued (' .. STOCK .. ')') end
end

-- With another seed users have other homes: this client knows an item of the same name that is gone.
local function open()
  check()
  local version, seed, waits = struct.unpack('>I8c16B', ARGV[1])
  lasting = waits == 1
  if stored_seed ~= seed then fail('OLDER another item of this name (' .. STOCK .. ')') end
  if stock.settings < version then fail('OLDER settings (' .. STOCK .. ')') end
  read_clock()
end

-- users, as decided so far ------------------------------------------------------------------------------------------------
local records = {}  -- user -> string of records
local stored = {}   -- the same as they were read, while the audit counts
local changed = {}  -- the users whose records differ from what is stored; a list, and a set by name
local due = {}      -- time -> users for :expirations
local consumed = {} -- members of :expirations that are dealt with
local events = {}   -- packed events to add

local function load_users(list, first, last)
  if last < first then return end
  local values, counting = read('HMGET', USERS, unpack(list, first, last)), is_counting()
  for i, value in ipairs(values) do
    if value and #value % RECORD_SIZE ~= 0 then fail('DAMAGED the records of a user (' .. USERS .. ')') end
    records[list[first + i - 1]] = value or ''
    if counting then stored[list[first + i - 1]] = value or '' end
  end
end

local function put(user, text)
  records[user] = text
  if not changed[user] then
    changed[user] = true
    changed[#changed + 1] = user
  end
end

local function schedule(user, ends)
  local users = due[ends]
  if not users then
    users = {}
    due[ends] = users
  end
  users[#users + 1] = string.char(#user) .. user
end

-- The place of a reservation in a user's records.
local function find(text, id)
  for at = 1, #text, RECORD_SIZE do
    if string.sub(text, at, at + 15) == id then return at end
  end
end

local function get(text, at)
  local id, state, quantity, price, since, ends, grace = struct.unpack(RECORD, text, at)
  return { id = id, state = state % STATES, quantity = quantity, price = price, since = since, ends = ends, grace = grace }
end

-- Writes a record over the one at `at`, or behind the last.
local function set(user, at, record)
  local text = records[user]
  local packed = struct.pack(RECORD, record.id, record.state + stamp, record.quantity, record.price, record.since, record.ends,
    record.grace)
  if record.ends > 0 then schedule(user, record.ends) end
  put(user, string.sub(text, 1, at - 1) .. packed .. string.sub(text, at + RECORD_SIZE))
  return packed
end

-- Until when a request id is remembered that is over now: longer than a request may be old or wait, also by the clock of
-- another server, which may be behind this one.
local function memory_ends()
  return now + stock.remember + stock.skew
end

-- Ends a reservation and remembers its request id: also past the last millisecond of its token, which without a record would
-- pass for one that a failover lost.
local function release(user, at, record, state, counter)
  stock.reserved = stock.reserved - record.quantity
  stock.available = stock.available + record.quantity
  stock[counter] = stock[counter] + record.quantity
  freed = true
  record.state, record.since = state, now
  record.ends = math.max(memory_ends(), record.ends + record.grace + 1)
  return set(user, at, record)
end

local ended_reservations, ended_units = 0, 0

-- Ends what is overdue among a user's records: holds, and remembered request ids.
local function settle(user)
  if not expiring then return end
  local at = 1
  while at <= #records[user] do
    local record = get(records[user], at)
    if record.ends == 0 or record.ends > now then
      at = at + RECORD_SIZE
    elseif record.state == RESERVED then
      ended_reservations = ended_reservations + 1
      ended_units = ended_units + record.quantity
      release(user, at, record, EXPIRED, 'expired')
      at = at + RECORD_SIZE
    else
      put(user, string.sub(records[user], 1, at - 1) .. string.sub(records[user], at + RECORD_SIZE))
    end
  end
end

-- expirations: sorted set of members 'time, users', so that a batch of reservations costs one member for up to 64 users. ---
local function parse_users(packed, at, users)
  while at <= #packed do
    local size = string.byte(packed, at)
    users[#users + 1] = string.sub(packed, at + 1, at + size)
    at = at + 1 + size
  end
end

-- The users of the members that are due, at most BATCH_MAX of them; whether more are.
local function read_due()
  local users, offset = {}, 0
  while true do
    local members = read('ZRANGEBYSCORE', EXPIRATIONS, '-inf', number(now), 'LIMIT', offset, 8)
    for _, member in ipairs(members) do
      if #users > BATCH_MAX - MEMBER_MAX then return users, true end
      parse_users(member, 7, users)
      consumed[#consumed + 1] = member
    end
    if #members < 8 then return users, false end
    offset = offset + 8
  end
end

-- Takes back what is overdue, once for each run of a script. True: more is left for another run.
local reclaimed, more_due = false, false
local function reclaim()
  if reclaimed or not expiring then return more_due end
  reclaimed = true
  local users, unknown = nil, {}
  users, more_due = read_due()
  for _, user in ipairs(users) do
    if not records[user] then unknown[#unknown + 1] = user end
  end
  load_users(unknown, 1, #unknown)
  for _, user in ipairs(users) do settle(user) end
  return more_due
end

-- answers about users --------------------------------------------------------------------------------------------------------
local answers, bodies = {}, {}
local GRANTED = string.char(STATUS.ok, WITH_RECORD)

local function answer(status, flags, record)
  local granted = record and status == 'ok' and flags == 0
  answers[#answers + 1] = granted and GRANTED or string.char(STATUS[status], record and flags + WITH_RECORD or flags)
  if record then bodies[#bodies + 1] = record end
end

-- Why a request was refused stands in its record where others have a price: a status; 0 is blacklisted, and so is what is none.
local REASONS = { [1] = 'sold_out', [2] = 'not_enough', [3] = 'limit_reached', [6] = 'ended' }
local function reason_of(record)
  return REASONS[record.price] or 'blacklisted'
end

-- To who takes it for a reservation.
local function never_granted(record)
  return REASONS[record.price] and 'no_reservation' or 'blacklisted'
end

-- The units that a user holds, how many records have not come to their end, how many there are.
local function tally(text)
  local held, unsettled = 0, 0
  for at = 1, #text, RECORD_SIZE do
    local record = get(text, at)
    if record.state == RESERVED or record.state == SOLD then held = held + record.quantity end
    if record.state ~= SOLD and record.state ~= REFUNDED then unsettled = unsettled + 1 end
  end
  return held, unsettled, #text / RECORD_SIZE
end

-- Whether the sale is on: a status.
local function sale()
  if stock.state == 2 or (stock['end'] > 0 and now >= stock['end']) then return 'ended' end
  if now < stock.start then return 'not_started' end
  if stock.state == 1 then return 'paused' end
  return 'ok'
end

-- Kinds: 1 confirmed, 2 refunded; the record has come into that state already.
local function add_event(kind, user, record, order_ref)
  events[#events + 1] = struct.pack('>Bc16I4I7I6', kind, record.id, record.quantity, record.price, record.since)
    .. string.char(#user) .. user .. string.char(#order_ref) .. order_ref
end

-- Before a script that writes events decides.
local waiting_events
local function permit_events()
  permit('XADD', EVENTS, '1-1', 'e', 'v')
  waiting_events = read('XLEN', EVENTS)
end

local function has_room_for_event()
  return waiting_events + #events < stock.max_events
end

-- the end -------------------------------------------------------------------------------------------------------------------
local function permit_writes()
  permit('HSET', STOCK, 'f', 'v')
  permit('HSET', USERS, 'f', 'v')
  permit('HDEL', USERS, 'f')
  permit('ZADD', EXPIRATIONS, '0', 'm')
  permit('ZREM', EXPIRATIONS, 'm')
  read('HLEN', USERS)
  read('ZCARD', EXPIRATIONS)
end

-- First of all writes: if the stream refuses the first id, nothing is done; if it takes it, it takes them all.
local function write_events()
  for _, event in ipairs(events) do
    stock.event = stock.event + 1
    redis.call('XADD', EVENTS, number(stock.epoch) .. '-' .. number(stock.event), 'e', event)
  end
end

local function is_stamped(text)
  local state = string.byte(text, 17) or 0
  return state - state % STATES == stamp
end

local function stamped(text)
  for at = 17, #text, RECORD_SIZE do
    local state = string.byte(text, at) % STATES
    text = string.sub(text, 1, at - 1) .. string.char(state + stamp) .. string.sub(text, at + 1)
  end
  return text
end

local COUNTED = { [RESERVED] = 'reserved', [SOLD] = 'sold', [REFUNDED] = 'refunded' }
local function count_units(text, sign)
  for at = 1, #text, RECORD_SIZE do
    local _, state, quantity = struct.unpack('>c16BI4', text, at)
    local sum = COUNTED[state % STATES]
    if sum then audit[sum] = audit[sum] + sign * quantity end
  end
end

-- A user's records as they are written while the audit counts.
local function counted(user)
  if is_stamped(stored[user]) then count_units(stored[user], -1) end
  count_units(records[user], 1)
  audit.changed = true
  return stamped(records[user])
end

local function write_users()
  local kept, gone, counting = {}, {}, is_counting()
  for _, user in ipairs(changed) do
    local text = counting and counted(user) or records[user]
    if text == '' then
      gone[#gone + 1] = user
    else
      kept[#kept + 1] = user
      kept[#kept + 1] = text
    end
  end
  -- In parts: a small table that the audit reads as a whole may have more users than a call takes arguments.
  for first = 1, #kept, 4096 do redis.call('HSET', USERS, unpack(kept, first, math.min(first + 4095, #kept))) end
  if #gone > 0 then redis.call('HDEL', USERS, unpack(gone)) end
end

local function write_expirations()
  if #consumed > 0 then redis.call('ZREM', EXPIRATIONS, unpack(consumed)) end
  for ends, users in pairs(due) do
    local packed = struct.pack('>I6', ends)
    for first = 1, #users, MEMBER_MAX do
      local last = math.min(first + MEMBER_MAX - 1, #users)
      redis.call('ZADD', EXPIRATIONS, number(ends), packed .. table.concat(users, '', first, last))
    end
  end
end

local function write_stock(extra)
  local fields = extra or {}
  if freed then stock.version = stock.version + 1 end
  for _, name in ipairs(COUNTERS) do
    if stock[name] ~= before[name] then
      fields[#fields + 1] = name
      fields[#fields + 1] = number(stock[name])
    end
  end
  if audit.changed then
    fields[#fields + 1] = 'audit'
    fields[#fields + 1] = packed_audit()
    fields[#fields + 1] = 'audit_step'
    fields[#fields + 1] = struct.pack(AUDIT_STEP, audit.flags, audit.at)
  end
  if #fields == 0 and #changed == 0 and #consumed == 0 and not lasting then return end
  if stock.epoch ~= before.epoch then
    fields[#fields + 1] = 'run'
    fields[#fields + 1] = run
  end
  fields[#fields + 1] = 'clock'
  fields[#fields + 1] = number(now)
  redis.call('HSET', STOCK, unpack(fields))
end

-- extra: further fields of :stock to write, name and value in turn.
local function commit(extra)
  write_events()
  write_users()
  write_expirations()
  write_stock(extra)
end

-- For what only reads: writes that change nothing, and that Redis does not refuse when its memory is full.
local function permit_touch()
  if not lasting then return end
  permit('PEXPIRE', STOCK, '1000')
  permit('PERSIST', STOCK)
end

local function touch()
  if not lasting then return end
  redis.call('PEXPIRE', STOCK, 86400000)
  redis.call('PERSIST', STOCK)
end

local function header()
  return struct.pack('>I8I6', stock.settings, now)
end

local function reply_answers()
  return header() .. table.concat(answers) .. table.concat(bodies)
end
