#!lua flags=no-writes
-- prelude: base.lua
-- What there is to know of a shard and of its server before a sale. It finds fault with nothing: who asks judges, and wants to
-- hear of everything that is wrong, not only of the first.
--
-- KEYS   the six keys of the shard
-- ARGV   1: as for every script of a shard; 2: the key of the mapping list; 3: that of the activity's list
-- reply  settings version I8 (0: the shard has none), the server's clock I6; whether the seed is the client's B;
--        loaded, what loaded + taken - sent exceeds available + reserved + sold by, users i8 each; then texts, each behind its
--        size I2: layout, the keys that are missing or of another type, the commands that the ACL forbids, what the server says
--        of itself (INFO), what it says of its cluster (CLUSTER INFO, or nothing)
local STOCK, USERS, EXPIRATIONS, TRANSFERS, QUEUE, EVENTS = unpack(KEYS)
local MAP, ITEMS = ARGV[2], ARGV[3]
local ONCE = string.match(MAP, '^[^{]*') .. '{once/0}:0'
local TYPES = { 'hash', 'hash', 'zset', 'hash', 'stream', 'stream' }

-- Every command that some script uses, with a key for which it is used.
local COMMANDS = {
  { 'EVAL', '', '1', STOCK }, { 'EVALSHA', '', '1', STOCK }, { 'TIME' }, { 'INFO' },
  { 'EXISTS', unpack(KEYS) }, { 'UNLINK', unpack(KEYS) },
  { 'HGET', STOCK, 'f' }, { 'HMGET', STOCK, 'f' }, { 'HGETALL', STOCK }, { 'HSET', STOCK, 'f', 'v' },
  { 'PEXPIRE', STOCK, '1000' }, { 'PERSIST', STOCK },
  { 'HMGET', USERS, 'f' }, { 'HLEN', USERS }, { 'HSCAN', USERS, '0' }, { 'HSET', USERS, 'f', 'v' }, { 'HDEL', USERS, 'f' },
  { 'ZCARD', EXPIRATIONS }, { 'ZRANGE', EXPIRATIONS, '0', '0' }, { 'ZRANGEBYSCORE', EXPIRATIONS, '0', '0' },
  { 'ZREVRANGEBYSCORE', EXPIRATIONS, '0', '0' },
  { 'ZADD', EXPIRATIONS, '0', 'm' }, { 'ZREM', EXPIRATIONS, 'm' },
  { 'HGET', TRANSFERS, 'f' }, { 'HGETALL', TRANSFERS }, { 'HLEN', TRANSFERS }, { 'HSET', TRANSFERS, 'f', 'v' },
  { 'XLEN', QUEUE }, { 'XRANGE', QUEUE, '-', '+' }, { 'XREVRANGE', QUEUE, '+', '-' },
  { 'XADD', QUEUE, '1-1', 'e', 'v' }, { 'XDEL', QUEUE, '1-1' }, { 'XTRIM', QUEUE, 'MINID', '1-1' },
  { 'XLEN', EVENTS }, { 'XRANGE', EVENTS, '-', '+' }, { 'XADD', EVENTS, '1-1', 'e', 'v' }, { 'XDEL', EVENTS, '1-1' },
  { 'EXISTS', MAP }, { 'HGET', MAP, 'f' }, { 'HMGET', MAP, 'f' }, { 'HSET', MAP, 'f', 'v' },
  { 'HDEL', MAP, 'f' }, { 'UNLINK', MAP },
  { 'PEXPIREAT', ONCE, '1' },
  { 'SADD', ITEMS, 'm' }, { 'SREM', ITEMS, 'm' }, { 'SCARD', ITEMS }, { 'SISMEMBER', ITEMS, 'm' }, { 'SMEMBERS', ITEMS },
}

-- The reply; nil where there is none but an error.
local function try(command, ...)
  local reply = redis.acl_check_cmd(command, ...) and redis.pcall(command, ...)
  if not reply or type(reply) == 'table' and reply.err then return nil end
  return reply
end

local function forbidden()
  local names, seen = {}, {}
  for _, command in ipairs(COMMANDS) do
    if not seen[command[1]] and not redis.acl_check_cmd(unpack(command)) then
      seen[command[1]] = true
      names[#names + 1] = command[1] == 'CLUSTER' and 'CLUSTER|NODES' or command[1]
    end
  end
  return table.concat(names, ' ')
end

-- The name of a key behind its tag, and what is wrong with it.
local function wrong_keys()
  local wrong = {}
  for i, key in ipairs(KEYS) do
    local kind = try('TYPE', key)
    local found = kind and kind.ok or TYPES[i]
    if found ~= TYPES[i] then
      wrong[#wrong + 1] = string.match(key, '}:(.*)$') .. (found == 'none' and ' is missing' or ' is a ' .. found)
    end
  end
  return table.concat(wrong, ', ')
end

local _, seed, lasting = struct.unpack('>I8c16B', ARGV[1])
local info = read_server()
info = info .. (try('INFO', 'memory', 'persistence', 'cluster') or '')
local is_cluster = string.find(info, 'cluster_enabled:1', 1, true)
if is_cluster then
  COMMANDS[#COMMANDS + 1] = { 'CLUSTER', 'NODES' }
  COMMANDS[#COMMANDS + 1] = { 'ASKING' }
end
if lasting == 1 then COMMANDS[#COMMANDS + 1] = { 'WAIT', '1', '1' } end
local cluster = is_cluster and try('CLUSTER', 'INFO') or ''

local NAMES = { 'settings', 'loaded', 'taken', 'sent', 'available', 'reserved', 'sold', 'layout', 'seed' }
local values, stock = try('HMGET', STOCK, unpack(NAMES)) or {}, {}
for i, name in ipairs(NAMES) do stock[name] = values[i] and tonumber(values[i]) or 0 end

local time = read('TIME')
local reply = struct.pack('>I8I6Bi8i8i8', stock.settings, time[1] * 1000 + math.floor(time[2] / 1000),
  values[9] == seed and 1 or 0, stock.loaded,
  stock.loaded + stock.taken - stock.sent - stock.available - stock.reserved - stock.sold, (try('HLEN', USERS) or 1) - 1)
for _, text in ipairs({ string.sub(values[8] or '', 1, 32), wrong_keys(), forbidden(), info, cluster }) do
  reply = reply .. struct.pack('>I2', #text) .. text
end
return reply
