-- What becomes of a request for /v1/...: answered here, or passed on to a front. nginx.conf calls what stands below.
--
-- A decision ends in a function of problem's, which ends the request, or in pass. Whatever is not understood is passed on: the
-- front has the last word on everything, and what is refused here it would refuse too.
--
-- SPDX-License-Identifier: MIT
local lrucache = require "resty.lrucache"
local catalog = require "seckill.catalog"
local library = require "seckill.library"
local listed = require "seckill.listed"
local metrics = require "seckill.metrics"
local problem = require "seckill.problem"
local servers = require "seckill.servers"
local session = require "seckill.session"
local tickets = require "seckill.tickets"
local wish = require "seckill.wish"

local edge = {}

local PATHS = 1024 -- that are remembered

local settings
local parsed = assert(lrucache.new(PATHS))

-- In nginx's master process: an error here ends it, or the reload.
function edge.start(path)
    settings = require("seckill.settings").read(path)
    library.load(settings.library)
    session.start(settings)
    servers.start(settings)
    catalog.start(settings)
    listed.start(settings)
    tickets.start(settings)
end

-- ---- parts of decisions

-- Passes the request on; to a second front, where the first does not answer, only if that is safe.
local function pass(reason, may_repeat)
    metrics.passed(reason)
    return ngx.exec(may_repeat and "@again" or "@once")
end

-- The user; nil: answered.
local function user_of()
    local user, status, detail = session.user()
    if not user then
        problem.no_session(status, detail)
    end
    return user
end

-- Whether somebody is listed, and answered; `user` may be nil.
local function is_listed(user)
    local who = listed.find(ngx.var.remote_addr, user)
    if who and who ~= "" then
        problem.status(library.BLACKLISTED, "the " .. who .. " is blacklisted")
        return true
    end
    return false
end

local function is_json(kind)
    return kind == "application/json" or
        (kind and kind:match("^[^;]*"):gsub("[ \t]+$", ""):lower() == "application/json")
end

-- What the body says; nil: nothing that is plain.
local function said_of(route)
    if not is_json(ngx.var.content_type) then
        return nil
    end
    ngx.req.read_body()
    local body = ngx.req.get_body_data()
    return body and #body <= settings.max_body_bytes and wish.read(route, body) or nil
end

-- ---- the routes

local routes = {}

local function read(find)
    return function(...)
        local entry = find(...)
        if not entry then
            return pass("not_read", true)
        elseif entry.status ~= library.OK then
            return problem.status(entry.status, entry.detail)
        end
        return problem.json(200, entry.offset and entry.json .. catalog.server_time(entry) .. "}" or entry.json)
    end
end

routes.item, routes.activity = read(catalog.item), read(catalog.activity)

local function refuse(activity, item, quantity)
    local entry = catalog.item_ahead(activity, item)
    if entry and entry.status ~= library.OK then
        problem.status(entry.status)
        return true
    end
    local status, wait_ms
    if entry then
        status, wait_ms = catalog.foresee(entry, quantity)
    end
    if status then
        problem.status(status, nil, wait_ms)
    end
    return status ~= nil
end

-- The field Idempotency-Key; a table where it stands there twice.
local function key_field()
    return ngx.var.http_idempotency_key and ngx.req.get_headers(0)["idempotency-key"]
end

-- Only who says that this is the first attempt is refused here: the grant of an earlier one may stand. And a first attempt is never
-- repeated by the edge: the second front would take it for the first.
function routes.requests(activity, item)
    local user = user_of()
    if not user then
        return
    end
    local said = said_of("requests")
    local quantity = said and wish.first_attempt(said, key_field())
    if quantity and refuse(activity, item, quantity) or is_listed(quantity and user or nil) then
        return
    end
    return pass(quantity and "first_attempt" or "retry", said ~= nil and said.retry ~= false)
end

function routes.tickets(text)
    local user = user_of()
    if not user then
        return
    end
    local ticket, owner = session.ticket(text)
    if not ticket then
        return problem.status(owner)
    elseif owner ~= user then
        return problem.own("not_yours")
    elseif is_listed() then
        return
    elseif not settings.tickets then
        return pass("ticket", true)
    end
    local answer = catalog.ticket(ticket)
    local json, wait_ms = nil, nil
    if answer then
        json, wait_ms = tickets.json(answer)
    end
    if not json then
        return pass("ticket", true)
    end
    return problem.json(200, json, wait_ms)
end

-- What must be one's own, and with a token of a reservation in its body.
local function claim(route)
    return function()
        local user = user_of()
        if not user then
            return
        end
        local said = said_of(route)
        if said and said.token and said.token ~= "" then
            local owner, status = session.reservation(said.token)
            if not owner then
                return problem.status(status)
            elseif owner ~= user then
                return problem.own("not_yours")
            end
        end
        if not is_listed() then
            return pass(route, true)
        end
    end
end

routes.orders, routes.cancellations = claim("orders"), claim("cancellations")

-- What a front answers whoever it is; here nobody passes who does not say who he is.
local function own(route)
    return function()
        if user_of() and not is_listed() then
            return pass(route, true)
        end
    end
end

routes.cart, routes.captcha = own("cart"), own("captcha")

-- ---- which route it is

local ID = "([%w._-]+)"
local paths = {
    {"GET", "^/v1/activities/" .. ID .. "/items/" .. ID .. "$", "item"},
    {"POST", "^/v1/activities/" .. ID .. "/items/" .. ID .. "/requests$", "requests"},
    {"GET", "^/v1/tickets/([^/]+)$", "tickets"},
    {"GET", "^/v1/activities/" .. ID .. "$", "activity"},
    {"GET", "^/v1/activities/" .. ID .. "/cart$", "cart"},
    {"GET", "^/v1/captcha$", "captcha"},
    {"POST", "^/v1/orders$", "orders"},
    {"POST", "^/v1/cancellations$", "cancellations"},
}

-- As the front reads it: the segments are decoded, and that is all. Nil: it has an escaped slash in it, or a NUL.
local function path_of(target)
    local path = target:match("^[^?]*")
    if not path:find("%", 1, true) then
        return path
    end
    if path:find("%%2[fF]") or path:find("%00", 1, true) then
        return nil
    end
    return (path:gsub("%%(%x%x)", function(digits)
        return string.char(tonumber(digits, 16))
    end))
end

local function is_id(text)
    return text == nil or #text <= 64
end

-- {verb, route, first, second} of a request target; route nil: a front must say what it is.
local function parse(target)
    local path = path_of(target)
    for _, row in ipairs(path and paths or {}) do
        local first, second = path:match(row[2])
        if first and (row[3] == "tickets" or row[3] == "captcha" or (is_id(first) and is_id(second))) then
            return {row[1], row[3], first, second}
        end
    end
    return {"GET"}
end

-- What most ask for is parsed once; but each ticket's path is asked for by one user only.
local function find(target)
    local found = parsed:get(target)
    if not found then
        found = parse(target)
        if found[2] ~= "tickets" then
            parsed:set(target, found)
        end
    end
    return found
end

-- The content phase of /v1/: answers, or lets a front answer.
function edge.decide()
    local target, verb = ngx.var.request_uri, ngx.req.get_method()
    local found = find(target)
    local route = found[1] == (verb == "HEAD" and "GET" or verb) and found[2] or nil
    metrics.route(route or "none")
    if route then
        return routes[route](found[3], found[4])
    elseif target:sub(1, 4) ~= "/v1/" then -- nginx has found /v1/ by resolving dots and slashes; the front does not
        return problem.own("no_such_path")
    end
    return pass("no_route", false)
end

-- ---- nginx's own answers, and the private listener

local own_codes = {
    [400] = "bad_request", [408] = "request_timeout", [413] = "body_too_large", [414] = "uri_too_long",
    [431] = "header_too_large", [501] = "not_implemented",
}

-- nginx, or a limit of it, refused the request: in the front's words.
function edge.refused()
    local http = ngx.status
    metrics.route("none")
    return problem.own(own_codes[http] or "bad_request")
end

function edge.limited()
    metrics.route("none")
    return problem.status(library.RATE_LIMITED, "too many requests have come from this address in too little time")
end

-- No front answered. If none was reached nothing was done; else it is not known.
function edge.unanswered()
    metrics.route("none")
    if (ngx.var.upstream_connect_time or ""):find("%d") then
        return problem.status(library.UNKNOWN, "no front answered in time: ask again with the same id")
    end
    return problem.status(library.UNREACHABLE, "no front could be reached; nothing was done")
end

function edge.metrics()
    ngx.header["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8"
    ngx.print(metrics.page(require("ffi").string(library.C.seckill_version())))
end

return edge
