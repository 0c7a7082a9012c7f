-- What scripts share that move units between shards. It is put in front of them by the build.
--
-- Of each other shard :transfers has one field, its number, with two totals: sent there I8, taken from there I8. What is on its
-- way from D to R is what D has sent and R not yet taken; so sending and taking can be repeated, and nothing needs forgetting.
local TOTALS, TOTAL_MAX = '>I8I8', 9007199254740992
local totals = {} -- other shard -> { sent, taken }
local moved = {}  -- fields of :transfers to write, name and value in turn

local function parse_totals(stored)
  if #stored ~= 16 then fail('DAMAGED the totals of a shard (' .. TRANSFERS .. ')') end
  local sent, taken = struct.unpack(TOTALS, stored)
  if sent >= TOTAL_MAX or taken >= TOTAL_MAX then fail('DAMAGED the totals of a shard (' .. TRANSFERS .. ')') end
  return { sent = sent, taken = taken }
end

-- The other shard that a field is about.
local function parse_other(field)
  local other = string.match(field, '^%d+$') and tonumber(field)
  if not other or other >= 65536 then fail('DAMAGED a field is no shard (' .. TRANSFERS .. ')') end
  return other
end

-- Calls back with each field and what is stored there, but for the empty one.
local function each_row(visit)
  local rows = read('HGETALL', TRANSFERS)
  for i = 1, #rows, 2 do
    if rows[i] ~= '' then visit(rows[i], rows[i + 1]) end
  end
end

local function totals_with(other)
  if not totals[other] then
    local stored = read('HGET', TRANSFERS, number(other))
    totals[other] = stored and parse_totals(stored) or { sent = 0, taken = 0 }
  end
  return totals[other]
end

local function permit_transfers()
  permit('HSET', TRANSFERS, 'f', 'v')
  read('HLEN', TRANSFERS)
end

local function note_moved(other)
  moved[#moved + 1] = number(other)
  moved[#moved + 1] = struct.pack(TOTALS, totals[other].sent, totals[other].taken)
end

-- Takes what others have sent: `packed` has for each the other shard I2 and the total that it sent I8.
local function take(packed, first)
  if #packed < first then return end
  permit_transfers()
  for at = first, #packed, 10 do
    local other, total = struct.unpack('>I2I8', packed, at)
    local row = totals_with(other)
    if total >= TOTAL_MAX then fail('RANGE a total of transfers stays under 2^53 (' .. TRANSFERS .. ')') end
    if total > row.taken then
      stock.available = stock.available + total - row.taken
      stock.taken = stock.taken + total - row.taken
      row.taken = total
      freed = true
      note_moved(other)
    end
  end
end

-- Behind commit(), whose first write is the one that may be refused.
local function write_transfers()
  if #moved > 0 then redis.call('HSET', TRANSFERS, unpack(moved)) end
end
