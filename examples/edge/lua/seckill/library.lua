-- libseckill through LuaJIT's FFI: what of its headers the edge uses, and thin calls of it. Where the headers change, a test
-- compares sizes and offsets with what the C compiler says.
--
-- SPDX-License-Identifier: MIT
local ffi = require "ffi"

ffi.cdef [[
    typedef struct { const void *data; size_t size; } seckill_bytes;
    typedef struct seckill_keyring seckill_keyring;
    typedef struct seckill_view seckill_view;

    typedef struct {
        uint8_t user[64]; size_t user_size; char activity[65]; char item[65]; uint8_t reservation_id[16]; uint32_t quantity;
        int64_t price, issued_ms, hold_until_ms, valid_until_ms; uint64_t spare[4];
    } seckill_reservation_ref;
    typedef struct {
        uint8_t user[64]; size_t user_size; char activity[65]; char item[65]; uint8_t reservation_id[16]; uint32_t quantity;
        uint32_t shard; uint64_t epoch, n; int64_t since_ms, valid_until_ms; uint64_t spare[4];
    } seckill_ticket;
    typedef struct {
        uint8_t id[16]; int32_t state; uint32_t quantity; int64_t price, since_ms, ends_ms; int32_t reason;
        uint64_t spare[2];
    } seckill_reservation;
    typedef struct {
        size_t struct_size; uint32_t shards, limit; int64_t price, start_ms, end_ms; uint32_t hold_ms, grace_ms, window_ms;
        uint32_t remember_ms, max_skew_ms, max_events, max_queue;
    } seckill_item_settings;
    typedef struct { const char *kind; seckill_bytes value; } seckill_subject;
    typedef struct {
        int is_listed; int64_t until_ms, since_ms; seckill_bytes reason; uint64_t spare[2];
    } seckill_blacklist_finding;
    typedef struct {
        size_t struct_size; const char *data; size_t size; const char *const *argv; const size_t *sizes; uint32_t argc, slot;
        uint32_t round;
    } seckill_command;
    typedef struct {
        size_t struct_size; int32_t then, status; uint32_t slot, port; char host[256]; char message[256];
    } seckill_reply_error;
    typedef struct {
        size_t struct_size; const seckill_item_settings *settings; const uint8_t *seed; const char *const *tags;
        uint64_t version; int64_t wait_ms; uint32_t shards; int32_t state, sale;
    } seckill_view_sale;
    typedef struct {
        size_t struct_size; uint32_t shards, missing; int64_t begun_ms, server_time_ms, loaded, available, reserved, sold;
        int64_t moving, queued, longest_queue, left, proven_ms; int32_t is_proven, is_overdue;
    } seckill_view_stock;
    typedef struct {
        size_t struct_size; int32_t state, reason; uint64_t position; uint32_t wait_ms; int32_t has_ref; int64_t server_time_ms;
        seckill_reservation_ref ref; seckill_reservation reservation;
    } seckill_view_ticket;

    const char *seckill_version(void);
    const char *seckill_status_name(int status);
    const char *seckill_status_message(int status);
    int seckill_status_class(int status);
    int seckill_keyring_new(seckill_keyring **ring);
    void seckill_keyring_free(seckill_keyring *ring);
    int seckill_keyring_add(seckill_keyring *ring, const char *text, size_t size);
    int seckill_token_issue(const seckill_keyring *ring, int purpose, const seckill_reservation_ref *ref, char *out,
                            size_t out_size, size_t *written);
    int seckill_token_verify(const seckill_keyring *ring, int purpose, const char *token, size_t size, int64_t now_ms,
                             uint32_t leeway_ms, seckill_reservation_ref *ref);
    int seckill_ticket_verify(const seckill_keyring *ring, const char *token, size_t size, int64_t now_ms, uint32_t leeway_ms,
                              seckill_ticket *ticket);
    uint32_t seckill_slot(const void *key, size_t size);

    int seckill_command_new(seckill_command **command);
    void seckill_command_free(seckill_command *command);
    int seckill_view_read_error(const char *text, size_t size, seckill_reply_error *error);
    int seckill_view_ask_items(const char *prefix, const char *activity, uint32_t flags, seckill_command *command);
    int seckill_view_take_items(const char *reply, size_t size, seckill_bytes *items, uint32_t max, uint32_t *count);
    int seckill_view_ask_listed(const char *prefix, const seckill_subject *subjects, size_t count, uint32_t flags,
                                seckill_command *command);
    int seckill_view_take_listed(const char *reply, size_t size, seckill_blacklist_finding *findings, size_t count,
                                 int64_t *server_time_ms);
    int seckill_view_new(const char *prefix, const char *activity, const char *item, seckill_view **view);
    void seckill_view_free(seckill_view *view);
    int seckill_view_ask_item(const seckill_view *view, uint32_t flags, seckill_command *command);
    int seckill_view_take_item(seckill_view *view, const char *reply, size_t size);
    int seckill_view_get_sale(const seckill_view *view, int64_t now_ms, seckill_view_sale *sale);
    int seckill_view_begin(seckill_view *view, int64_t now_ms);
    int seckill_view_ask_shard(const seckill_view *view, uint32_t shard, uint32_t flags, seckill_command *command);
    int seckill_view_take_shard(seckill_view *view, uint32_t shard, uint32_t round, const char *reply, size_t size);
    int seckill_view_get_stock(const seckill_view *view, seckill_view_stock *stock);
    int32_t seckill_view_is_stale(const seckill_view *view);
    int seckill_view_ask_ticket(const seckill_view *view, const seckill_ticket *ticket, uint32_t flags,
                                seckill_command *command);
    int seckill_view_take_ticket(seckill_view *view, const seckill_ticket *ticket, const char *reply, size_t size,
                                 seckill_view_ticket *answer);
]]

-- Of the headers' enums what is used here, by the same names.
local library = {
    OK = 0, SOLD_OUT = 1, NOT_ENOUGH = 2, NOT_STARTED = 4, PAUSED = 5, ENDED = 6, BLACKLISTED = 14, RATE_LIMITED = 15,
    NOT_DEFINED = -2, UNREACHABLE = -12, SERVER_BUSY = -13, UNKNOWN = -20, PROTOCOL = -33, TOKEN_EXPIRED = -45,
    TOKEN_RESERVATION = 1, TOKEN_SESSION = 3,
    TICKET_QUEUED = 1, TICKET_GRANTED = 2, TICKET_REFUSED = 7,
    ITEM_PAUSED = 1, ITEM_ENDED = 2,
    WITH_TEXT = 1, THEN_SEND_TEXT = 1, THEN_GO_TO = 2, THEN_ASK_AT = 3, THEN_ASK_ITEM = 4, THEN_REPEAT = 5, THEN_TRY_LATER = 6,
    ITEMS_MAX = 1024, TOKEN_SIZE = 1536, PROOF_MS = 200, SLOTS = 16384,
}

local classes = {[0] = "final", "retryable", "unknown"}
local names, messages, class_of = {}, {}, {}
local C -- the library

-- Loads it, from a path or by its name; an error says why it cannot be.
function library.load(path)
    C = ffi.load(path)
    library.C = C
    library.command = library.new("seckill_command", "seckill_command_new", "seckill_command_free")
end

-- An object of the library's, that goes with the Lua value; or nil and the status. Arguments stand before the place of the result.
function library.new(kind, make, free, ...)
    local place = ffi.new(kind .. " *[1]")
    local arguments, count = {...}, select("#", ...)
    arguments[count + 1] = place
    local status = C[make](unpack(arguments, 1, count + 1))
    if status ~= 0 then
        return nil, status
    end
    return ffi.gc(place[0], C[free])
end

-- A structure whose struct_size is set.
function library.struct(kind)
    local one = ffi.new(kind)
    one.struct_size = ffi.sizeof(kind)
    return one
end

-- What the library says of a status; each text is made once.
local function remembered(memory, call)
    return function(status)
        local text = memory[status]
        if not text then
            text = ffi.string(call(status))
            memory[status] = text
        end
        return text
    end
end
library.name = remembered(names, function(status) return C.seckill_status_name(status) end)
library.message = remembered(messages, function(status) return C.seckill_status_message(status) end)

function library.class(status)
    class_of[status] = class_of[status] or classes[C.seckill_status_class(status)]
    return class_of[status]
end

return library
