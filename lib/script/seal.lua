-- What the scripts share that know sealed shards: purge and define. It is put in front of them by the build.
--
-- A purge seals every shard before it removes the first: it puts a seal in the place of the item's seed, so that to everybody
-- else the shard is another item's, and nothing changes in it any more.
local SEAL = 'purging:'

local function seal_of(seed)
  return SEAL .. string.sub(seed, 1, 8)
end

local function is_sealed()
  return string.sub(stored_seed, 1, #SEAL) == SEAL
end
