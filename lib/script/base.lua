-- What every script shares. It is put in front of each by the build.
local function fail(text)
  error({ err = text })
end

local function number(value)
  return string.format('%.0f', value)
end

-- Of keys with another layout than this release's nothing else is known: it is looked at before anything else. Keys without any
-- are damage, which is for the caller to find.
local LAYOUT = 'SECKILL_KEY_LAYOUT'
local function check_layout(stored, key)
  if stored and stored ~= LAYOUT then
    fail('LAYOUT these keys have layout ' .. stored .. ', this release knows layout ' .. LAYOUT .. ' (' .. key .. ')')
  end
end

-- A command and its key, for a person.
local function described(command, ...)
  return ' (' .. command .. (select('#', ...) > 0 and ' ' .. select(1, ...) or '') .. ')'
end

-- Runs a command that changes nothing; an error names it.
local function read(command, ...)
  local reply = redis.pcall(command, ...)
  if type(reply) == 'table' and reply.err then fail(reply.err .. described(command, ...)) end
  return reply
end

-- What the server says of itself. A replica may lack what its master has: who asked it would ask the past.
local function read_server()
  local info = read('INFO', 'server', 'replication')
  if not string.find(info, 'role:master', 1, true) then fail('READONLY this server is a replica (INFO)') end
  return info
end

-- An ACL that forbids a command would stop a script half-way: ask before the first write.
local function permit(command, ...)
  if not redis.acl_check_cmd(command, ...) then fail('NOPERM the ACL forbids this' .. described(command, ...)) end
end
