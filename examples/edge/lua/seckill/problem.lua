-- Answers, as seckill-front gives them.
--
-- SPDX-License-Identifier: MIT
local codes = require "seckill.codes"
local library = require "seckill.library"
local metrics = require "seckill.metrics"

local RETRY_MS, RETRY_MAX_MS = 1000, 86400000 -- where nobody knows better; more than a day says nothing

local problem = {}

-- Ends the request with this body.
local function send(http, content_type, body)
    local header = ngx.header
    ngx.status = http
    header["Content-Type"] = content_type
    header["Content-Length"] = #body
    header["Cache-Control"] = "no-store"
    header["X-Content-Type-Options"] = "nosniff"
    ngx.print(body)
    return ngx.exit(ngx.HTTP_OK)
end

-- retry_after_ms may be nil. Whole seconds, rounded up: a client that comes back too early has asked for nothing.
function problem.json(http, body, retry_after_ms)
    if retry_after_ms then
        ngx.header["Retry-After"] = math.ceil(retry_after_ms / 1000)
    end
    metrics.answered("ok")
    return send(http, "application/json", body)
end

local function write(http, name, class, detail, retry_after_ms)
    local more = ""
    if class ~= "final" then
        ngx.header["Retry-After"] = math.ceil(retry_after_ms / 1000)
        more = (',"retry_after_ms":%d'):format(retry_after_ms)
    end
    metrics.answered(name)
    return send(http, "application/problem+json",
        ('{"type":"about:blank","title":"%s","status":%d,"detail":"%s","code":"%s","class":"%s"%s}'):format(
            codes.phrases[http], http, detail, name, class, more))
end

local function hint(retry_after_ms)
    return retry_after_ms and retry_after_ms > 0 and math.min(retry_after_ms, RETRY_MAX_MS) or RETRY_MS
end

-- Answers with a status of the library's. `detail` is plain text, nil: what the library says; retry_after_ms may be nil; `http`
-- is nil but where a status means something else (401).
function problem.status(status, detail, retry_after_ms, http)
    local name = library.name(status)
    return write(http or codes.http[name] or 504, name, library.class(status), detail or library.message(status),
        hint(retry_after_ms))
end

-- Answers with one of the front's own codes.
function problem.own(name, detail, retry_after_ms)
    local row = codes.own[name]
    return write(row[1], name, row[2], detail or row[3], hint(retry_after_ms))
end

-- Who asks is not known: by a status of the library's, or nil.
function problem.no_session(status, detail)
    ngx.header["WWW-Authenticate"] = status and 'Bearer error="invalid_token"' or "Bearer"
    if status then
        return problem.status(status, detail, nil, 401)
    end
    return problem.own("no_session", detail)
end

return problem
