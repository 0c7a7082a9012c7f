-- What every script shares. It is put in front of each by the build.
local function fail(text)
  error({ err = text })
end

local NUMBER_END = 9007199254740992 -- every whole number below it is exact; nor is infinity a number, or what is none

-- A whole number under 2^53 as text: in parts that are integers to C on every machine, which costs a fifth of '%.0f'.
local function number(value)
  if value < 0 then return string.format('%.0f', value) end
  if value < 1000000000 then return string.format('%d', value) end
  local low = value % 1000000000
  return string.format('%d%09d', (value - low) / 1000000000, low)
end

-- Of keys with another layout than this release's nothing else is known: it is looked at before anything else. Keys without any
-- are damage, which is for the caller to find.
local LAYOUT = 'SECKILL_KEY_LAYOUT'
local function check_layout(stored, key)
  if stored and stored ~= LAYOUT then
    fail('LAYOUT these keys have layout ' .. stored .. ', this release knows layout ' .. LAYOUT .. ' (' .. key .. ')')
  end
end

-- What shards answer and store on their short ways too. A record behind its id: see shard.lua.
local ALIKE = '\204' -- one answer instead of all
local RECORD_END = '>BI4I7I6I6I4'
-- The byte of the state holds the audit's stamp above it: the generation that counted the user's records last.
local STATES, STAMPS = 16, 15
local function stamp_of(generation)
  return generation == 0 and 0 or ((generation - 1) % STAMPS + 1) * STATES
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

-- Which life of the data this is: run id and replication id, the first half of each. A server that was a replica in between may
-- have lost writes and has the same run id, but not the same replication id.
local function read_run()
  local info = read_server()
  return string.sub(string.match(info, 'run_id:(%x+)'), 1, 20) .. string.sub(string.match(info, 'master_replid:(%x+)'), 1, 20)
end

-- Whether it is this one still, of a master: every start and every promotion gives another replication id. Which of the two it is
-- that has changed is for read_run() to say.
local function is_life(run)
  local info = read('INFO', 'replication')
  local at = string.find(info, 'master_replid:', 1, true)
  return at and string.find(info, 'role:master', 1, true) and string.sub(info, at + 14, at + 33) == string.sub(run, 21)
end

-- An ACL that forbids a command would stop a script half-way: ask before the first write.
local function permit(command, ...)
  if not redis.acl_check_cmd(command, ...) then fail('NOPERM the ACL forbids this' .. described(command, ...)) end
end
