#!lua flags=allow-oom
-- prelude: base.lua
-- prelude: shard.lua
-- Writes a settled reservation's event once more, for an orders side that has lost it: as sold, or as refunded.
--
-- ARGV   2: the reservation id c16; 3: the user
-- reply  status B, flags B; then the record, if the flags say so
open()
permit_writes()
permit_events()
local KINDS = { [SOLD] = 1, [REFUNDED] = 2 }

local function repeat_event(user, id)
  local text = records[user]
  local at = find(text, id)
  if not at then return answer('no_reservation', 0) end
  local record = get(text, at)
  if not KINDS[record.state] then return answer('conflict', 0) end
  if not has_room_for_event() then return answer('busy', 0) end
  add_event(KINDS[record.state], user, record, '')
  answer('ok', 0, string.sub(text, at, at + RECORD_SIZE - 1))
end

load_users(ARGV, 3, 3)
repeat_event(ARGV[3], ARGV[2])
commit()
return reply_answers()
