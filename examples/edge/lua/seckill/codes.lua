-- What the edge may answer: the HTTP status of each code, as seckill-front has them (codes.c), and in the front's words what the
-- library has no status for. A test compares them with the front's.
--
-- SPDX-License-Identifier: MIT
local codes = {}

-- Of the library's names; seckill_status_message and seckill_status_class say the rest.
codes.http = {
    ok = 200,
    invalid = 400, token_garbage = 400, token_truncated = 400,
    limit_reached = 403, blacklisted = 403, token_forged = 403, token_purpose = 403, token_key = 403, token_claims = 403,
    not_defined = 404, no_reservation = 404,
    sold_out = 409, not_enough = 409, not_started = 409, paused = 409, cancelled = 409, expired = 409, sold = 409,
    refunded = 409, too_old = 409, token_expired = 409,
    ended = 410,
    conflict = 422,
    busy = 429, rate_limited = 429,
    denied = 500, damaged = 500, layout = 500, no_space = 500, key_garbage = 500,
    server_error = 502, protocol = 502,
    closed = 503, no_memory = 503, unreachable = 503, server_busy = 503, server_memory = 503,
    unknown = 504,
}

-- Not the library's: HTTP status, class, message.
codes.own = {
    bad_request = {400, "final", "the request is not well-formed"},
    request_timeout = {408, "retryable", "the request did not come in time"},
    body_too_large = {413, "final", "the body is too long"},
    uri_too_long = {414, "final", "the request target is too long"},
    header_too_large = {431, "final", "the header is too long"},
    too_many_connections = {429, "retryable", "this address has too many connections"},
    not_implemented = {501, "final", "this server does not do that"},
    overloaded = {503, "retryable", "this server cannot take more"},
    no_session = {401, "final", "who the user is must be proved"},
    not_yours = {403, "final", "the token or ticket was issued to another user"},
    no_such_path = {404, "final", "nothing is served at this path"},
}

codes.phrases = {
    [400] = "Bad Request", [401] = "Unauthorized", [403] = "Forbidden", [404] = "Not Found", [408] = "Request Timeout",
    [409] = "Conflict", [410] = "Gone", [413] = "Content Too Large", [414] = "URI Too Long",
    [422] = "Unprocessable Content", [429] = "Too Many Requests", [431] = "Request Header Fields Too Large",
    [500] = "Internal Server Error", [501] = "Not Implemented", [502] = "Bad Gateway", [503] = "Service Unavailable",
    [504] = "Gateway Timeout",
}

return codes
