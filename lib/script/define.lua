#!lua flags=allow-oom
-- prelude: base.lua
-- prelude: shard.lua
-- Brings a shard up to the settings of the mapping list; creates it where there is none. All its keys are made at once and are
-- never empty, so that none is ever missing.
-- Also without memory: a sale must be paused just then, and where the mapping list has newer settings than its shards nothing
-- is confirmed before they have them.
--
-- ARGV   2 ...: the settings in the order of SETTINGS, without their version
-- reply  nothing more
local version, seed = struct.unpack('>I8c16', ARGV[1]) -- open() reads the rest of it

local function add_settings(fields)
  for i, name in ipairs(SETTINGS) do
    fields[#fields + 1] = name
    fields[#fields + 1] = i == 1 and number(version) or ARGV[i]
  end
end

local function create()
  local time = read('TIME')
  local created = number(time[1] * 1000 + math.floor(time[2] / 1000))
  local fields = { 'layout', '1', 'seed', seed, 'run', read_run() }
  for _, name in ipairs(COUNTERS) do
    fields[#fields + 1] = name
    fields[#fields + 1] = (name == 'epoch' or name == 'clock') and created or '0'
  end
  add_settings(fields)
  redis.call('HSET', STOCK, unpack(fields))
  redis.call('HSET', USERS, '', '')
  redis.call('ZADD', EXPIRATIONS, '+inf', '')
  redis.call('HSET', TRANSFERS, '', '')
  for _, stream in ipairs({ QUEUE, EVENTS }) do
    redis.call('XADD', stream, '0-1', 'e', '')
    redis.call('XDEL', stream, '0-1')
  end
end

local function change()
  local fields = {}
  add_settings(fields)
  redis.call('HSET', STOCK, unpack(fields))
end

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
  if stored_seed ~= seed then fail('DAMAGED the shard of another item of this name (' .. STOCK .. ')') end
  if stock.settings < version then change() end
end
open()
permit_touch()
touch()
return header()
