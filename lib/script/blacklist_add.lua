#!lua
-- prelude: base.lua
-- prelude: blacklist.lua
-- prelude: blacklist_write.lua
-- Lists subjects.
--
-- ARGV   1: what no other call says c8; 2: for each subject, which stands here once: flags B (1: what lasts as long or longer
--        stays), until I6 (FOREVER: no end), size B, subject, size B, reason
-- reply  the server's clock I6, entries I8, how many were changed I4
local at = 1
while at <= #ARGV[2] do
  local flags, ends, subject, reason
  flags, ends, subject, reason, at = struct.unpack('>BI6Bc0Bc0', ARGV[2], at)
  local part = part_of(subject)
  named[subject] = true
  touch(part)
  local was, _, why = find(part, subject)
  local is_same = was == ends and why == reason
  if not is_same and not (flags == 1 and was and was >= ends) then
    list(part, subject, ends, reason, was)
    note(subject, ends)
  end
end
return commit(ARGV[1])
