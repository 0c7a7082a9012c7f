/* What the files of the search share: supply.c (who waits, rounds, what follows from them), supply_calls.c (asking and moving),
 * standing.c (what the shards' answers say together).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_ENGINE_SUPPLY_PARTS_H
#define SK_ENGINE_SUPPLY_PARTS_H

#include "engine/item.h"
#include "engine/supply.h"

/* ---- standing.c: pure */

/* The totals of a shard with one other. */
typedef struct {
    uint32_t other;
    uint64_t sent, taken;
} sk__row;

/* When something happened in a search: asking, an answer, a want that came. They are counted, because milliseconds are too
 * coarse to say what came first. */
typedef uint64_t sk__tick;

/* What a survey saw, at some instant between asking and the answer. */
typedef struct {
    sk__tick asked, answered; /* 0: never */
    int64_t asked_ms;
    uint64_t epoch, version, enqueued;
    int64_t available; /* negative: owed */
    bool more;         /* more is overdue than was taken back */
} sk__sight;

typedef struct {
    sk__sight now, before;
    sk__tick since; /* from here until now.asked no units came or went: each answer since then said the same of them */
    sk__row *rows;  /* owned; by other shard, rising */
    uint32_t row_count;
    int64_t left;     /* of `available`, as moves are planned */
    bool asking;      /* a survey is under way */
    bool unused;      /* no moves were planned from what it said last */
    bool receiving;   /* units are being sent here */
    sk__takes adrift; /* sent here by someone who is gone, or to be gathered here: the next survey takes it */
} sk__standing;

typedef struct {
    uint64_t units;       /* available in all, owing shards counted as none */
    uint64_t transit;     /* on their way */
    uint64_t unbooked;    /* taken, and by a failover not known to be sent */
    uint64_t owed;        /* by shards that gave what they did not have */
    uint64_t sent, taken; /* in all, ever */
} sk__sums;

/* Sorts what came in any order. */
void sk__rows_sort(sk__row *rows, uint32_t count);

/* The row about another shard, or NULL. */
const sk__row *sk__row_find(const sk__standing *standing, uint32_t other);

/* Takes over what a survey saw, but for its rows. */
void sk__standing_note(sk__standing *standing, const sk__sight *sight);

/* Whether it has answered since the round began; or before, too late for its own round: what a slow shard says counts once. */
static inline bool sk__is_fresh(const sk__standing *standing, sk__tick began) {
    return standing->now.answered > began || standing->unused;
}

/* Adds up what is fresh; began 0: what each said last. */
sk__sums sk__standings_sum(const sk__standing *standings, uint32_t count, sk__tick began);

/* Calls back for each pair of fresh shards whose totals differ: units are on their way (sent > taken), or a failover has lost
 * the sending (sent < taken). */
void sk__standings_differences(const sk__standing *standings, uint32_t count, sk__tick began,
                               void (*found)(void *context, uint32_t from, uint32_t to, uint64_t sent, uint64_t taken),
                               void *context);

/* The fresh shard with the most units left, at least `least`, but not `except`; `count`: there is none. */
uint32_t sk__standings_richest(const sk__standing *standings, uint32_t count, sk__tick began, int64_t least, uint32_t except);

/* The last instant at which all shards stood still together, none of them with anything overdue: of each it is known from when
 * until when no units came or went, and these times must have one in common. NULL: there is none; else the shard that was asked
 * then.
 */
const sk__standing *sk__standings_stood_still(const sk__standing *standings, uint32_t count);

/* Up to which request its queue had come at that instant, or before it. */
uint64_t sk__standing_enqueued(const sk__standing *standing, sk__tick instant);

/* ---- supply.c */

struct sk__supply {
    seckill_item *item;
    sk__link wants, settlers; /* of sk__supply_add, of sk__supply_settle */
    sk__timer timer;          /* the patience of a round, a pause between two, or until what is remembered is renewed */
    bool resting;             /* the last of these: nobody needs to wait for it */
    sk__tick tick;            /* of what happened last */
    sk__tick began;           /* the round that is under way, or was last */
    sk__tick forgot;          /* moves that began before it are not waited for */
    bool running;
    uint32_t asked;     /* surveys of this round without an answer */
    uint32_t moves;     /* transfers under way */
    bool moved;         /* one of them sent units */
    bool move_failed;   /* one of them failed for good: `trouble` says why */
    uint32_t fruitless; /* rounds in a row */
    int64_t began_ms;   /* the round */
    sk__sums sums;      /* as of the last round */
    int64_t still_ms;   /* since when its totals are as they are */
    bool remembers;
    sk__tick units_came; /* or may have: what was proven for an instant before it is not remembered */
    bool kept;           /* somebody relies on it */
    bool refreshing;     /* the round that is under way asks for their sake */
    int64_t proven_ms;
    uint64_t proven_units;
    seckill_status trouble; /* why a shard cannot answer, for good; SECKILL_OK: none */
    char cause[200];
    uint32_t count; /* shards */
    sk__standing standings[];
};

/* Whether anyone waits for what the search finds. */
bool sk__supply_is_wanted(const sk__supply *supply);

typedef struct {
    uint32_t from, to;
    uint64_t least, want; /* want 0: only what was taken and not booked is booked */
    bool gather;          /* to be taken there by the next survey, not by who is served */
} sk__move;

/* A survey has answered or failed for good; a transfer is over and has sent units, or none. */
void sk__supply_surveyed(sk__supply *supply, sk__tick asked);
void sk__supply_moved(sk__supply *supply, const sk__move *move, uint64_t units);

/* ---- supply_calls.c. False: out of memory. */

bool sk__supply_survey(sk__supply *supply, uint32_t shard);
bool sk__supply_move(sk__supply *supply, const sk__move *move);

#endif
