-- Which server a command goes to, and what becomes of it on its way: one Redis with its replicas, or a Redis Cluster, whose slots
-- are learned from CLUSTER SLOTS, MOVED and ASK. What a reply means the library says.
--
-- A question is a table: `write(flags)` writes its command anew into library.command, or returns a status. When it was asked it has
-- `reply`, a text; or `status`, why not, and `ask_item` where the item's mapping list must be read first.
--
-- SPDX-License-Identifier: MIT
local ffi = require "ffi"
local clock = require "seckill.clock"
local library = require "seckill.library"
local metrics = require "seckill.metrics"
local redis = require "seckill.redis"

local SLOTS, TURNS, PAUSE_MS, REFRESH_MS = library.SLOTS, 16, 20, 100

local servers = {}

local settings
local nodes, numbers = {}, {}                    -- addresses, and their numbers; they are few, and none is forgotten
local owners = ffi.new("uint16_t[?]", SLOTS)     -- slot -> number of who serves it; 0: not known
local refreshed, is_refreshing = -math.huge, false
local current = 1                                -- outside of a cluster: which address is asked
local asking = redis.command("ASKING")
local NODES_MAX = 4096

function servers.start(all)
    settings = all
    redis.start(all)
end

-- ---- a cluster's slots

local function number_of(address)
    if not numbers[address] and #nodes < NODES_MAX then
        nodes[#nodes + 1] = address
        numbers[address] = #nodes
    end
    return numbers[address] or 0
end

local function address_of(host, port)
    return (host:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(host, port)
end

-- The host that an address names, for who says "on my host".
local function host_of(address)
    return address:match("^%[(.*)%]:%d+$") or address:match("^(.*):%d+$")
end

local function take_slots(said, by)
    for _, range in ipairs(said) do
        local master = range[3]
        local host = master and master[1] and master[1] ~= "" and master[1] or host_of(by)
        if host and master and range[2] < SLOTS then
            local number = number_of(address_of(host, master[2]))
            for slot = range[1], range[2] do
                owners[slot] = number
            end
        end
    end
end

-- Whom to ask for the slots: whoever answers of those that are known, and the addresses of the settings.
local function refresh()
    local now = clock.now()
    if is_refreshing or now - refreshed < REFRESH_MS then
        return
    end
    is_refreshing, refreshed = true, now
    local tried = {}
    for _, list in ipairs {nodes, settings.redis} do
        for i = 1, #list do
            local address = list[i]
            local replies = not tried[address] and redis.send(address, {redis.command("CLUSTER", "SLOTS")})
            tried[address] = true
            if replies and type(replies[1].value) == "table" then
                take_slots(replies[1].value, address)
                is_refreshing = false
                return
            end
        end
    end
    is_refreshing = false
end

-- The address for a slot.
local function route(slot)
    if not settings.cluster then
        return settings.redis[current]
    end
    if owners[slot] == 0 then
        refresh()
    end
    return nodes[owners[slot]] or settings.redis[1]
end

-- ---- asking

local function write(question)
    local command = library.command
    local status = question.write(question.flags or 0)
    if status ~= library.OK then
        question.status = status
        return
    end
    question.text, question.slot = ffi.string(command.data, command.size), command.slot
end

local failure = library.struct("seckill_reply_error")

-- What an error of Redis' means for its question. True: the question is to be asked again after a pause.
local function take_error(question, text, address)
    if library.C.seckill_view_read_error(text, #text, failure) ~= library.OK then
        question.status = library.PROTOCOL
        return false
    end
    local what = failure["then"]
    question.at, question.is_asking = nil, false
    if what == library.THEN_SEND_TEXT then
        question.flags, question.at = library.WITH_TEXT, address
        write(question)
    elseif what == library.THEN_GO_TO or what == library.THEN_ASK_AT then
        local host = ffi.string(failure.host)
        question.at = address_of(host ~= "" and host or host_of(address) or "", failure.port)
        question.is_asking = what == library.THEN_ASK_AT
        if what == library.THEN_GO_TO and failure.slot < SLOTS then
            owners[failure.slot] = number_of(question.at)
        end
        metrics.add("seckill_edge_redis_redirected_total", 1)
    elseif what == library.THEN_TRY_LATER then
        question.why = failure.status
        return true
    elseif what ~= library.THEN_REPEAT then
        question.status, question.ask_item = failure.status, what == library.THEN_ASK_ITEM
    end
    return false
end

-- Takes what one server said to some questions; true: they need a pause.
local function take_replies(address, some, replies)
    local pause, at = false, 0
    for _, question in ipairs(some) do
        at = at + (question.is_asking and 2 or 1)
        local reply = replies[at]
        if reply.is_error then
            pause = take_error(question, reply.value, address) or pause
        elseif type(reply.value) == "string" then
            question.reply = reply.value
        else
            question.status = library.PROTOCOL
        end
    end
    return pause
end

local function send_some(address, some)
    local commands = {}
    for _, question in ipairs(some) do
        if question.is_asking then
            commands[#commands + 1] = asking
        end
        commands[#commands + 1] = question.text
    end
    local replies, wrong = redis.send(address, commands)
    if replies then
        return take_replies(address, some, replies)
    end
    for _, question in ipairs(some) do
        question.at, question.is_asking, question.why, question.wrong = nil, false, library.UNREACHABLE, wrong
    end
    if not settings.cluster and settings.redis[current] == address and redis.is_paused(address) then
        current = current % #settings.redis + 1
    end
    return true
end

-- Those that have no answer yet, by address.
local function group(questions)
    local groups, count = {}, 0
    for _, question in ipairs(questions) do
        if not question.reply and not question.status then
            local address = question.at or route(question.slot)
            if not groups[address] then
                groups[address] = {}
                count = count + 1
            end
            table.insert(groups[address], question)
        end
    end
    return groups, count
end

-- Sends to each server what is for it, all at the same time; true: a pause is needed before the next turn.
local function send_all(groups, count)
    if count == 1 then
        local address, some = next(groups)
        return send_some(address, some)
    end
    local pause, threads = false, {}
    for address, some in pairs(groups) do
        threads[#threads + 1] = ngx.thread.spawn(send_some, address, some)
    end
    for _, thread in ipairs(threads) do
        local good, wants = ngx.thread.wait(thread)
        pause = pause or not good or wants
    end
    return pause
end

-- Somebody may answer: not all servers that are to be asked have just been found not to.
local function is_hope(questions)
    for _, question in ipairs(questions) do
        if not question.reply and not question.status and not redis.is_paused(question.at or route(question.slot)) then
            return true
        end
    end
    return false
end

-- Asks all questions, until each has its reply or its status, or wait_ms are over. True: each has a reply.
function servers.ask(questions)
    local give_up = clock.now() + settings.wait_ms
    for _, question in ipairs(questions) do
        write(question)
    end
    for _ = 1, TURNS do
        local groups, count = group(questions)
        if count == 0 then
            break
        end
        if send_all(groups, count) then
            if settings.cluster then
                refresh()
            end
            if clock.now() + PAUSE_MS > give_up or not is_hope(questions) then
                break
            end
            ngx.sleep(PAUSE_MS / 1000)
        end
    end
    local good = true
    for _, question in ipairs(questions) do
        if not question.reply then
            question.status = question.status or question.why or library.SERVER_BUSY
            good = false
        end
    end
    return good
end

return servers
