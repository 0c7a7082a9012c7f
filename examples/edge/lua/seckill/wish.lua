-- What the body of a request says, where it is plain: one flat JSON object of known members, each of its kind, once, and no
-- escapes, in ASCII. Of all else (which may be good, or bad in one of many ways) the front says what it is.
--
-- SPDX-License-Identifier: MIT
local wish = {}

local SPACE = "^[ \t\r\n]*()"

-- Members of each body: what kind, how long a text may be.
local members = {
    requests = {quantity = "number", request_id = 64, retry = "boolean", created_at = "number", captcha = 4096},
    orders = {token = 1536, order_ref = 128},
    cancellations = {token = 1536},
}

local function skip(text, at)
    return text:match(SPACE, at)
end

-- The value that begins there, and where it ends; nil: not a plain one.
local function value_at(text, at)
    local value, next_at = text:match('^"([^"\\%c\128-\255]*)"()', at)
    if value then
        return value, next_at
    end
    value, next_at = text:match("^(%a+)()", at)
    if value == "true" or value == "false" then
        return value == "true", next_at
    end
    value, next_at = text:match("^(%d+)()", at)
    if value and #value <= 15 and (value == "0" or value:sub(1, 1) ~= "0") then
        return tonumber(value), next_at
    end
end

local function is_good(kind, value)
    if type(kind) == "number" then
        return type(value) == "string" and #value <= kind
    end
    return type(value) == kind
end

-- The members of the body of a route; nil: it is not plain.
function wish.read(route, text)
    local known, said = members[route], {}
    local at = text:match("^[ \t\r\n]*{[ \t\r\n]*()")
    while at do
        local name, begins = text:match('^"([%l_]+)"[ \t\r\n]*:[ \t\r\n]*()', at)
        local kind = name and said[name] == nil and known[name]
        if not kind then
            return nil
        end
        local value, ends = value_at(text, begins)
        if not ends or not is_good(kind, value) then
            return nil
        end
        said[name] = value
        at = skip(text, ends)
        local mark = text:sub(at, at)
        at = skip(text, at + 1)
        if mark == "}" then
            return at == #text + 1 and said or nil
        elseif mark ~= "," then
            return nil
        end
    end
end

-- The id of a request, in its body or in the field Idempotency-Key (a text, a table of several, or nil) with or without quotes.
-- Nil: there is none, or they differ.
local function id_of(said, field)
    if field == nil then
        return said.request_id
    elseif type(field) ~= "string" then
        return nil
    end
    field = field:match('^"(.*)"$') or field
    return (said.request_id == nil or said.request_id == field) and field or nil
end

-- What a request asks for that is no retry: its quantity; nil: it is one, or the front must say what is wrong with it.
function wish.first_attempt(said, field)
    local id, quantity = id_of(said, field), said.quantity or 1
    if said.retry ~= false or not id or #id == 0 or #id > 64 or quantity < 1 or quantity > 1000000 or said.created_at == 0 then
        return nil
    end
    return quantity
end

return wish
