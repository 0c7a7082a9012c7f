-- Items and activities, as Redis has them: read by the library's views, shared by all workers, at most age_ms old.
--
-- SPDX-License-Identifier: MIT
local ffi = require "ffi"
local lrucache = require "resty.lrucache"
local clock = require "seckill.clock"
local fresh = require "seckill.fresh"
local library = require "seckill.library"
local servers = require "seckill.servers"

local SEED = 16 -- bytes of an item's seed
local NEAR_MS = 250 -- of a start or an end: Redis says it by its own clock
local states = {[0] = "active", "paused", "ended"}

local catalog = {}

local settings, views, items, activities
local dictionary = ngx.shared.seckill_readings

-- ---- views: this worker's own; see catch_up

-- {view, begun: of its last round}; nil and a status: the names are malformed, or there is no memory.
local function view_of(activity, item)
    local key = activity .. "/" .. item
    local one = views:get(key)
    if one then
        return one
    end
    local view, status = library.new("seckill_view", "seckill_view_new", "seckill_view_free", settings.prefix, activity, item)
    if not view then
        return nil, status
    end
    one = {view = view, key = key, known = false}
    views:set(key, one)
    return one
end

local function question(call, ...)
    local arguments, count = {...}, select("#", ...)
    return {write = function(flags)
        arguments[count + 1], arguments[count + 2] = flags, library.command
        return library.C[call](unpack(arguments, 1, count + 2))
    end}
end

-- Takes a mapping list into a view. A status.
local function take_list(one, reply)
    local status = library.C.seckill_view_take_item(one.view, reply, #reply)
    one.known = status == library.OK
    return status
end

-- Reads the mapping list of a view that has none, or an old one. A status.
local function know(one)
    if one.known and library.C.seckill_view_is_stale(one.view) == 0 then
        return library.OK
    end
    local asked = question("seckill_view_ask_item", one.view)
    return servers.ask {asked} and take_list(one, asked.reply) or asked.status
end

local sale, stock = library.struct("seckill_view_sale"), library.struct("seckill_view_stock")

local function shards_of(one)
    return library.C.seckill_view_get_sale(one.view, 0, sale) == library.OK and sale.shards or 0
end

local function seed_of(one)
    return library.C.seckill_view_get_sale(one.view, 0, sale) == library.OK and ffi.string(sale.seed, SEED) or ""
end

-- Begins a round: its number; nil: no mapping list is known.
local function begin(one, begun)
    local C, command = library.C, library.command
    if C.seckill_view_begin(one.view, begun) ~= library.OK or C.seckill_view_ask_shard(one.view, 0, 0, command) ~= library.OK then
        return nil
    end
    return command.round
end

-- Takes what all shards have said to a round; true: it is whole.
local function take_round(one, round, replies)
    for i, reply in ipairs(replies) do
        if library.C.seckill_view_take_shard(one.view, i - 1, round, reply, #reply) ~= library.OK then
            return false
        end
    end
    return #replies == shards_of(one)
end

-- Two whole rounds, one after the other, prove that units are short. The last one may have been another worker's: the dictionary
-- has what its shards said, of the item with this seed.
local function catch_up(one)
    local text = dictionary:get("round:" .. one.key) or ""
    local begun, sizes, at = text:match("^(%d+) ([%d,]*) ()", SEED + 1)
    if not begun or tonumber(begun) == one.begun or text:sub(1, SEED) ~= seed_of(one) then
        return
    end
    local replies = {}
    for size in sizes:gmatch("%d+") do
        replies[#replies + 1] = text:sub(at, at + size - 1)
        at = at + size
    end
    one.begun = tonumber(begun)
    local round = begin(one, one.begun)
    if round then
        take_round(one, round, replies)
    end
end

local function share_round(one, replies)
    local sizes = {}
    for i, reply in ipairs(replies) do
        sizes[i] = #reply
    end
    local head = ("%d %s "):format(one.begun, table.concat(sizes, ","))
    dictionary:set("round:" .. one.key, seed_of(one) .. head .. table.concat(replies))
end

-- ---- an item

-- Asks for the mapping list and all shards at the same time. OK, or a status; the second result: reading again may help.
local function read_all(one)
    local begun = math.floor(clock.now())
    local round = begin(one, begun)
    local asked, replies = {question("seckill_view_ask_item", one.view)}, {}
    for i = 1, shards_of(one) do
        asked[i + 1] = question("seckill_view_ask_shard", one.view, i - 1)
    end
    servers.ask(asked)
    local status = asked[1].status or take_list(one, asked[1].reply)
    for i = 2, #asked do
        if status ~= library.OK then
            break
        end
        status, replies[i - 1] = asked[i].status or library.OK, asked[i].reply
        if asked[i].ask_item then
            return status, true
        end
    end
    if status ~= library.OK then
        return status
    end
    one.begun = begun
    if not round or not take_round(one, round, replies) then
        return library.SERVER_BUSY, true
    end
    share_round(one, replies)
    return library.OK
end

local function number(value)
    return ("%d"):format(tonumber(value))
end

-- What is told of an item, as a text: the JSON without the time, and numbers.
local function item_text(one, activity, item)
    library.C.seckill_view_get_stock(one.view, stock)
    library.C.seckill_view_get_sale(one.view, stock.server_time_ms, sale)
    local set = sale.settings
    local json = ('{"activity":"%s","item":"%s","state":"%s","price":%s,"limit":%s,"start_at":%s,"end_at":%s,"hold_ms":%s,' ..
        '"version":%s,"stock_left":%s,"server_time":'):format(activity, item, states[sale.state] or "ended",
        number(set.price), number(set.limit), number(set.start_ms), number(set.end_ms), number(set.hold_ms),
        number(sale.version), number(stock.available))
    return table.concat({
        ("%.3f"):format(tonumber(stock.server_time_ms) - clock.now()), sale.state, number(set.start_ms), number(set.end_ms),
        stock.is_proven, number(stock.left), number(stock.proven_ms), json}, " ")
end

local function decode_item(text)
    local entry = {}
    local offset, state, start, finish, proven, left, proven_at, json =
        text:match("^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (.*)$")
    if offset then
        entry.offset, entry.state, entry.start, entry.finish = tonumber(offset), tonumber(state), tonumber(start), tonumber(finish)
        entry.is_proven, entry.left, entry.proven = proven == "1", tonumber(left), tonumber(proven_at)
        entry.json = json
    end
    return entry
end

-- For fresh: a status that is an answer, and a text; nil: it could not be read.
local function read_item(activity, item)
    return function()
        local one, status = view_of(activity, item)
        if not one then
            return nil, status
        end
        local again
        for _ = 1, 2 do
            status = know(one)
            if status == library.OK then
                catch_up(one)
                status, again = read_all(one)
            end
            if not again then
                break
            end
            one.known = false
        end
        if status == library.NOT_DEFINED then
            views:delete(one.key) -- who invents names takes no room from items
            return status, ""
        elseif status ~= library.OK then
            return nil, status
        end
        return status, item_text(one, activity, item)
    end
end

-- What is known of an item, at most age_ms old: {status, json, ...}; nil: nothing.
function catalog.item(activity, item)
    return items:get(activity .. "/" .. item, read_item(activity, item))
end

function catalog.item_ahead(activity, item)
    return items:get_ahead(activity .. "/" .. item, read_item(activity, item))
end

-- The servers' clock, as far as it can be told.
function catalog.server_time(entry)
    return math.floor(entry.offset + clock.now())
end

-- What a first attempt can be told without asking Redis: a status and how long to wait; nil: nothing.
function catalog.foresee(entry, quantity)
    local now = catalog.server_time(entry)
    if entry.state == library.ITEM_ENDED or (entry.finish ~= 0 and now >= entry.finish + NEAR_MS) then
        return library.ENDED
    elseif entry.state == library.ITEM_PAUSED then
        return library.PAUSED
    elseif entry.start ~= 0 and entry.start - now > NEAR_MS then
        return library.NOT_STARTED, entry.start - now
    elseif entry.is_proven and entry.left < quantity and clock.now() - entry.proven < library.PROOF_MS then
        return entry.left == 0 and library.SOLD_OUT or library.NOT_ENOUGH
    end
end

-- ---- an activity

local names, count = nil, ffi.new("uint32_t[1]")

local function activity_text(activity, reply)
    local status = library.C.seckill_view_take_items(reply, #reply, names, library.ITEMS_MAX, count)
    if status ~= library.OK then
        return nil, status
    elseif count[0] == 0 then
        return library.NOT_DEFINED, ""
    end
    local list = {}
    for i = 0, count[0] - 1 do
        list[i + 1] = '"' .. ffi.string(names[i].data, names[i].size) .. '"'
    end
    return library.OK, ('{"activity":"%s","items":[%s]}'):format(activity, table.concat(list, ","))
end

local function read_activity(activity)
    return function()
        local asked = question("seckill_view_ask_items", settings.prefix, activity)
        if not servers.ask {asked} then
            return nil, asked.status
        end
        return activity_text(activity, asked.reply)
    end
end

-- As item, with the names of an activity's items.
function catalog.activity(activity)
    return activities:get(activity, read_activity(activity))
end

-- ---- tickets

local answer = library.struct("seckill_view_ticket")

-- What has become of a ticket's request: a structure of the library's, good until the next call; nil: a front must be asked.
function catalog.ticket(ticket)
    local one = view_of(ffi.string(ticket.activity), ffi.string(ticket.item))
    local asked
    for _ = 1, 2 do
        if not one or know(one) ~= library.OK then
            return nil
        end
        asked = question("seckill_view_ask_ticket", one.view, ticket)
        if servers.ask {asked} then
            local status = library.C.seckill_view_take_ticket(one.view, ticket, asked.reply, #asked.reply, answer)
            return status == library.OK and answer or nil
        elseif not asked.ask_item then
            return nil
        end
        one.known = false
    end
    return nil
end

function catalog.start(all)
    settings = all
    names = ffi.new("seckill_bytes[?]", library.ITEMS_MAX)
    views = assert(lrucache.new(all.items))
    items = fresh.new("item:", all, decode_item)
    activities = fresh.new("activity:", all, function(text)
        return {json = text, detail = text == "" and "the activity has no items" or nil}
    end)
end

return catalog
