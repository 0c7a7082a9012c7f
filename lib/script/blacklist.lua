-- What the scripts share that look at subjects of the blacklist: add, remove and check. It is put in front of them by the
-- build.
--
-- KEYS   1: the head: a hash with `layout`, `n` (changes ever), `tag` (of the log's last entry), `entries`, and for each length
--           of a prefix that is listed its number of entries: p0 to p128
--        2: the log: a stream; an entry's id is N-0, N the changes up to it, and it has one field: tag c8, changes in it I2,
--           for each: until I6 (0: removed), size of the subject B, subject. A tag is a hash of the one before and of what the
--           writer chose: where two lists have the same one, all that came before is the same too
--        3 to 18: the entries, in 16 parts: subject -> until I6 (FOREVER: no end), since I6, reason
--        19 to 34: of each part those that end: until -> subject
-- From the first entry on all of them exist: those that have none hold an empty field or member. While a slot moves, a key that
-- does not exist would hold up whoever names it.
--
-- A subject is: size of the kind B, kind, value; of an address the value is 16 bytes and the length of its prefix B.
local HEAD, LOG = KEYS[1], KEYS[2]
local FOREVER = 281474976710655
local ADDRESS = '\7address'

read_server()
local time = read('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function damaged(what)
  fail('DAMAGED ' .. HEAD .. ': ' .. what)
end

local function number_in_head(text, name)
  local value = tonumber(text or '0')
  if not value or value < 0 or value >= NUMBER_END then damaged(name .. ' is no number') end
  return value
end

local head = read('HMGET', HEAD, 'layout', 'n', 'entries', 'tag')
check_layout(head[1], HEAD)
local is_new = not head[1]
local existing = read('EXISTS', unpack(KEYS))
if is_new and existing > 0 then damaged('is missing, and other keys of the blacklist are not') end
if not is_new and existing < #KEYS then damaged('keys of the blacklist are missing') end
local n, entries = number_in_head(head[2], 'n'), number_in_head(head[3], 'entries')

local function part_of(subject)
  return tonumber(string.sub(redis.sha1hex(subject), 1, 1), 16)
end
local function entries_of(part) return KEYS[3 + part] end
local function ends_of(part) return KEYS[19 + part] end

-- The length of an address' prefix; nil: it is none.
local function prefix_of(subject)
  return string.sub(subject, 1, #ADDRESS) == ADDRESS and string.byte(subject, #subject) or nil
end

-- What is listed of a subject: until, since, reason; nil: nothing.
local function find(part, subject)
  local entry = read('HGET', entries_of(part), subject)
  if not entry then return nil end
  if #entry < 12 then fail('DAMAGED ' .. entries_of(part) .. ': an entry is too short') end
  local ends, since = struct.unpack('>I6I6', entry)
  return ends, since, string.sub(entry, 13)
end
