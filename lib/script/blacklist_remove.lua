#!lua flags=allow-oom
-- prelude: base.lua
-- prelude: blacklist.lua
-- prelude: blacklist_write.lua
-- Takes subjects off the list.
--
-- ARGV   1: what no other call says c8; 2: for each subject, which stands here once: size B, subject
-- reply  the server's clock I6, entries I8, how many were listed I4
local at = 1
while at <= #ARGV[2] do
  local subject
  subject, at = struct.unpack('>Bc0', ARGV[2], at)
  local part = part_of(subject)
  named[subject] = true
  touch(part)
  if find(part, subject) then
    unlist(part, subject)
    note(subject, 0)
  end
end
return commit(ARGV[1])
