-- What the scripts of the queue share. It is put in front of them by the build.
--
-- Requests are numbered: `enqueued` is the number of the last one that came, `decided` of the last one that was decided; between
-- the two they wait. n never begins anew, so a place is n - decided, whatever the epoch. An entry of the stream holds up to
-- ENTRY_MAX requests; its id is the epoch and the n of its first one.
local ENTRY_MAX = 64
local REQUEST = '>c16I4I6B' -- reservation id, quantity, since when it waits, size of the user; the user follows
local REQUEST_SIZE = 27

-- reading them in order, from the first that is not decided ----------------------------------------------------------------
local entries, in_entries, after, to, page = {}, 0, '-', '+', 16
local entry, text, at, entry_epoch, entry_n = nil, '', 1, 0, 0

local function open_entry(stored)
  local epoch, n = string.match(stored[1], '^(%d+)-(%d+)$')
  entry, text, at, entry_epoch, entry_n = stored[1], stored[2][2], 1, tonumber(epoch), tonumber(n)
end

-- What comes next is the first again, of the entries up to an id, of which so many are read at once.
local function rewind(up_to, at_once)
  entries, in_entries, after, to, page, text, at = {}, 0, '-', up_to, at_once, '', 1
end

local function next_entry()
  in_entries = in_entries + 1
  if in_entries > #entries then
    entries, in_entries = read('XRANGE', QUEUE, after, to, 'COUNT', page), 1
    if #entries == 0 then return false end
    after = '(' .. entries[#entries][1]
  end
  open_entry(entries[in_entries])
  return true
end

-- Of the user of the next request of the entry, which must be there as a whole.
local function user_size()
  local size = string.byte(text, at + REQUEST_SIZE - 1) or 0
  if size == 0 or size > SECKILL_USER_MAX or #text < at + REQUEST_SIZE - 1 + size then
    fail('DAMAGED a waiting request (' .. QUEUE .. ')')
  end
  return size
end

local function parse_request()
  local size = user_size()
  local id, quantity, since = struct.unpack(REQUEST, text, at)
  local first = at + REQUEST_SIZE
  local request = {
    epoch = entry_epoch, n = entry_n, entry = entry, id = id, quantity = quantity, since = since,
    user = string.sub(text, first, first + size - 1), is_last = first + size > #text,
  }
  at, entry_n = first + size, entry_n + 1
  return request
end

-- n is dense, up to the last that came. Verdicts are told apart by it, and what is missing would never be decided: where the next
-- one is missing nothing goes on. What stands before a gap is decided first.
local last_n
local function is_next(n)
  local expected = (last_n or stock.decided) + 1
  if n == expected then
    last_n = n
    return true
  end
  if not last_n then fail('DAMAGED request ' .. number(expected) .. ' is not where it should be (' .. QUEUE .. ')') end
  return false
end

-- The next request that waits, or nil; then it is not called again.
local function next_request()
  while true do
    if at > #text and not next_entry() then
      if not last_n and stock.decided < stock.enqueued then return is_next(nil) end
      return nil
    end
    local request = parse_request()
    if request.n > stock.decided then
      if not is_next(request.n) then return nil end
      if request.n > stock.enqueued then fail('DAMAGED request ' .. number(request.n) .. ' never came (' .. QUEUE .. ')') end
      return request
    end
  end
end

-- Many at once. Passes over the requests of this entry up to the n-th; false: they are not there as a whole.
local function pass(n)
  local byte, size, here, here_n = string.byte, #text, at, entry_n
  while here_n <= n and here <= size do
    local user = byte(text, here + REQUEST_SIZE - 1) or 0
    if user == 0 or user > SECKILL_USER_MAX then return false end
    here, here_n = here + REQUEST_SIZE + user, here_n + 1
  end
  at, entry_n = here, here_n
  return here <= size + 1
end

-- The requests of an epoch from the n-th to the last, behind what was read before: for each entry what stands in it of them.
-- Nil: something is not as usual, which is for who reads one by one.
local function take_texts(epoch, n, last)
  local texts = {}
  while n <= last do
    if at > #text and not next_entry() or entry_epoch ~= epoch or entry_n > n or not pass(n - 1) then return nil end
    local first = at
    if not pass(last) then return nil end
    if entry_n > n then
      local is_last = at > #text
      texts[#texts + 1] = {
        entry = entry, text = first == 1 and is_last and text or string.sub(text, first, at - 1), count = entry_n - n,
        is_last = is_last,
      }
      n = entry_n
    end
  end
  return texts
end

-- Nothing stands behind what was read.
local function is_at_end()
  return at > #text and (not entry or #read('XRANGE', QUEUE, '(' .. entry, '+', 'COUNT', 1) == 0)
end

-- Whether the request of this place stands in the stream.
local function stands(epoch, n, id)
  local found = read('XREVRANGE', QUEUE, number(epoch) .. '-' .. number(n), number(epoch) .. '-0', 'COUNT', 1)[1]
  if not found then return false end
  open_entry(found)
  while entry_n < n and at <= #text do
    at, entry_n = at + REQUEST_SIZE + user_size(), entry_n + 1
  end
  return at <= #text and user_size() > 0 and string.sub(text, at, at + 15) == id
end

-- adding ---------------------------------------------------------------------------------------------------------------------
local added = {}

local function permit_queue()
  permit('XADD', QUEUE, '1-1', 'e', 'v')
  permit('XTRIM', QUEUE, 'MINID', '1-1')
  read('XLEN', QUEUE)
end

-- Those of these users that have records: a set.
local function users_with_records(users)
  local known = {}
  for first = 1, #users, MEMBER_MAX do
    local values = read('HMGET', USERS, unpack(users, first, math.min(first + MEMBER_MAX - 1, #users)))
    for i = 1, #values do
      if values[i] then known[users[first + i - 1]] = true end
    end
  end
  return known
end

-- Puts a request behind the others; its n.
local function add_request(user, id, quantity, since)
  added[#added + 1] = struct.pack(REQUEST, id, quantity, since, #user) .. user
  stock.enqueued = stock.enqueued + 1
  return stock.enqueued
end

-- Before commit(): if the stream refuses the first id, nothing is done; if it takes it, it takes them all.
local function write_entry(n, packed)
  redis.call('XADD', QUEUE, number(stock.epoch) .. '-' .. number(n), 'e', packed)
end

local function write_queue()
  local n = stock.enqueued - #added
  for first = 1, #added, ENTRY_MAX do
    local last = math.min(first + ENTRY_MAX - 1, #added)
    write_entry(n + first, table.concat(added, '', first, last))
  end
end

-- answers --------------------------------------------------------------------------------------------------------------------
local function answer_queued(epoch, n, since)
  answers[#answers + 1] = string.char(STATUS.ok, QUEUED)
  bodies[#bodies + 1] = struct.pack('>I8I8I6', epoch, n, since)
end

-- How far the queue is: decided I8, enqueued I8.
local function progress()
  return struct.pack('>I8I8', stock.decided, stock.enqueued)
end

local function reply_places()
  return header() .. progress() .. table.concat(answers) .. table.concat(bodies)
end
