-- What can be set, with its default. nginx.conf names a file that returns a table of what is to be otherwise.
--
-- SPDX-License-Identifier: MIT

-- Each: the default, and for numbers what is least and most.
local known = {
    -- The library and its keys.
    library = {"libseckill.so.1"}, -- a path, or a name that the system's loader finds
    keys = {""},                   -- file: PASERK keys, one a line, as the fronts have them; the first that can issue issues
    leeway_ms = {2000, 0, 3600000}, -- by which clocks may differ when a token ends: as the fronts' --leeway

    -- Redis.
    redis = {{}},                    -- addresses: host:port, [v6]:port or unix:/path; a server and its replicas, or of a cluster
    cluster = {false},               -- true: a Redis Cluster
    prefix = {"seckill"},            -- of all keys
    redis_user = {""},               -- ACL user
    redis_password_file = {""},      -- its first line is the password
    redis_tls = {false},
    redis_tls_name = {""},           -- whose certificate is wanted; "": the host's of the address
    redis_timeout_ms = {500, 10, 60000},       -- of connecting, and of each reply
    redis_connections = {32, 1, 4096},         -- of one nginx worker to each server
    redis_waiting = {512, 0, 65536},           -- requests of one worker that wait for one of them; more are passed on
    redis_idle_ms = {30000, 1000, 3600000},    -- how long an unused connection is kept
    redis_pause_ms = {500, 10, 60000},         -- how long a server that did not answer is left alone

    -- Readings.
    age_ms = {200, 10, 200},         -- how old anything that is told may be
    wait_ms = {1000, 10, 10000},     -- how long a request waits for a reading; then it is passed on
    items = {2048, 16, 65536},       -- items and activities that one worker remembers

    -- Who asks.
    sessions = {16384, 0, 1048576},  -- verified session tokens that one worker remembers
    blacklist = {true},              -- false: nobody is refused for standing there; as the fronts' --no-blacklist
    tickets = {true},                -- false: polls of tickets are passed on
    poll_min_ms = {500, 1, 3600000}, -- what holders of tickets are told to wait: as the fronts' --poll-min ...
    poll_max_ms = {3000, 1, 3600000}, -- ... and --poll-max
    max_body_bytes = {8192, 256, 1048576}, -- of bodies that are looked at; as client_max_body_size
}

local settings = {}

local function check(name, value)
    local row = known[name]
    if not row then
        return "there is no such setting"
    end
    if type(value) ~= type(row[1]) then
        return "a " .. type(row[1]) .. " is wanted"
    end
    if row[2] and (value < row[2] or value > row[3] or value ~= math.floor(value)) then
        return ("a whole number from %d to %d is wanted"):format(row[2], row[3])
    end
end

local function check_all(one)
    for _, name in ipairs {"keys", "prefix", "library"} do
        assert(one[name] ~= "", "settings: " .. name .. " is missing")
    end
    assert(#one.redis > 0, "settings: redis is missing: at least one address is wanted")
    assert(one.redis_user == "" or one.redis_password_file ~= "", "settings: redis_user needs redis_password_file")
    assert(one.poll_min_ms <= one.poll_max_ms, "settings: poll_min_ms must not be more than poll_max_ms")
end

-- Reads the file, an error says what is wrong with it.
function settings.read(path)
    local one = {}
    for name, row in pairs(known) do
        one[name] = row[1]
    end
    for name, value in pairs(dofile(path)) do
        local wrong = check(name, value)
        assert(not wrong, ("settings: %s: %s"):format(tostring(name), tostring(wrong)))
        one[name] = value
    end
    check_all(one)
    return one
end

-- The first line of a file of secrets.
function settings.first_line(path)
    local file = assert(io.open(path))
    local line = file:read("*l")
    file:close()
    return assert(line, path .. " is empty")
end

return settings
