/* How a client follows the blacklist. One step at a time: the changes since the last one, and while the list is read from its
 * beginning a page of it. What a page says holds as of that step; changes that are read later come later. So it does not matter
 * what is listed and removed while the walk goes on. */
#include "engine/blacklist.h"

#include "engine/call.h"

#include <string.h>

enum {
    PAGE = 512,        /* entries of a step, about */
    PAUSE_MS = 2,      /* between steps where a copy is there already: nobody waits for the new one */
    TROUBLE_MS = 1000, /* until what failed is tried again */
    FIRST_WAIT_MS = 50 /* clients that begin together do not ask together, within this */
};

struct sk__blacklist {
    sk__engine *engine;
    uint32_t poll_ms, max_entries;
    sk__blacklist_copy *current, *fresh; /* in use; being read: NULL while it is followed only */
    sk__blacklist_walk walk;             /* of `fresh` */
    sk__log_position at;
    bool has_position, is_loaded;
    sk__call call;
    bool is_calling;
    sk__timer next;
    int64_t asked_ms; /* when the step began that is under way */
    int64_t as_of_ms; /* the copy has all that there was then */
    int64_t ahead_ms; /* the server's clock less ours */
    uint64_t changes, loads;
};

static void ask(sk__engine *engine, sk__timer *timer);

/* Where no timer can be set it goes on at once. */
static void ask_in(sk__blacklist *self, uint32_t wait_ms) {
    sk__engine *engine = self->engine;

    if (engine->closing)
        return;
    if (!sk__timer_start(engine, &self->next, sk__engine_now(engine) + wait_ms, ask))
        ask(engine, &self->next);
    sk__engine_wake(engine);
}

static uint64_t server_now(const sk__blacklist *self) {
    return (uint64_t)(sk__engine_now(self->engine) + self->ahead_ms);
}

/* ---- what a step said ---- */

/* Begins to read all of it. The copy that is there is used on. */
static bool begin_load(sk__blacklist *self) {
    sk__blacklist_copy_free(self->fresh);
    self->fresh = sk__blacklist_copy_new(self->engine->config.allocator, self->max_entries);
    memset(&self->walk, 0, sizeof(self->walk));
    sk__cursor_begin(self->walk.cursor);
    return self->fresh != NULL;
}

static void end_load(sk__blacklist *self) {
    sk__blacklist_copy_free(self->current);
    self->current = self->fresh;
    self->fresh = NULL;
    self->is_loaded = true;
    self->loads++;
    sk__log_line(self->engine->config.log, SECKILL_LOG_INFO, "the blacklist is loaded: %llu entries",
                 (unsigned long long)self->current->entries);
}

static void change(sk__blacklist_copy *copy, const sk__subject *subject, uint64_t ends) {
    if (copy == NULL)
        return;
    if (ends == 0)
        sk__blacklist_copy_remove(copy, subject);
    else
        sk__blacklist_copy_set(copy, subject, ends);
}

static bool take_changes(sk__blacklist *self, uint32_t count, sk__reader *reply) {
    sk__subject subject;
    uint64_t ends;

    for (uint32_t i = 0; i < count; i++) {
        if (!sk__blacklist_read_change(reply, &subject, &ends))
            return false;
        change(self->current, &subject, ends);
        change(self->fresh, &subject, ends);
        self->changes++;
    }
    return true;
}

static bool take_page(sk__blacklist *self, sk__reader *reply) {
    bool restarted;
    uint32_t count = sk__blacklist_read_page(reply, &self->walk, &restarted);
    sk__subject subject;

    for (uint32_t i = 0; i < count; i++) {
        sk__blacklist_found found = sk__blacklist_read_found(reply);

        if (!sk__subject_from(found.subject, &subject))
            return false;
        if (found.ends > server_now(self))
            sk__blacklist_copy_set(self->fresh, &subject, found.ends);
    }
    return !reply->failed;
}

/* SECKILL_PROTOCOL: half of it may be taken; then all is read anew. */
static seckill_status take_step(sk__blacklist *self, sk__reader *reply) {
    sk__blacklist_step step = sk__blacklist_read_step(reply);
    bool was_loading = self->fresh != NULL;

    if (reply->failed)
        return SECKILL_PROTOCOL;
    self->ahead_ms = step.now_ms - sk__engine_now(self->engine);
    if (step.is_lost && !begin_load(self))
        return SECKILL_NO_MEMORY;
    if (!take_changes(self, step.changes, reply))
        return SECKILL_PROTOCOL;
    self->at = step.at;
    self->has_position = true;
    if (sk__read_u8(reply) != 0 && (!was_loading || step.is_lost || !take_page(self, reply)))
        return SECKILL_PROTOCOL;
    if (!sk__reader_done(reply))
        return SECKILL_PROTOCOL;
    if (self->fresh != NULL && self->walk.at_end)
        end_load(self);
    if (self->fresh == NULL && !step.has_more)
        self->as_of_ms = self->asked_ms;
    return SECKILL_OK;
}

/* ---- steps ---- */

static bool is_wanted(const sk__call *call) {
    return !call->engine->closing;
}

static void encode(sk__call *call, sk__command *command) {
    const sk__blacklist *self = SK__CONTAINER(call, sk__blacklist, call);

    sk__blacklist_encode_step(self->engine, self->has_position ? &self->at : NULL,
                              self->has_position && self->fresh != NULL ? &self->walk : NULL, PAGE, call->with_text, command);
}

/* What could not be read is asked again from the beginning. */
static void lose_position(sk__blacklist *self, seckill_status status, const char *cause) {
    if (status == SECKILL_PROTOCOL || status == SECKILL_NO_MEMORY)
        self->has_position = false;
    sk__log_line(self->engine->config.log, SECKILL_LOG_WARNING, "the blacklist cannot be followed: %s",
                 cause[0] != '\0' ? cause : seckill_status_message(status));
}

static void end(sk__call *call, seckill_status status, sk__reader *reply, const char *cause) {
    sk__blacklist *self = SK__CONTAINER(call, sk__blacklist, call);
    bool waits;

    self->is_calling = false;
    if (status == SECKILL_CLOSED)
        return;
    if (status == SECKILL_OK)
        status = take_step(self, reply);
    if (status != SECKILL_OK) {
        lose_position(self, status, cause);
        ask_in(self, TROUBLE_MS);
        return;
    }
    if (self->current != NULL)
        sk__blacklist_copy_sweep(self->current, server_now(self));
    waits = self->as_of_ms == self->asked_ms;
    ask_in(self, waits ? self->poll_ms : self->is_loaded ? PAUSE_MS : 0);
}

static const sk__call_kind step_kind = {is_wanted, encode, end, NULL, NULL};

static void ask(sk__engine *engine, sk__timer *timer) {
    sk__blacklist *self = SK__CONTAINER(timer, sk__blacklist, next);

    if (engine->closing || self->is_calling)
        return;
    self->is_calling = true;
    self->asked_ms = sk__engine_now(engine);
    sk__call_start(&self->call, engine, &step_kind, sk__blacklist_slot());
    self->call.changes_nothing = true;
}

/* ---- life ---- */

seckill_status sk__blacklist_follow(sk__engine *engine, uint32_t poll_ms, uint32_t max_entries) {
    sk__blacklist *self;

    if (engine->closing)
        return SECKILL_CLOSED;
    if (engine->blacklist != NULL)
        return SECKILL_CONFLICT;
    self = sk__engine_alloc(engine, sizeof(*self));
    if (self == NULL)
        return SECKILL_NO_MEMORY;
    self->engine = engine;
    self->poll_ms = poll_ms;
    self->max_entries = max_entries;
    self->as_of_ms = -1;
    if (!begin_load(self) ||
        !sk__timer_start(engine, &self->next, sk__engine_now(engine) + (int64_t)(sk__engine_random(engine) % FIRST_WAIT_MS),
                         ask)) {
        sk__blacklist_free(self);
        return SECKILL_NO_MEMORY;
    }
    engine->blacklist = self;
    sk__engine_wake(engine);
    return SECKILL_OK;
}

void sk__blacklist_free(sk__blacklist *self) {
    if (self == NULL)
        return;
    sk__blacklist_copy_free(self->current);
    sk__blacklist_copy_free(self->fresh);
    sk__engine_release(self->engine, self);
}

/* ---- looking ---- */

/* Before it is loaded for the first time, what is known counts. */
static const sk__blacklist_copy *copy_of(const sk__blacklist *self) {
    return self->current != NULL ? self->current : self->fresh;
}

uint64_t sk__blacklist_find(const sk__blacklist *self, const sk__subject *subject) {
    const sk__blacklist_copy *copy = self != NULL ? copy_of(self) : NULL;

    return copy != NULL ? sk__blacklist_copy_find(copy, subject, server_now(self)) : 0;
}

bool sk__blacklist_has_user(const sk__blacklist *self, seckill_bytes user) {
    seckill_subject subject = {SECKILL_KIND_USER, {user.data, user.size}};
    sk__subject made;

    return self != NULL && sk__subject_of(&subject, &made) && sk__blacklist_find(self, &made) != 0;
}

void sk__blacklist_look(const sk__blacklist *self, seckill_blacklist_state *state) {
    const sk__blacklist_copy *copy = self != NULL ? copy_of(self) : NULL;

    state->behind_ms = -1;
    if (self == NULL)
        return;
    state->is_following = 1;
    state->is_loaded = self->is_loaded;
    if (self->is_loaded)
        state->behind_ms = sk__engine_now(self->engine) - self->as_of_ms;
    state->changes = self->changes;
    state->loads = self->loads;
    if (copy == NULL)
        return;
    state->entries = copy->entries;
    state->dropped = copy->dropped;
    state->bytes = copy->bytes + (self->current != NULL && self->fresh != NULL ? self->fresh->bytes : 0);
}
