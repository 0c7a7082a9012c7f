-- What holders of tickets are told, as seckill-front tells it (tickets.c, reservation.c, waits.c).
--
-- SPDX-License-Identifier: MIT
local ffi = require "ffi"
local library = require "seckill.library"
local session = require "seckill.session"

local AMOUNT_MAX = 9007199254740991LL
local states = {"queued", "granted", "sold", "cancelled", "expired", "refunded", "refused"}

local tickets = {}

local settings

function tickets.start(all)
    settings = all
end

local function clamp(value, least, most)
    return math.max(least, math.min(most, value))
end

-- Around wait_ms (0: nobody knows), up to a quarter less or more, by chance: a crowd that came together does not poll together.
local function spread(wait_ms)
    local least, most = settings.poll_min_ms, settings.poll_max_ms
    local about = wait_ms == 0 and most or clamp(wait_ms, least, most)
    local quarter = math.floor(about / 4)
    return math.random(clamp(about - quarter, least, most), clamp(about + quarter, least, most))
end

local function queued(answer)
    local position, wait_ms = tonumber(answer.position), answer.wait_ms
    -- Who is next need not wait for long, even where nobody knows how fast the queue is: it may just have been empty.
    local poll_after_ms = spread(wait_ms == 0 and position == 1 and settings.poll_min_ms or wait_ms)
    return ('{"state":"queued","position":%d,"poll_after_ms":%d}'):format(position, poll_after_ms), poll_after_ms
end

local function hexadecimal(bytes, size)
    return (ffi.string(bytes, size):gsub(".", function(byte)
        return ("%02x"):format(byte:byte())
    end))
end

local function total(reservation)
    local price, quantity = reservation.price, reservation.quantity
    if quantity ~= 0 and price > AMOUNT_MAX / quantity then
        return "null"
    end
    return ("%d"):format(tonumber(price) * quantity)
end

local function decided(answer)
    local one, more = answer.reservation, ""
    if answer.has_ref ~= 0 then
        local token, status = session.issue(answer.ref)
        if not token then
            return nil, status
        end
        more = (',"expires_at":%d,"token":"%s","token_expires_at":%d'):format(tonumber(one.ends_ms), token,
            tonumber(answer.ref.valid_until_ms))
    end
    return ('{"state":"%s","reservation":"%s","quantity":%d,"price":%d,"total":%s,"replayed":true%s}'):format(
        states[answer.state], hexadecimal(one.id, 16), one.quantity, tonumber(one.price), total(one), more)
end

-- The JSON of what the library says of a ticket, and after how many milliseconds to come again; nil: the front must be asked.
function tickets.json(answer)
    local state = answer.state
    if state == library.TICKET_QUEUED then
        if answer.position == 0 then
            return nil -- it waits in the shop's own queue: how long that is, the front knows
        end
        return queued(answer)
    elseif state == library.TICKET_REFUSED then
        return ('{"state":"refused","reason":"%s","class":"%s"}'):format(library.name(answer.reason),
            library.class(answer.reason))
    elseif states[state] and (state ~= library.TICKET_GRANTED or answer.has_ref ~= 0) then
        return (decided(answer))
    end
end

return tickets
