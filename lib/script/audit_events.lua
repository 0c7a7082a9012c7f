#!lua flags=no-writes
-- prelude: base.lua
-- prelude: shard.lua
-- prelude: scan.lua
-- A step of the audit: events that wait, against the records that they tell of.
--
-- ARGV   2: the event to go on behind: epoch I8, n I8; events at most I4
-- reply  the last event that ever was: epoch I8, n I8; count I4; for each: what is wrong B: 0 nothing, 1 no record is in a state
--        that it tells of, 2 quantity or price are other ones,
--        3 it is no event (its size is then 0); epoch I8, n I8, size I2, the event as in events_read
open()
local epoch, n, max = struct.unpack('>I8I8I4', ARGV[2])
local FITS, NO_RECORD, DIFFERS, GARBAGE = 0, 1, 2, 3
local CONFIRMED, REFUND = 1, 2

-- kind, reservation id, quantity, price, user; nil where it is no event.
local function parse(text)
  if not text or #text < 36 then return nil end
  local kind, id, quantity, price = struct.unpack('>Bc16I4I7', text)
  local size = string.byte(text, 35)
  local user = string.sub(text, 36, 35 + size)
  local rest = string.byte(text, 36 + size)
  if (kind ~= CONFIRMED and kind ~= REFUND) or size == 0 or size > SECKILL_USER_MAX or not rest or #text ~= 36 + size + rest then return nil end
  return { kind = kind, id = id, quantity = quantity, price = price, user = user }
end

local function judge(event)
  local text = records[event.user]
  local at = text and find(text, event.id)
  local record = at and get(text, at)
  if not record or (record.state ~= REFUNDED and (record.state ~= SOLD or event.kind ~= CONFIRMED)) then return NO_RECORD end
  return record.quantity == event.quantity and record.price == event.price and FITS or DIFFERS
end

local entries = read('XRANGE', EVENTS, '(' .. number(epoch) .. '-' .. number(n), '+', 'COUNT', number(max))
local parsed, users = {}, {}
for i, entry in ipairs(entries) do
  parsed[i] = parse(entry[2][2])
  if parsed[i] then users[#users + 1] = parsed[i].user end
end
for i, text in ipairs(#users > 0 and read('HMGET', USERS, unpack(users)) or {}) do
  if text and is_sound(users[i], text) then records[users[i]] = text end
end
local out = {}
for i, entry in ipairs(entries) do
  local at_epoch, at_n = string.match(entry[1], '^(%d+)-(%d+)$')
  local text = parsed[i] and entry[2][2] or ''
  out[i] = struct.pack('>BI8I8I2', parsed[i] and judge(parsed[i]) or GARBAGE, tonumber(at_epoch), tonumber(at_n), #text) .. text
end
return header() .. struct.pack('>I8I8I4', stock.epoch, stock.event, #entries) .. table.concat(out)
