#!lua flags=no-writes
-- prelude: base.lua
-- prelude: shard.lua
-- prelude: scan.lua
-- Reads a page of a shard's users with their records, as they stand: what is overdue still counts where it stands.
--
-- ARGV   2: the cursor; 3: users wanted; 4: of which server the cursor is I8
-- reply  which server this is I8, whether the walk begins anew because the cursor is of another B; then as scan.lua says
open()
-- Cursors mean something to one process only, even where it has written nothing yet that would be a new epoch.
local server = struct.pack('>I8', tonumber(string.sub(run, 1, 12), 16))
local begins_anew = ARGV[2] ~= '0' and ARGV[4] ~= server
walk_on(begins_anew and '0' or ARGV[2], tonumber(ARGV[3]))
return header() .. server .. string.char(begins_anew and 1 or 0) .. reply_walk()
