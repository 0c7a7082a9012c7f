#!lua flags=allow-oom
-- prelude: base.lua
-- prelude: shard.lua
-- A step of the audit: whether each request that should wait stands in the queue.
--
-- ARGV   2: the entry to go on behind: epoch I8, n I8; the n that is expected next I8; entries at most I4; flags B: 1 repair: requests
--           that are missing at the queue's head, where nobody can decide them, count as decided, and what hid them is removed
-- reply  the last request that ever came I8; the entry to go on behind: epoch I8, n I8; the n that is expected next I8; whether this
--        was the end B; requests that stand here I4; faults I4; for each: B: 1 requests are missing, 2 an entry is no list of
--        requests; 4 more where it was repaired; the n I8, how many I8
open()
permit_writes()
permit('XDEL', QUEUE, '1-1')
local epoch, n, expected, max, flags = struct.unpack('>I8I8I8I4B', ARGV[2])
local MISSING, GARBAGE, MENDED = 1, 2, 4
local REQUEST_SIZE = 27
local faults, garbage, seen = {}, {}, 0
local entries = read('XRANGE', QUEUE, '(' .. number(epoch) .. '-' .. number(n), '+', 'COUNT', number(max))
local is_end = #entries < max

-- How many requests an entry holds; nil: it is no list of them.
local function count_requests(text)
  local at, count = 1, 0
  while text and at <= #text do
    local size = string.byte(text, at + REQUEST_SIZE - 1) or 0
    if size == 0 or size > SECKILL_USER_MAX then return nil end
    at, count = at + REQUEST_SIZE + size, count + 1
  end
  return text and count > 0 and at == #text + 1 and count or nil
end

local function add_fault(what, first, count)
  faults[#faults + 1] = struct.pack('>BI8I8', what, first, count)
end

-- Those up to `last` are gone.
local function add_missing(last)
  local is_head = expected == stock.decided + 1
  if flags == 1 and is_head then stock.decided = last end
  add_fault(flags == 1 and is_head and MISSING + MENDED or MISSING, expected, last - expected + 1)
  expected = last + 1
end

expected = math.max(expected, stock.decided + 1)
for _, entry in ipairs(entries) do
  local at_epoch, at_n = string.match(entry[1], '^(%d+)-(%d+)$')
  epoch, n = tonumber(at_epoch), tonumber(at_n)
  local count = count_requests(entry[2][2])
  if not count then
    garbage[#garbage + 1] = { id = entry[1], n = n } -- how many it held is found missing with the next entry
  elseif n + count > expected then
    if n > expected then add_missing(n - 1) end
    seen = seen + n + count - expected
    expected = n + count
  end
end
if is_end and expected <= stock.enqueued then add_missing(stock.enqueued) end
commit()
for _, entry in ipairs(garbage) do
  local is_passed = flags == 1 and entry.n <= stock.decided
  if is_passed then redis.call('XDEL', QUEUE, entry.id) end
  add_fault(is_passed and GARBAGE + MENDED or GARBAGE, entry.n, 0)
end
return header() .. struct.pack('>I8I8I8I8BI4I4', stock.enqueued, epoch, n, expected, is_end and 1 or 0, seen, #faults) .. table.concat(faults)
