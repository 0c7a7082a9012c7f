-- One server of Redis: sends commands that are written already, and reads the replies, over kept connections. Nothing here blocks
-- nginx, and all of it is bounded: connections, who waits for one, and how long.
--
-- SPDX-License-Identifier: MIT
local clock = require "seckill.clock"
local metrics = require "seckill.metrics"

local redis = {}

local settings, password
local paused = {} -- address -> until when it is left alone

function redis.start(all)
    settings = all
    password = all.redis_password_file ~= "" and require("seckill.settings").first_line(all.redis_password_file) or nil
end

-- The command as it goes over the wire.
function redis.command(...)
    local parts = {"*" .. select("#", ...) .. "\r\n"}
    for _, word in ipairs {...} do
        parts[#parts + 1] = "$" .. #word .. "\r\n" .. word .. "\r\n"
    end
    return table.concat(parts)
end

-- Reads a reply: its text (bulk and simple strings), number, table (arrays), or false (null); nil and what went wrong with the
-- connection; or "error" as a second value where it is an error.
local function read(socket)
    local line, wrong = socket:receive("*l")
    if not line then
        return nil, wrong
    end
    local kind, rest = line:sub(1, 1), line:sub(2)
    if kind == "-" then
        return rest, "error"
    elseif kind == "+" then
        return rest
    elseif kind == ":" then
        return tonumber(rest)
    end
    local size = tonumber(rest)
    if not size or (kind ~= "$" and kind ~= "*") then
        return nil, "this is not Redis"
    elseif size < 0 then
        return false
    elseif kind == "$" then
        local text
        text, wrong = socket:receive(size + 2)
        if not text then
            return nil, wrong
        end
        return text:sub(1, size)
    end
    local all = {}
    for i = 1, size do
        all[i], wrong = read(socket)
        if all[i] == nil then
            return nil, wrong
        end
    end
    return all
end

-- One command on a new connection; nil and what went wrong, an error of Redis' too.
local function say(socket, ...)
    local sent, wrong = socket:send(redis.command(...))
    if not sent then
        return nil, wrong
    end
    local reply, kind = read(socket)
    if reply == nil or kind == "error" then
        return nil, reply and "Redis says " .. reply or kind
    end
    return reply
end

-- What comes first on a connection: TLS, the password, and outside of a cluster (where replicas send elsewhere by themselves) the
-- question whether this is a master. True; or nil and what went wrong.
local function greet(socket, host)
    local good, wrong = true, nil
    if settings.redis_tls then
        good, wrong = socket:sslhandshake(false, settings.redis_tls_name ~= "" and settings.redis_tls_name or host, true)
    end
    if good and password then
        if settings.redis_user ~= "" then
            good, wrong = say(socket, "AUTH", settings.redis_user, password)
        else
            good, wrong = say(socket, "AUTH", password)
        end
    end
    if good and not settings.cluster and #settings.redis > 1 then
        good, wrong = say(socket, "ROLE")
        if good and good[1] ~= "master" then
            good, wrong = nil, "not a master"
        end
    end
    return good, wrong
end

-- host:port, [v6]:port, unix:/path
local function split(address)
    if address:sub(1, 5) == "unix:" then
        return address
    end
    local host, port = address:match("^%[(.*)%]:(%d+)$")
    if host then
        return "[" .. host .. "]", tonumber(port)
    end
    host, port = address:match("^([^:]+):(%d+)$")
    return host, tonumber(port)
end

local function connect(address)
    local socket = ngx.socket.tcp()
    local host, port = split(address)
    local options = {pool = address, pool_size = settings.redis_connections, backlog = settings.redis_waiting}
    local good, wrong
    socket:settimeouts(settings.redis_timeout_ms, settings.redis_timeout_ms, settings.redis_timeout_ms)
    if not host then
        return nil, "this is no address: " .. address
    elseif port then
        good, wrong = socket:connect(host, port, options)
    else
        good, wrong = socket:connect(host, options)
    end
    if good and socket:getreusedtimes() == 0 then
        good, wrong = greet(socket, host)
        if not good then
            socket:close()
        end
    end
    if not good then
        return nil, wrong
    end
    return socket
end

local function receive_all(socket, count)
    local replies = {}
    for i = 1, count do
        local value, kind = read(socket)
        if value == nil then
            return nil, kind
        elseif kind == "error" and value:sub(1, 8) == "READONLY" then
            return nil, "not a master" -- any more: a kept connection would go on saying so
        end
        replies[i] = {value = value, is_error = kind == "error"}
    end
    return replies
end

-- A server that did not answer is left alone for a while: who comes then is passed on at once. What only this worker has too many
-- of is no fault of the server's.
local function failed(address, wrong)
    metrics.add("seckill_edge_redis_failures_total", 1, wrong == "timeout" and "timeout" or "connection")
    if wrong ~= "too many waiting connect operations" then
        paused[address] = clock.now() + settings.redis_pause_ms
        ngx.log(ngx.WARN, "Redis at ", address, ": ", wrong)
    end
    return nil, wrong
end

function redis.is_paused(address)
    return paused[address] ~= nil and clock.now() < paused[address]
end

-- One try: the replies; or nil, what went wrong, and whether the connection was a kept one.
local function try(address, commands)
    local socket, wrong = connect(address)
    if not socket then
        return nil, wrong
    end
    local kept = socket:getreusedtimes() > 0
    local sent, replies
    sent, wrong = socket:send(commands)
    if sent then
        replies, wrong = receive_all(socket, #commands)
    end
    if not replies then
        socket:close()
        return nil, wrong, kept
    end
    socket:setkeepalive(settings.redis_idle_ms, settings.redis_connections)
    return replies
end

-- Sends all commands at once and reads their replies: {value, is_error} each. Nil and why: nothing is known of any. They only
-- read: what was lost with a connection that the server had closed meanwhile is sent again.
function redis.send(address, commands)
    if redis.is_paused(address) then
        return nil, "left alone"
    end
    local replies, wrong, kept = try(address, commands)
    if not replies and kept and wrong ~= "timeout" then
        replies, wrong = try(address, commands)
    end
    if not replies then
        return failed(address, wrong)
    end
    paused[address] = nil
    metrics.add("seckill_edge_redis_commands_total", #commands)
    return replies
end

return redis
