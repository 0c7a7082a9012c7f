-- What every script of a mapping list shares. It is put in front of each by the build.
--
-- KEYS   1: the mapping list
-- reply  one string: '' if there is none; else version I8, state B, shards I4, seed c16; price i8, limit, start, end, hold,
--        grace, window, remember, skew, max_events, max_queue i8 each; the tags, joined by commas
local MAP = KEYS[1]
local NAMES = { 'price', 'limit', 'start', 'end', 'hold', 'grace', 'window', 'remember', 'skew', 'max_events', 'max_queue' }
local map

-- The list as it stands; nil where there is none. `purging` is 0 but while a purge is unfinished: 1, shards are being sealed; 2,
-- they are being removed.
local function read_list()
  read_server()
  local reply = read('HMGET', MAP, 'layout', 'seed', 'tags', 'version', 'state', 'shards', unpack(NAMES))
  if not reply[1] then
    if read('EXISTS', MAP) == 1 then fail('DAMAGED no field layout (' .. MAP .. ')') end
    map = nil
    return nil
  end
  check_layout(reply[1], MAP)
  for i = 2, 6 + #NAMES do
    if not reply[i] or (i > 3 and not tonumber(reply[i])) or (i == 2 and #reply[i] ~= 16) then
      fail('DAMAGED a field is missing or no number (' .. MAP .. ')')
    end
  end
  map = {
    seed = reply[2], tags = reply[3], version = tonumber(reply[4]), state = tonumber(reply[5]), shards = tonumber(reply[6]),
  }
  for i, name in ipairs(NAMES) do map[name] = tonumber(reply[6 + i]) end
  map.purging = tonumber(read('HGET', MAP, 'purging') or 0)
  return map
end

-- nil also where it is being purged: so nobody makes a shard anew from it that is gone already.
local function read_map()
  local list = read_list()
  if list and list.purging ~= 0 then map = nil end
  return map, list
end

local function reply_map()
  if not map then return '' end
  local values = {}
  for i, name in ipairs(NAMES) do values[i] = struct.pack('>i8', map[name]) end
  return struct.pack('>I8BI4c16', map.version, map.state, map.shards, map.seed) .. table.concat(values) .. map.tags
end
