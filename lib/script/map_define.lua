#!lua
-- prelude: map.lua
-- Creates a mapping list, or changes its settings. Shards, seed and tags never change.
--
-- ARGV   1: shards; 2: 1 if the caller insists on their number; 3: seed; 4: tags joined by commas; 5 ...: settings as NAMES
permit('HSET', MAP, 'f', 'v')

local function create()
  local fields = { 'layout', '1', 'version', '1', 'state', '0', 'shards', ARGV[1], 'seed', ARGV[3], 'tags', ARGV[4] }
  for i, name in ipairs(NAMES) do
    fields[#fields + 1] = name
    fields[#fields + 1] = ARGV[4 + i]
  end
  redis.call('HSET', MAP, unpack(fields))
end

local function change()
  local fields = {}
  for i, name in ipairs(NAMES) do
    if map[name] ~= tonumber(ARGV[4 + i]) then
      fields[#fields + 1] = name
      fields[#fields + 1] = ARGV[4 + i]
    end
  end
  if #fields > 0 then redis.call('HSET', MAP, 'version', number(map.version + 1), unpack(fields)) end
end

if not read_map() then
  create()
elseif ARGV[2] == '1' and map.shards ~= tonumber(ARGV[1]) then
  fail('CONFLICT the item has ' .. number(map.shards) .. ' shards, and their number cannot change')
else
  change()
end
read_map()
return reply_map()
