#!lua
-- prelude: base.lua
-- prelude: grant_all.lua
-- prelude: shard.lua
-- prelude: transfers.lua
-- prelude: supply.lua
-- prelude: decide.lua
-- Takes units for users: available to reserved.
--
-- ARGV   2: as supply.lua says
--        3: what all requests have in common: quantity I4 (0: they differ, or a user stands in the batch twice), the times I6 at
--           which the first and the last of them were created
--        4: their reservation ids c16; 5: for each request its quantity I4, created I6
--        6 ...: the users in the same order, 64 in each: size B, user
-- reply  for each request: status B, flags B; then the records of those whose flags say so. Or as grant_all.lua says
open()
permit_writes()
take_supply()
local sale_status = sale()

-- Why a new request cannot be served; nil: it can.
local function refusal(user, quantity, created)
  if is_too_old(created) then return 'too_old' end
  if sale_status ~= 'ok' then return sale_status end
  return refuse_for_user(records[user], quantity) or refuse_for_stock(quantity)
end

local function reserve(user, id, quantity, created)
  if records[user] ~= '' then
    settle(user)
    local text = records[user]
    local at = find(text, id)
    if at then return answer(decided_before(text, at, quantity)) end
  end
  local refused = refusal(user, quantity, created)
  if refused then return answer(refused, 0) end
  answer('ok', 0, grant(user, id, quantity))
end

local users = {}
for i = 6, #ARGV do parse_users(ARGV[i], 1, users) end
load_users(users, 1, #users)
for i, user in ipairs(users) do
  reserve(user, string.sub(ARGV[4], i * 16 - 15, i * 16), struct.unpack('>I4I6', ARGV[5], i * 10 - 9))
end
commit()
write_transfers()
return reply_answers()
