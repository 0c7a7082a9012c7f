-- The blacklist: Redis says exactly who is listed, and what it said of somebody, whichever it is, counts for age_ms in all workers.
--
-- SPDX-License-Identifier: MIT
local ffi = require "ffi"
local clock = require "seckill.clock"
local library = require "seckill.library"
local servers = require "seckill.servers"

local listed = {}

local settings
local dictionary = ngx.shared.seckill_listed
local subjects = ffi.new("seckill_subject[2]")
local findings = ffi.new("seckill_blacklist_finding[2]")
local kinds = {address = ffi.new("char[8]", "address"), user = ffi.new("char[5]", "user")}

function listed.start(all)
    settings = all
end

-- What is remembered of a subject: true or false; nil: nothing that is fresh. It is written as when it was asked, negative for who
-- is listed.
local function recall(kind, value)
    local asked = dictionary:get(kind .. value)
    if asked and clock.now() - math.abs(asked) < settings.age_ms then
        return asked < 0
    end
end

local function remember(kind, value, is_listed, asked)
    dictionary:set(kind .. value, is_listed and -asked or asked, settings.age_ms / 1000)
end

-- Asks Redis about up to two subjects: {kind, value} each. Which of them is listed, "" for none; nil: it cannot be asked.
local function ask(some)
    local asked = clock.now()
    local question = {write = function(flags)
        for i, one in ipairs(some) do
            subjects[i - 1].kind = kinds[one[1]]
            subjects[i - 1].value.data, subjects[i - 1].value.size = ffi.cast("const char *", one[2]), #one[2]
        end
        return library.C.seckill_view_ask_listed(settings.prefix, subjects, #some, flags, library.command)
    end}
    if not servers.ask {question} then
        return nil
    end
    local reply = question.reply
    local status = library.C.seckill_view_take_listed(reply, #reply, findings, #some, nil)
    if status ~= library.OK and status ~= library.BLACKLISTED then
        return nil
    end
    local found = ""
    for i = #some, 1, -1 do
        local is_listed = findings[i - 1].is_listed ~= 0
        remember(some[i][1], some[i][2], is_listed, asked)
        found = is_listed and some[i][1] or found
    end
    return found
end

-- Which is listed: "address", "user", or "" for none; nil: it cannot be said. `user` may be nil: whoever it is.
function listed.find(address, user)
    if not settings.blacklist then
        return ""
    end
    local unknown = {}
    for _, one in ipairs {{"address", address}, user and {"user", user}} do
        local is_listed = recall(one[1], one[2])
        if is_listed then
            return one[1]
        elseif is_listed == nil then
            unknown[#unknown + 1] = one
        end
    end
    return #unknown == 0 and "" or ask(unknown)
end

return listed
