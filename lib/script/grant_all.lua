-- The way that nearly every batch of a sale takes: all its users are new, and each can have what he asks for. Then one look
-- decides for all of them, and one command writes them all. Whatever is not as usual, damage too, changes nothing here and goes
-- the long way behind it, which is right for everything. It stands before the preludes of that, so that what they define costs
-- nothing here; records are as shard.lua says.
--
-- ARGV   as reserve.lua says
-- reply  instead of the answers: ALIKE B, then the records' ends, which are alike: all behind the reservation id
local STOCK_KEY, USERS_KEY, EXPIRATIONS_KEY = KEYS[1], KEYS[2], KEYS[3]
local IN_A_MEMBER = 64

-- Of each user there is no record; then fields for HSET: the users and their records.
local function fields_of(count, record_end)
  local ids = { struct.unpack('>' .. string.rep('c16', count), ARGV[4]) }
  local fields, n = {}, 0
  for i = 6, #ARGV do
    local size = math.min(IN_A_MEMBER, count - n)
    local users = { struct.unpack('>' .. string.rep('Bc0', size), ARGV[i]) }
    local records = redis.pcall('HMGET', USERS_KEY, unpack(users, 1, size))
    for k = 1, size do
      if records[k] ~= false then return nil end
      n = n + 1
      fields[2 * n - 1] = users[k]
      fields[2 * n] = ids[n] .. record_end
    end
  end
  return fields
end

local function may_write_hashes()
  return redis.acl_check_cmd('HSET', STOCK_KEY, 'f', 'v') and redis.acl_check_cmd('HSET', USERS_KEY, 'f', 'v')
end

-- What to write; nil: it is not as usual. Reads only, and may fail anywhere.
local function look()
  local quantity, oldest, newest = struct.unpack('>I4I6I6', ARGV[3])
  if quantity == 0 or #ARGV[2] > 32 then return nil end
  local version, seed = struct.unpack('>I8c16', ARGV[1])
  local layout, stored_seed, run, settings, state, available, reserved, clock, price, limit, start, stop, hold, grace, window,
    remember, audit = unpack(redis.pcall('HMGET', STOCK_KEY, 'layout', 'seed', 'run', 'settings', 'state', 'available', 'reserved',
      'clock', 'price', 'limit', 'start', 'end', 'hold', 'grace', 'window', 'remember', 'audit'))
  if layout ~= LAYOUT or stored_seed ~= seed or settings + 0 < version or state ~= '0' then return nil end
  available, reserved, clock, price, limit, start, stop, hold, grace, window, remember = available + 0, reserved + 0, clock + 0,
    price + 0, limit + 0, start + 0, stop + 0, hold + 0, grace + 0, window + 0, remember + 0
  local sum = available + reserved + clock + price + limit + start + stop + hold + grace + window + remember
  if not (sum >= 0 and sum < NUMBER_END) then return nil end
  local count = #ARGV[4] / 16
  local units = quantity * count
  if units > available or quantity > limit or redis.pcall('EXISTS', unpack(KEYS)) ~= #KEYS then return nil end
  local stamp = 0
  if audit then
    local generation, counting = struct.unpack('>I8B', audit)
    if counting ~= 0 then return nil end
    stamp = stamp_of(generation)
  end
  local time = redis.pcall('TIME')
  local now = math.max(time[1] * 1000 + math.floor(time[2] / 1000), clock)
  if now < start or (stop > 0 and now >= stop) then return nil end
  if oldest + window < now or newest + window >= now + remember then return nil end
  if not is_life(run) or not may_write_hashes() then return nil end
  local ends = now + hold
  local record_end = struct.pack(RECORD_END, 1 + stamp, quantity, price, now, ends, grace)
  local fields = fields_of(count, record_end)
  return fields, available - units, reserved + units, now, ends, settings, record_end
end

-- The first write is the one that may be refused, for what its key is or for the ACL: then nothing is done.
local function grant_all(fields, available, reserved, now, ends, settings, record_end)
  local score, time, members = number(ends), struct.pack('>I6', ends), {}
  for i = 6, #ARGV do
    members[#members + 1] = score
    members[#members + 1] = time .. ARGV[i]
  end
  local added = redis.pcall('ZADD', EXPIRATIONS_KEY, unpack(members))
  if type(added) ~= 'number' then return nil end
  redis.call('HSET', USERS_KEY, unpack(fields))
  redis.call('HSET', STOCK_KEY, 'available', number(available), 'reserved', number(reserved), 'clock', number(now))
  return struct.pack('>I8I6', settings, now) .. ALIKE .. record_end
end

do
  local looked, fields, available, reserved, now, ends, settings, record_end = pcall(look)
  local reply = looked and fields and grant_all(fields, available, reserved, now, ends, settings, record_end)
  if reply then return reply end
end
