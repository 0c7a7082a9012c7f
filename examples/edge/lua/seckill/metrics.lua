-- Counters of all nginx workers, in a shared dictionary; /edge/metrics writes them.
--
-- SPDX-License-Identifier: MIT
local metrics = {}

local dictionary = ngx.shared.seckill_metrics
local started = ngx.time()

-- One row for each: name, kind, label names, help. Keys of the dictionary are a name and the values of its labels, with | between.
local rows = {
    {"seckill_edge_answers_total", "counter", {"route", "code"}, "Requests that the edge answered by itself."},
    {"seckill_edge_passed_total", "counter", {"route", "reason"}, "Requests that were passed on to a front, and why."},
    {"seckill_edge_front_answers_total", "counter", {"status"}, "What the fronts answered; 502 and 504 where none did."},
    {"seckill_edge_front_seconds_total", "counter", {}, "How long the fronts took for it, added up."},
    {"seckill_edge_readings_total", "counter", {"what", "result"}, "Readings of Redis that all workers share."},
    {"seckill_edge_redis_commands_total", "counter", {}, "Commands sent to Redis."},
    {"seckill_edge_redis_failures_total", "counter", {"cause"}, "Commands that Redis did not answer."},
    {"seckill_edge_redis_redirected_total", "counter", {}, "Commands that a Redis Cluster sent elsewhere."},
    {"seckill_edge_sessions_total", "counter", {"result"}, "Session tokens: remembered, verified, refused."},
}

-- keys[name][first][second], so that counting makes no text.
local keys = setmetatable({}, {__index = function(all, name)
    local by_first = setmetatable({}, {__index = function(some, first)
        local by_second = setmetatable({}, {__index = function(few, second)
            local key = table.concat({name, first, second}, "|")
            few[second] = key
            return key
        end})
        some[first] = by_second
        return by_second
    end})
    all[name] = by_first
    return by_first
end})

-- Adds to a counter; labels that it does not have are "".
function metrics.add(name, amount, first, second)
    dictionary:incr(keys[name][first or ""][second or ""], amount, 0)
end

-- The route of the request that is being answered.
function metrics.route(name)
    ngx.ctx.route = name
end

function metrics.answered(code)
    metrics.add("seckill_edge_answers_total", 1, ngx.ctx.route or "none", code)
end

function metrics.passed(reason)
    metrics.add("seckill_edge_passed_total", 1, ngx.ctx.route or "none", reason)
end

-- In the log phase of what was passed on.
function metrics.front_answered()
    metrics.add("seckill_edge_front_answers_total", 1, ngx.var.status)
    metrics.add("seckill_edge_front_seconds_total", tonumber(ngx.var.request_time) or 0)
end

local function labels(names, values)
    local text = {}
    for i, name in ipairs(names) do
        text[i] = ('%s="%s"'):format(name, values[i])
    end
    return #text > 0 and "{" .. table.concat(text, ",") .. "}" or ""
end

-- The lines of a row, sorted, so that two pages can be compared.
local function lines_of(row, all)
    local lines = {}
    for _, key in ipairs(all) do
        local name, first, second = key:match("^([^|]*)|([^|]*)|([^|]*)$")
        if name == row[1] then
            lines[#lines + 1] = ("%s%s %.17g"):format(name, labels(row[3], {first, second}), dictionary:get(key) or 0)
        end
    end
    table.sort(lines)
    return lines
end

local function gauge(name, help, value, text)
    return ("# HELP %s %s\n# TYPE %s gauge\n%s%s %.17g\n"):format(name, help, name, name, text or "", value)
end

-- The page. `version` is the library's.
function metrics.page(version)
    local all, page = dictionary:get_keys(0), {}
    for _, row in ipairs(rows) do
        page[#page + 1] = ("# HELP %s %s\n# TYPE %s %s\n"):format(row[1], row[4], row[1], row[2])
        for _, line in ipairs(lines_of(row, all)) do
            page[#page + 1] = line .. "\n"
        end
    end
    for _, name in ipairs {"readings", "listed", "metrics"} do
        page[#page + 1] = gauge("seckill_edge_" .. name .. "_free_bytes", "Pages of the dictionary that nothing is in.",
            ngx.shared["seckill_" .. name]:free_space())
    end
    page[#page + 1] = gauge("seckill_edge_build_info", "Which library this edge uses.", 1, ('{version="%s"}'):format(version))
    page[#page + 1] = gauge("seckill_edge_start_time_seconds", "When nginx read its configuration last.", started)
    return table.concat(page)
end

return metrics
