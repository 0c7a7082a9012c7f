-- What the scripts share that walk over a shard's users: audit and reservations. It is put in front of them by the build.
--
-- A walk begins at cursor '0' and ends where the next cursor is '0' again. It meets every user who is there all the time, some
-- twice; with another epoch the cursors mean nothing any more, and it begins again.
-- reply  the next cursor: size B, text; users I4; for each: size of the user B, user, records B (255: what is stored is damaged),
--        and that many records
local DAMAGED = 255
local QUANTITY_MAX = SECKILL_QUANTITY_MAX
local walk = { cursor = '0', users = {} }

local function is_sound(user, text)
  return #user <= SECKILL_USER_MAX and #text > 0 and #text % RECORD_SIZE == 0 and #text <= RECORDS_MAX * RECORD_SIZE
end

-- Reads the users of the next step, into `records` and in their order into walk.users; damaged ones are no part of `records`.
local function walk_on(cursor, max)
  local reply = read('HSCAN', USERS, cursor, 'COUNT', number(max))
  walk.cursor = reply[1]
  for i = 1, #reply[2], 2 do
    local user, text = reply[2][i], reply[2][i + 1]
    -- The empty field keeps the key, and is nobody.
    if user ~= '' and is_sound(user, text) then
      records[user], stored[user] = text, text
    end
    if user ~= '' then walk.users[#walk.users + 1] = user end
  end
end

-- Whether each of a user's records can be one, and stands there once.
local function are_records(text)
  for at = 1, #text, RECORD_SIZE do
    local id, state, quantity, _, _, ends = struct.unpack(RECORD, text, at)
    state = state % STATES
    if state < RESERVED or state > REFUSED or find(text, id) ~= at then return false end
    if quantity < 1 or quantity > QUANTITY_MAX then return false end
    if ends > 0 and (state == SOLD or state == REFUNDED) then return false end
  end
  return true
end

local function reply_walk()
  local out = { string.char(#walk.cursor) .. walk.cursor, struct.pack('>I4', #walk.users) }
  for _, user in ipairs(walk.users) do
    local text = records[user]
    out[#out + 1] = string.char(math.min(#user, 255)) .. string.sub(user, 1, 255)
      .. string.char(text and #text / RECORD_SIZE or DAMAGED) .. (text or '')
  end
  return table.concat(out)
end
