#!lua flags=no-writes
-- prelude: base.lua
-- Tells what has changed in the blacklist since a client looked last, and, where it has nothing left to hear of, a page of the
-- entries. The keys are as blacklist.lua says.
--
-- A position is the number of changes seen, and the tag of the log's entry that was the last of them. Where the log has that
-- entry with that tag, what came behind it is all that the client lacks, whatever server this is. After changes were lost (by a
-- failover, or another list was restored) it has not.
--
-- KEYS   1: the head; 2: the log; 3: where a page is wanted, the part of the entries that is walked
-- ARGV   1: the position: n I8, tag c8; or nothing; 2: entries of the log at most
--        3: a cursor, or nothing; 4: entries wanted; 5: of which server the cursor is I8
-- reply  the server's clock I6; entries I8; whether the client's position is lost, or it had none B; its position now: n I8,
--        tag c8; whether it lacks more B; changes I4, each as in the log; whether a page follows B; then which server this is
--        I8, whether the walk of the part begins anew B, the next cursor: size B, text; entries I4; for each: size B, subject,
--        until I6, since I6, size B, reason
local HEAD, LOG = KEYS[1], KEYS[2]
local NO_TAG = string.rep('\0', 8)

local run = read_run()
local time = read('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local head = read('HMGET', HEAD, 'layout', 'n', 'tag', 'entries')
check_layout(head[1], HEAD)
if head[1] and read('EXISTS', unpack(KEYS)) < #KEYS then fail('DAMAGED ' .. HEAD .. ': keys of the blacklist are missing') end

local function entry_of(reply)
  local packed = reply[2][2]
  local tag, count = struct.unpack('>c8I2', packed)
  return tonumber(string.match(reply[1], '^(%d+)')), tag, count, string.sub(packed, 11)
end

-- Whether the log goes on from a position, and what it says then.
local function log_from(n, tag)
  local log = read('XRANGE', LOG, number(n) .. '-0', '+', 'COUNT', number(tonumber(ARGV[2]) + 1))
  if n == 0 then
    -- Nothing was ever seen: all must be there.
    if not log[1] then return (head[2] or '0') == '0', {} end
    local first, _, count = entry_of(log[1])
    return first == count, log
  end
  if not log[1] then return false end
  local first, first_tag = entry_of(log[1])
  return first == n and first_tag == tag, { unpack(log, 2) }
end

local function follow()
  if ARGV[1] ~= '' then
    local n, tag = struct.unpack('>I8c8', ARGV[1])
    local goes_on, log = log_from(n, tag)
    if goes_on then return false, n, tag, log end
  end
  local n, tag = tonumber(head[2] or '0'), head[3] or NO_TAG
  -- From there it would be lost again, and all be read anew for ever.
  if not log_from(n, tag) then fail('DAMAGED ' .. LOG .. ': it does not end where the head says') end
  return true, n, tag, {}
end

local is_lost, n, tag, log = follow()
local changes, changed = {}, 0
for _, reply in ipairs(log) do
  local count, packed
  n, tag, count, packed = entry_of(reply)
  changed = changed + count
  changes[#changes + 1] = packed
end
local has_more = n < tonumber(head[2] or '0')
local out = struct.pack('>I6I8BI8', now, tonumber(head[4] or '0'), is_lost and 1 or 0, n) .. tag
  .. struct.pack('>BI4', has_more and 1 or 0, changed) .. table.concat(changes)
if is_lost or has_more or ARGV[3] == '' then return out .. '\0' end

-- Cursors mean something to one process only.
local server = struct.pack('>I8', tonumber(string.sub(run, 1, 12), 16))
local begins_anew = ARGV[3] ~= '0' and ARGV[5] ~= server
local reply = read('HSCAN', KEYS[3], begins_anew and '0' or ARGV[3], 'COUNT', ARGV[4])
local page, pieces = {}, 0
for i = 1, #reply[2], 2 do
  local subject, entry = reply[2][i], reply[2][i + 1]
  if subject ~= '' then -- which keeps the key
    if #subject > 255 or #entry < 12 or #entry > 267 then fail('DAMAGED ' .. KEYS[3] .. ': what is stored is no entry') end
    page[pieces + 1], page[pieces + 2] = string.char(#subject), subject
    page[pieces + 3], page[pieces + 4] = string.sub(entry, 1, 12), string.char(#entry - 12)
    page[pieces + 5] = string.sub(entry, 13)
    pieces = pieces + 5
  end
end
return out .. '\1' .. server .. string.char(begins_anew and 1 or 0) .. string.char(#reply[1]) .. reply[1]
  .. struct.pack('>I4', pieces / 5) .. table.concat(page)
