#!lua flags=allow-oom
-- prelude: base.lua
-- prelude: shard.lua
-- prelude: seal.lua
-- After the sale: looks whether nothing is left to do in a shard, seals it, removes it. A shard that is gone is sealed and removed.
--
-- ARGV   2: 'look', 'seal' or 'remove'
-- reply  whether nothing was in the way B, reserved i8, events that wait i8, requests that wait i8, units sent i8, taken i8
local STEP = ARGV[2]
local _, seed = struct.unpack('>I8c16', ARGV[1])
permit('HSET', STOCK, 'f', 'v')
permit('UNLINK', unpack(KEYS))

-- False: there is no shard. Before the first note a shard may be sealed already: a failover has lost the notes of another purge.
local function read_shard()
  read_server()
  if STEP ~= 'look' and read('EXISTS', unpack(KEYS)) == 0 then return false end
  check()
  if STEP == 'look' and stored_seed ~= seal_of(seed) then
    open()
    return true
  end
  if stored_seed ~= seed and stored_seed ~= seal_of(seed) then
    fail('PURGED this is the shard of another item of this name (' .. STOCK .. ')')
  end
  read_clock()
  return true
end

-- UNLINK leaves the freeing to another thread: of a hash of a million users it takes 0.2 ms here, where DEL takes 365 ms. So this is
-- bounded, whatever the shard holds. Something is written also where all is gone already: who waits for replicas waits for the
-- first removal, too.
local function remove()
  redis.call('HSET', STOCK, 'seed', seal_of(seed))
  redis.call('UNLINK', unpack(KEYS))
end

local found, waiting = read_shard(), 0
if found then
  waiting = read('XLEN', EVENTS)
else
  for _, name in ipairs(COUNTERS) do stock[name] = 0 end
  stock.settings, now = 0, 0
end
local queued = stock.enqueued - stock.decided
local is_done = not found or is_sealed() or (stock.reserved == 0 and waiting == 0 and queued == 0)
if is_done and STEP == 'seal' and found then redis.call('HSET', STOCK, 'seed', seal_of(seed)) end
if is_done and STEP == 'remove' then remove() end
return header() .. struct.pack('>Bi8i8i8i8i8', is_done and 1 or 0, stock.reserved, waiting, queued, stock.sent, stock.taken)
