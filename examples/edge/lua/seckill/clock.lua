-- Times in milliseconds. nginx's own ngx.now() is as old as the turn of its loop, and may jump: ages are not told by it.
--
-- SPDX-License-Identifier: MIT
local ffi = require "ffi"

ffi.cdef [[
    struct seckill_timespec { long seconds, nanoseconds; };
    int clock_gettime(int clock, struct seckill_timespec *time);
]]

local REALTIME, MONOTONIC = 0, 1 -- Linux
local C = ffi.C
local time = ffi.new("struct seckill_timespec")

local function read(clock)
    C.clock_gettime(clock, time)
    return tonumber(time.seconds) * 1000 + tonumber(time.nanoseconds) / 1000000
end

local clock = {}

-- Never goes back; the same for all processes of this machine.
function clock.now()
    return read(MONOTONIC)
end

-- Since 1970, whole.
function clock.wall()
    return math.floor(read(REALTIME))
end

return clock
