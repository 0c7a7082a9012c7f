-- What the two scripts share that change the blacklist. It is put in front of them by the build.
local LOGGED = 65536  -- changes that the log keeps, and up to an entry more
local CLEARED = 32    -- entries that are over and cleared away, of each part that is touched
local parts, named, changes, changed, prefixes = {}, {}, {}, 0, {}

local function count_prefix(subject, by)
  local length = prefix_of(subject)
  if not length then return end
  local field = 'p' .. length
  prefixes[field] = (prefixes[field] or number_in_head(read('HGET', HEAD, field), field)) + by
end

-- What is to be written to a part; reads it so that what it is shows before the first write.
local function touch(part)
  if parts[part] then return parts[part] end
  permit('HSET', entries_of(part), 'f', 'v')
  permit('HDEL', entries_of(part), 'f')
  permit('ZADD', ends_of(part), '0', 'm')
  permit('ZREM', ends_of(part), 'm')
  parts[part] = { set = {}, unset = {}, ends = {}, endless = {} }
  parts[part].over = read('ZRANGEBYSCORE', ends_of(part), '-inf', number(now), 'LIMIT', '0', number(CLEARED))
  return parts[part]
end

local function note(subject, ends)
  changed = changed + 1
  changes[#changes + 1] = struct.pack('>I6B', ends, #subject) .. subject
end

local function count_entry(subject, by)
  entries = math.max(entries + by, 0)
  count_prefix(subject, by)
end

local function unlist(part, subject)
  local to = touch(part)
  to.unset[#to.unset + 1], to.endless[#to.endless + 1] = subject, subject
  count_entry(subject, -1)
end

local function list(part, subject, ends, reason, was)
  local to = touch(part)
  to.set[#to.set + 1], to.set[#to.set + 2] = subject, struct.pack('>I6I6', ends, now) .. reason
  if ends ~= FOREVER then
    to.ends[#to.ends + 1], to.ends[#to.ends + 2] = number(ends), subject
  elseif was and was ~= FOREVER then
    to.endless[#to.endless + 1] = subject
  end
  if not was then count_entry(subject, 1) end
end

-- Clients know by themselves when an entry is over: this is no change.
local function clear_over()
  for part, to in pairs(parts) do
    for _, subject in ipairs(to.over) do
      local ends = not named[subject] and find(part, subject)
      if ends and ends <= now then
        unlist(part, subject)
      elseif not named[subject] and not ends then
        to.endless[#to.endless + 1] = subject
      end
    end
  end
end

local function make_parts()
  for part = 0, 15 do
    redis.call('HSET', entries_of(part), '', '')
    redis.call('ZADD', ends_of(part), 'inf', '')
  end
end

local function write_parts()
  for part, to in pairs(parts) do
    if #to.unset > 0 then redis.call('HDEL', entries_of(part), unpack(to.unset)) end
    if #to.endless > 0 then redis.call('ZREM', ends_of(part), unpack(to.endless)) end
    if #to.set > 0 then redis.call('HSET', entries_of(part), unpack(to.set)) end
    if #to.ends > 0 then redis.call('ZADD', ends_of(part), unpack(to.ends)) end
  end
end

-- What follows a tag. A failover may lose changes of which the last comes again, with its number, behind others.
local function tag_after(before, chosen)
  local hash = redis.sha1hex((before or '') .. chosen)
  return struct.pack('>I4I4', tonumber(string.sub(hash, 1, 8), 16), tonumber(string.sub(hash, 9, 16), 16))
end

-- The log first: its id is refused unless it is the next. Where nothing was ever listed, what changes nothing makes nothing.
local function commit(chosen)
  if is_new and changed == 0 then return struct.pack('>I6I8I4', now, 0, 0) end
  clear_over()
  permit('HSET', HEAD, 'f', 'v')
  permit('XADD', LOG, '1-0', 'c', 'v')
  permit('XTRIM', LOG, 'MINID', '1-0')
  local fields = { 'layout', LAYOUT, 'entries', number(entries) }
  for field, count in pairs(prefixes) do
    fields[#fields + 1], fields[#fields + 2] = field, number(math.max(count, 0))
  end
  if is_new then
    for part = 0, 15 do touch(part) end
  end
  if changed > 0 then
    n = n + changed
    local tag = tag_after(head[4], chosen)
    local added = redis.pcall('XADD', LOG, number(n) .. '-0', 'c', tag .. struct.pack('>I2', changed) .. table.concat(changes))
    if type(added) == 'table' and added.err then fail('DAMAGED ' .. added.err .. described('XADD', LOG)) end
    if n > LOGGED then redis.call('XTRIM', LOG, 'MINID', number(n - LOGGED) .. '-0') end
    fields[#fields + 1], fields[#fields + 2], fields[#fields + 3], fields[#fields + 4] = 'n', number(n), 'tag', tag
  end
  if is_new then make_parts() end
  write_parts()
  redis.call('HSET', HEAD, unpack(fields))
  return struct.pack('>I6I8I4', now, entries, changed)
end
