/* What a reply means that is not an answer, and what is done about it: in one place, for errors of Redis, of our scripts and of
 * the network. What is sent again is sent with the same ids, with the pace of retry.h, until whoever waits for it stops
 * waiting.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_ENGINE_ERRORS_H
#define SK_ENGINE_ERRORS_H

#include "engine/transport.h"

typedef enum {
    SK__THEN_FINISH,    /* it is the answer */
    SK__THEN_SEND_TEXT, /* the server does not know the script: send its text */
    SK__THEN_UPDATE,    /* the shard has older settings than we, or none: bring it up to date, then ask again */
    SK__THEN_GO_ON,     /* it did a part: ask again at once for the rest */
    SK__THEN_REPEAT,    /* ask again, at once if the budget allows */
    SK__THEN_ASK,       /* the same, but where ASK said */
    SK__THEN_WAIT       /* it cannot serve now: ask again after a while */
} sk__then;

typedef struct {
    seckill_status status; /* what to answer, or what to answer if the deadline comes first */
    sk__then then;
    bool may_be_done; /* this sending may have been executed, or has been */
} sk__verdict;

/* `text` need not be NUL-terminated. */
sk__verdict sk__judge_error(const char *text, size_t size);

/* Any reply but bytes; `cause` gets what a person wants to read of it. */
sk__verdict sk__judge_reply(const sk__reply *reply, char *cause, size_t cause_size);

/* What a person wants to read of an error: without the word that only our scripts and this table know, and without the place in
 * a script that Redis adds. */
void sk__describe_error(const char *text, size_t size, char *description, size_t description_size);

#endif
