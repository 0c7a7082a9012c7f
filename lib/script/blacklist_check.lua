#!lua flags=no-writes
-- prelude: base.lua
-- prelude: blacklist.lua
-- Says of subjects whether they are listed.
--
-- ARGV   1: the subjects: for each size B, subject
-- reply  the server's clock I6; for each: until I6 (0: not listed; FOREVER: no end), since I6, size B, reason; of an address
--        the entry that lasts longest
local lengths

-- The lengths of prefixes that are listed.
local function read_lengths()
  lengths = {}
  local fields = read('HGETALL', HEAD)
  for i = 1, #fields, 2 do
    local length = string.match(fields[i], '^p(%d+)$')
    if length and fields[i + 1] ~= '0' then lengths[#lengths + 1] = tonumber(length) end
  end
end

-- The network of so long a prefix that an address is in.
local function network_of(subject, length)
  local from, whole = #ADDRESS + 1, math.floor(length / 8)
  local bytes, rest = string.sub(subject, from, from + whole - 1), length % 8
  if rest > 0 then
    local byte = string.byte(subject, from + whole)
    bytes = bytes .. string.char(byte - byte % 2 ^ (8 - rest))
  end
  return ADDRESS .. bytes .. string.rep('\0', 16 - #bytes) .. string.char(length)
end

local function look(subject, best)
  local ends, since, reason = find(part_of(subject), subject)
  if ends and ends > now and (not best or ends > best[1]) then return { ends, since, reason } end
  return best
end

local function look_up(subject)
  local own = prefix_of(subject)
  if not own then return look(subject) end
  if not lengths then read_lengths() end
  local best
  for _, length in ipairs(lengths) do
    if length <= own then best = look(network_of(subject, length), best) end
  end
  return best
end

local out, at = { struct.pack('>I6', now) }, 1
while at <= #ARGV[1] do
  local subject
  subject, at = struct.unpack('>Bc0', ARGV[1], at)
  local found = look_up(subject) or { 0, 0, '' }
  out[#out + 1] = struct.pack('>I6I6B', found[1], found[2], #found[3]) .. found[3]
end
return table.concat(out)
