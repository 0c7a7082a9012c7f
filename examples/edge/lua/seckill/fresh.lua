-- Readings that all requests of all nginx workers share: nothing is told that is older than age_ms, by when its reading began; and
-- of each key one reading is under way at a time.
--
-- Who finds none that is fresh reads, or waits for who does: in the same worker by a semaphore, for another worker by looking. A
-- reading is a text in the shared dictionary; what it means stands beside it in each worker's own memory.
--
-- SPDX-License-Identifier: MIT
local lrucache = require "resty.lrucache"
local semaphore = require "ngx.semaphore"
local clock = require "seckill.clock"
local metrics = require "seckill.metrics"

local FAILED_MS = 100 -- so long who comes behind a failure is passed on at once
local LOOK_S = 0.002  -- between two looks for what another worker reads

local fresh = {}
fresh.__index = fresh

local dictionary = ngx.shared.seckill_readings

-- what      for the metrics, and before keys in the dictionary
-- options   age_ms, wait_ms, items
-- decode    a function: the text of a reading -> a table, which gets `begun` and `status` in addition
function fresh.new(what, options, decode)
    return setmetatable({
        what = what, decode = decode, age = options.age_ms, wait = options.wait_ms,
        known = assert(lrucache.new(options.items)), flights = {}, token = 0,
    }, fresh)
end

-- What this worker knows by now, however old.
function fresh:look(key)
    local entry = self.known:get(key)
    if entry and clock.now() - entry.begun < self.age then
        return entry
    end
    local text = dictionary:get(self.what .. key)
    if not text then
        return entry
    end
    local begun, status, rest = text:match("^(%S+) (%S+) (.*)$")
    begun = tonumber(begun)
    if entry and begun <= entry.begun then
        return entry
    end
    entry = self.decode(rest)
    entry.begun, entry.status = begun, tonumber(status)
    self.known:set(key, entry)
    return entry
end

function fresh:is_fresh(entry, age)
    return entry ~= nil and clock.now() - entry.begun < (age or self.age)
end

-- Reads, if nobody else does; true: it was read, or somebody else has. `read` returns a status and a text, or nil and why not.
function fresh:try(key, read, age)
    local lock = self.what .. "lock:" .. key
    self.token = self.token + 1
    local mine = ngx.worker.pid() .. "." .. self.token
    if not dictionary:add(lock, mine, 2 * self.wait / 1000) then
        return false
    end
    local good = true
    if not self:is_fresh(self:look(key), age) then
        local begun = clock.now()
        local called, status, text = pcall(read)
        if called and status then
            dictionary:set(self.what .. key, ("%.6f %d %s"):format(begun, status, text))
        else
            good = nil
            if not called then
                ngx.log(ngx.ERR, status)
            end
        end
        metrics.add("seckill_edge_readings_total", 1, self.what, good and "read" or "failed")
    end
    if dictionary:get(lock) == mine then
        dictionary:delete(lock)
    end
    return good
end

-- The first of this worker's requests that finds nothing fresh: until it is, or this makes no sense any more.
function fresh:lead(key, read)
    local give_up = clock.now() + self.wait
    repeat
        local done = self:try(key, read)
        if done == nil then
            break
        elseif not done then
            ngx.sleep(LOOK_S)
        end
        local entry = self:look(key)
        if self:is_fresh(entry) then
            return
        end
    until clock.now() > give_up
    local entry = self:look(key) or {begun = -math.huge}
    entry.failed_until = clock.now() + FAILED_MS
    self.known:set(key, entry)
end

function fresh:fly(key, read)
    local flight = {over = clock.now() + 2 * self.wait, semaphore = semaphore.new(0), waiters = 0}
    self.flights[key] = flight
    local called, wrong = pcall(self.lead, self, key, read)
    if self.flights[key] == flight then
        self.flights[key] = nil
    end
    if flight.waiters > 0 then
        flight.semaphore:post(flight.waiters)
    end
    if not called then
        ngx.log(ngx.ERR, wrong)
    end
end

-- The reading of a key, no older than age_ms; nil: there is none.
function fresh:get(key, read)
    for _ = 1, 3 do
        local entry = self:look(key)
        if self:is_fresh(entry) then
            return entry
        elseif entry and entry.failed_until and clock.now() < entry.failed_until then
            return nil
        end
        local flight = self.flights[key]
        if flight and clock.now() < flight.over then
            flight.waiters = flight.waiters + 1
            if not flight.semaphore:wait(self.wait / 1000) then
                return nil
            end
        else
            self:fly(key, read)
        end
    end
    return nil
end

-- As get, and the next reading begins in the background before this one is too old, so that nobody waits for it.
function fresh:get_ahead(key, read)
    local entry = self:get(key, read)
    if entry and not entry.renewing and not self:is_fresh(entry, self.age / 2) then
        entry.renewing = true
        ngx.timer.at(0, function(premature)
            if not premature then
                self:try(key, read, self.age / 2)
            end
        end)
    end
    return entry
end

return fresh
