#!lua
-- prelude: base.lua
-- prelude: shard.lua
-- prelude: transfers.lua
-- prelude: supply.lua
-- prelude: decide.lua
-- Takes units for users: available to reserved.
--
-- ARGV   2: as supply.lua says; 3: for each request: reservation id c16, quantity I4, created I6
--        4 ...: the users, one for each request
-- reply  for each request: status B, flags B; then the records of those whose flags say so
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
  settle(user)
  local text = records[user]
  local at = find(text, id)
  if at then return answer(decided_before(text, at, quantity)) end
  local refused = refusal(user, quantity, created)
  if refused then return answer(refused, 0) end
  answer('ok', 0, grant(user, id, quantity))
end

load_users(ARGV, 4, #ARGV)
for i = 4, #ARGV do
  reserve(ARGV[i], struct.unpack('>c16I4I6', ARGV[3], (i - 4) * 26 + 1))
end
commit()
write_transfers()
return reply_answers()
