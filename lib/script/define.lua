#!lua flags=allow-oom
-- prelude: base.lua
-- prelude: shard.lua
-- prelude: seal.lua
-- Brings a shard up to the settings of the mapping list; creates it where there is none. All its keys are made at once and are
-- never empty, so that none is ever missing.
-- Also without memory: a sale must be paused just then, and where the mapping list has newer settings than its shards nothing
-- is confirmed before they have them.
-- What a purge has sealed it opens again if the purge was given up. In the place of another item's shard it puts a new one only if
-- nothing is lost by it: it is the remains of a purge, or came to life behind one by a definition that was late.
--
-- ARGV   2 ...: the settings in the order of SETTINGS, without their version
-- reply  nothing more
local version, seed = struct.unpack('>I8c16', ARGV[1]) -- open() reads the rest of it

-- Redis keeps a small hash in a compact form, and walks it from its head for each field. One long value makes it a table, at once
-- and for good: the field with the empty name has it, which nobody reads.
local NOT_COMPACT = string.rep(' ', 65)

local function add_settings(fields)
  for i, name in ipairs(SETTINGS) do
    fields[#fields + 1] = name
    fields[#fields + 1] = i == 1 and number(version) or ARGV[i]
  end
end

local function create()
  local time = read('TIME')
  local created = number(time[1] * 1000 + math.floor(time[2] / 1000))
  local fields = { '', NOT_COMPACT, 'layout', LAYOUT, 'seed', seed, 'run', read_run() }
  for _, name in ipairs(COUNTERS) do
    fields[#fields + 1] = name
    fields[#fields + 1] = (name == 'epoch' or name == 'clock') and created or '0'
  end
  add_settings(fields)
  redis.call('HSET', STOCK, unpack(fields))
  redis.call('HSET', USERS, '', NOT_COMPACT)
  redis.call('ZADD', EXPIRATIONS, '+inf', '')
  redis.call('HSET', TRANSFERS, '', '')
  for _, stream in ipairs({ QUEUE, EVENTS }) do
    redis.call('XADD', stream, '0-1', 'e', '')
    redis.call('XDEL', stream, '0-1')
  end
end

local function change()
  local fields = { 'seed', seed }
  add_settings(fields)
  redis.call('HSET', STOCK, unpack(fields))
end

local function is_unused()
  return stock.loaded == 0 and stock.taken == 0 and stock.sent == 0 and stock.enqueued == 0 and read('HLEN', USERS) == 1
    and read('XLEN', EVENTS) == 0
end

local function replace()
  if not is_sealed() and not is_unused() then fail('DAMAGED the shard of another item of this name (' .. STOCK .. ')') end
  permit('UNLINK', unpack(KEYS))
  redis.call('UNLINK', unpack(KEYS))
  create()
end

read_identity() -- before all that asks other keys
permit_writes()
permit('TIME')
permit('INFO', 'server', 'replication')
permit('HMGET', STOCK, 'f') -- open() reads again what create() made
permit('HSET', TRANSFERS, 'f', 'v')
for _, stream in ipairs({ QUEUE, EVENTS }) do
  permit('XADD', stream, '0-1', 'e', '')
  permit('XDEL', stream, '0-1')
  read('XLEN', stream)
end
read('HLEN', TRANSFERS)
if read('EXISTS', unpack(KEYS)) == 0 then
  create()
else
  check()
  local is_ours = stored_seed == seed or stored_seed == seal_of(seed)
  if not is_ours then
    replace()
  elseif stock.settings < version then
    change()
  elseif is_sealed() then
    fail('PURGED the item is being purged (' .. STOCK .. ')')
  end
end
open()
permit_touch()
touch()
return header()
