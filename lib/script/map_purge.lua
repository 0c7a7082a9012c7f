#!lua flags=allow-oom
-- prelude: base.lua
-- prelude: map.lua
-- What a purge does with the mapping list: looks at it, notes how far it has come, removes it. While `purging` stands in it all
-- other scripts take the list for none.
--
-- ARGV   1: 'look', 'note' or 'remove'; 2: seed c16, version I8 as the purge has seen them; note: 3, 4: `purging` before and after
-- reply  '' if there is no list, and after removing it; else `purging` B, and the list
permit('HSET', MAP, 'f', 'v')
permit('HDEL', MAP, 'f')
permit('UNLINK', MAP)
local list = read_list()
local seed, version
if #ARGV > 1 then seed, version = struct.unpack('>c16I8', ARGV[2]) end
local is_same = list and list.seed == seed and list.version == version

local function look()
  if list and list.state ~= 2 then fail('CONFLICT the sale has not ended: end it first') end
end

-- Giving up raises the version: only who has read the list after it may open sealed shards again.
local function note(before, after)
  if not list then return end
  if not is_same or (list.purging ~= before and list.purging ~= after) then
    fail('CONFLICT its settings were changed meanwhile, or another purge is at work: repeat the purge')
  end
  list.purging = after
  if after > 0 then
    redis.call('HSET', MAP, 'purging', number(after))
  else
    list.version = version + 1
    redis.call('HSET', MAP, 'version', number(list.version))
    redis.call('HDEL', MAP, 'purging')
  end
end

-- Of another seed it is a new item's. Also where it is gone already something is written: who waits for replicas waits for the
-- first removal, too.
local function remove()
  if list and list.seed ~= seed then return end
  if list and not (is_same and list.purging == 2) then fail('CONFLICT the list is back meanwhile: repeat the purge') end
  redis.call('HSET', MAP, 'purging', '2')
  redis.call('UNLINK', MAP)
  map = nil
end

if ARGV[1] == 'look' then
  look()
elseif ARGV[1] == 'note' then
  note(tonumber(ARGV[3]), tonumber(ARGV[4]))
else
  remove()
end
if not map then return '' end
return string.char(map.purging) .. reply_map()
