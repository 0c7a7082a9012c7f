#!lua flags=allow-oom
-- prelude: base.lua
-- prelude: shard.lua
-- A step of the audit: members of :expirations that name no users as they should. They would stop whatever becomes due behind them.
--
-- ARGV   2: where to go on: members of its score that are done I4; members at most I4; flags B: 1 remove them: whose only entry they
--           were is found by the walk over the records; then the score, as text
-- reply  members of the score that are done I4, whether this was the end B, the score: size B, text; the highest score of all: size B,
--        text; bad members I4; for each: its score: size B, text; whether it was removed B
open()
permit_writes()
local done, max, flags = struct.unpack('>I4I4B', ARGV[2])
local score = string.sub(ARGV[2], 10)

local function sized(text)
  return string.char(#text) .. text
end

local function is_sound(member, at_score)
  if #member < 7 or struct.unpack('>I6', member) ~= tonumber(at_score) then return false end
  local at = 7
  while at <= #member do
    local size = string.byte(member, at)
    if size == 0 or size > SECKILL_USER_MAX then return false end
    at = at + 1 + size
  end
  return at == #member + 1
end

local bad = {}
local function note_bad(member, at_score)
  bad[#bad + 1] = sized(at_score) .. string.char(flags)
  if flags == 1 then consumed[#consumed + 1] = member end
end

-- What stays is not read again.
local function pass(at_score)
  if at_score == score then done = done + 1 else score, done = at_score, 1 end
end

local rows = read('ZRANGEBYSCORE', EXPIRATIONS, score, '(inf', 'WITHSCORES', 'LIMIT', number(done), number(max))
for i = 1, #rows, 2 do
  local member, at_score = rows[i], rows[i + 1]
  local is_bad = not is_sound(member, at_score)
  if is_bad then note_bad(member, at_score) end
  if not is_bad or flags == 0 then pass(at_score) end
end
local is_end = #rows < 2 * max
-- At the very end stands the member that keeps the key, and nothing else.
for _, member in ipairs(is_end and read('ZRANGEBYSCORE', EXPIRATIONS, 'inf', 'inf', 'LIMIT', 0, number(max)) or {}) do
  if member ~= '' then note_bad(member, 'inf') end
end
local highest = read('ZREVRANGEBYSCORE', EXPIRATIONS, '(inf', '-inf', 'WITHSCORES', 'LIMIT', 0, 1)[2] or '-inf'
commit()
return header() .. struct.pack('>I4B', done, is_end and 1 or 0) .. sized(score) .. sized(highest) .. struct.pack('>I4', #bad)
  .. table.concat(bad)
