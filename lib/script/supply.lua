-- What the scripts share that serve from what other shards have too: reserve, confirm, queue_process. It is put in front of them by
-- the build.
--
-- ARGV   2: the supply of this shard. A proof that no more units than these were left anywhere: this shard's epoch I8 and version
--           I8 then, units I8, up to which request of its queue it holds I8. Then what other shards have sent here: for each, the
--           other shard I2, the total I8. It is taken in the same step that serves: nobody else can move it on in between.
local proof = {}

local function take_supply()
  proof.epoch, proof.version, proof.units, proof.enqueued = struct.unpack('>I8I8I8I8', ARGV[2])
  take(ARGV[2], 33)
end

-- More than was left anywhere, and no units have come here since; in another epoch a version may come again with other units.
local function is_proven(quantity)
  return quantity > proof.units and stock.epoch == proof.epoch and stock.version == proof.version and not freed
end
