-- What every script of a mapping list shares. It is put in front of each by the build.
--
-- KEYS   1: the mapping list
-- reply  one string: '' if there is none; else version I8, state B, shards I4, seed c16; price i8, limit, start, end, hold,
--        grace, window, remember, skew, max_events i8 each; the tags, joined by commas
local MAP = KEYS[1]
local NAMES = { 'price', 'limit', 'start', 'end', 'hold', 'grace', 'window', 'remember', 'skew', 'max_events' }
local map

local function fail(text)
  error({ err = text })
end

local function number(value)
  return string.format('%.0f', value)
end

local function permit(command, ...)
  if not redis.acl_check_cmd(command, ...) then fail('NOPERM the ACL forbids ' .. command .. ' (' .. select(1, ...) .. ')') end
end

-- nil where there is no list.
local function read_map()
  local reply = redis.pcall('HMGET', MAP, 'layout', 'version', 'state', 'shards', 'seed', 'tags', unpack(NAMES))
  if reply.err then fail(reply.err .. ' (' .. MAP .. ')') end
  if not reply[1] then
    if redis.call('EXISTS', MAP) == 1 then fail('DAMAGED no field layout (' .. MAP .. ')') end
    map = nil
    return nil
  end
  if reply[1] ~= '1' then fail('LAYOUT ' .. reply[1] .. ', not 1 (' .. MAP .. ')') end
  for i = 2, 6 + #NAMES do
    if not reply[i] then fail('DAMAGED a field is missing (' .. MAP .. ')') end
  end
  map = {
    version = tonumber(reply[2]), state = tonumber(reply[3]), shards = tonumber(reply[4]), seed = reply[5], tags = reply[6],
  }
  for i, name in ipairs(NAMES) do map[name] = tonumber(reply[6 + i]) end
  return map
end

local function reply_map()
  if not map then return '' end
  local values = {}
  for i, name in ipairs(NAMES) do values[i] = struct.pack('>i8', map[name]) end
  return struct.pack('>I8BI4c16', map.version, map.state, map.shards, map.seed) .. table.concat(values) .. map.tags
end
