-- Who asks: the keys, and the session tokens that this worker has verified.
--
-- SPDX-License-Identifier: MIT
local ffi = require "ffi"
local lrucache = require "resty.lrucache"
local clock = require "seckill.clock"
local library = require "seckill.library"
local metrics = require "seckill.metrics"

local session = {}

local ring, leeway, remembered
local ref = ffi.new("seckill_reservation_ref")
local token, written = ffi.new("char[?]", library.TOKEN_SIZE), ffi.new("size_t[1]")

-- Reads the keys, in nginx's master process, which may read what its workers may not: a file that cannot be used is an error, by
-- which nginx refuses to start, or to reload, and goes on as it was.
local function read_keys(path)
    local keys = assert(library.new("seckill_keyring", "seckill_keyring_new", "seckill_keyring_free"))
    local count = 0
    for line in assert(io.lines(path)) do
        local key = line:match("^%s*([^#%s]*)")
        if key ~= "" then
            count = count + 1
            local status = library.C.seckill_keyring_add(keys, key, #key)
            assert(status == library.OK, ("%s: key %d: %s"):format(path, count, library.message(status)))
        end
    end
    assert(count > 0, path .. ": there is no key in it")
    return keys
end

local function issues()
    ref.user[0], ref.user_size, ref.issued_ms, ref.valid_until_ms = 120, 1, 1, 2
    return library.C.seckill_token_issue(ring, library.TOKEN_SESSION, ref, token, library.TOKEN_SIZE, written) == library.OK
end

function session.start(settings)
    ring, leeway = read_keys(settings.keys), settings.leeway_ms
    assert(issues(), settings.keys .. ": no key of it can issue tokens: a k4.local or k4.secret key is wanted")
    remembered = settings.sessions > 0 and assert(lrucache.new(settings.sessions)) or nil
end

-- The user of a session token; nil and a status: it is none that is good.
local function verify(text)
    local now = clock.wall()
    local known = remembered and remembered:get(text)
    if known then
        metrics.add("seckill_edge_sessions_total", 1, "remembered")
        if now <= known.valid_until + leeway then
            return known.user
        end
        remembered:delete(text)
        return nil, library.TOKEN_EXPIRED
    end
    local status = library.C.seckill_token_verify(ring, library.TOKEN_SESSION, text, #text, now, leeway, ref)
    metrics.add("seckill_edge_sessions_total", 1, status == library.OK and "verified" or "refused")
    if status ~= library.OK then
        return nil, status
    end
    local user = ffi.string(ref.user, ref.user_size)
    if remembered then
        remembered:set(text, {user = user, valid_until = tonumber(ref.valid_until_ms)})
    end
    return user
end

-- The user who asks; nil, and a status or nil, and what is wrong. (nginx refuses a second Authorization field.)
function session.user()
    local field = ngx.var.http_authorization
    local text = field and field:match("^[Bb][Ee][Aa][Rr][Ee][Rr] +(.+)$")
    if not text then
        return nil, nil, "a session token is wanted: Authorization: Bearer ..."
    end
    return verify(text)
end

-- A ticket and its user; nil and a status.
function session.ticket(text)
    local ticket = ffi.new("seckill_ticket") -- the request's own: Redis is asked about it
    local status = library.C.seckill_ticket_verify(ring, text, #text, clock.wall(), leeway, ticket)
    if status ~= library.OK then
        return nil, status
    end
    return ticket, ffi.string(ticket.user, ticket.user_size)
end

-- The user of a reservation's token; nil and a status.
function session.reservation(text)
    local status = library.C.seckill_token_verify(ring, library.TOKEN_RESERVATION, text, #text, clock.wall(), leeway, ref)
    if status ~= library.OK then
        return nil, status
    end
    return ffi.string(ref.user, ref.user_size)
end

-- The token of a reservation; nil and a status.
function session.issue(reservation)
    local status = library.C.seckill_token_issue(ring, library.TOKEN_RESERVATION, reservation, token, library.TOKEN_SIZE, written)
    if status ~= library.OK then
        return nil, status
    end
    return ffi.string(token, written[0])
end

return session
