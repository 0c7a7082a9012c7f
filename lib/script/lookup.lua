-- prelude: base.lua
-- prelude: shard.lua
-- Reads the records of users, as they stand now: what is overdue is shown as expired, or not at all.
--
-- ARGV   2 ...: the users
-- reply  for each user: count B and that many records
open()
permit_touch()
load_users(ARGV, 2, #ARGV)
local found = {}
for i = 2, #ARGV do
  settle(ARGV[i])
  local text = records[ARGV[i]]
  found[#found + 1] = string.char(#text / RECORD_SIZE) .. text
end
touch()
return header() .. table.concat(found)
