#!lua
-- prelude: base.lua
-- prelude: map.lua
-- Creates a mapping list, or changes its settings. Shards, seed and tags never change, and neither do window and remember: how
-- long an id is remembered was promised when it was used.
--
-- ARGV   1: shards; 2: what the caller insists on: 1 shards + 2 window + 4 remember; 3: seed; 4: tags joined by commas;
--        5 ...: settings as NAMES
local BIT = { shards = 1, window = 2, remember = 4 }
local wanted = { shards = tonumber(ARGV[1]) }
for i, name in ipairs(NAMES) do wanted[name] = tonumber(ARGV[4 + i]) end
permit('HSET', MAP, 'f', 'v')

local function create()
  local fields = { 'layout', LAYOUT, 'version', '1', 'state', '0', 'shards', ARGV[1], 'seed', ARGV[3], 'tags', ARGV[4] }
  for i, name in ipairs(NAMES) do
    fields[#fields + 1] = name
    fields[#fields + 1] = ARGV[4 + i]
  end
  redis.call('HSET', MAP, unpack(fields))
end

local function change()
  local fields = {}
  for i, name in ipairs(NAMES) do
    if not BIT[name] and map[name] ~= wanted[name] then
      fields[#fields + 1] = name
      fields[#fields + 1] = ARGV[4 + i]
    end
  end
  -- Where nothing changes the version is written all the same: who waits for replicas waits for its first writing, too.
  redis.call('HSET', MAP, 'version', number(#fields > 0 and map.version + 1 or map.version), unpack(fields))
end

-- What cannot change and differs.
local function check_fixed()
  for name, bit in pairs(BIT) do
    local insists = math.floor(tonumber(ARGV[2]) / bit) % 2 == 1
    if insists and map[name] ~= wanted[name] then
      fail('CONFLICT the item was defined with ' .. name .. ' ' .. number(map[name]) .. ', and that cannot change')
    end
  end
end

local found, purged = read_map()
if found then
  check_fixed()
  change()
elseif purged then
  fail('CONFLICT the item is being purged: finish that first')
else
  create()
end
read_map()
return reply_map()
