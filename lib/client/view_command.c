/* Commands for hosts that send them themselves, and what errors mean for them. */
#include "client/view.h"

#include "base/names.h"
#include "client/client.h"
#include "engine/errors.h"
#include "io/redirection.h"

#include <stdio.h>
#include <string.h>

/* ---- commands ---- */

seckill_status sk__writing_new(const seckill_allocator *allocator, seckill_command **command) {
    sk__writing *made = sk__calloc(allocator, 1, sizeof(*made));

    if (made == NULL)
        return SECKILL_NO_MEMORY;
    made->allocator = allocator;
    made->shown.struct_size = sizeof(made->shown);
    *command = &made->shown;
    return SECKILL_OK;
}

seckill_status seckill_command_new(seckill_command **command) {
    return command != NULL ? sk__writing_new(&sk__default_allocator, command) : SECKILL_INVALID;
}

void seckill_command_free(seckill_command *command) {
    sk__writing *writing = (sk__writing *)(void *)command;

    if (command == NULL)
        return;
    sk__free(writing->allocator, writing->wire);
    sk__free(writing->allocator, writing);
}

sk__writing *sk__writing_begin(seckill_command *command, uint32_t flags) {
    if (command == NULL)
        return NULL;
    memset(command, 0, sizeof(*command));
    command->struct_size = sizeof(*command);
    return (flags & ~(uint32_t)SECKILL_WITH_TEXT) == 0 ? (sk__writing *)(void *)command : NULL;
}

void sk__writing_add(sk__writing *writing, seckill_bytes bytes) {
    sk__writer writer = sk__command_add_packed(&writing->written, bytes.size);

    sk__write_bytes(&writer, bytes.data, bytes.size);
}

/* "*3\r\n", "$40\r\n". */
static void write_count(sk__writer *writer, char mark, size_t count) {
    sk__write_u8(writer, (uint8_t)mark);
    sk__write_decimal(writer, count);
    sk__write_text(writer, "\r\n");
}

enum { COUNT_SIZE = 1 + 20 + 2 }; /* bytes of the longest, and more than those of the end of an argument */

static size_t wire_size(const sk__command *written) {
    size_t size = COUNT_SIZE;

    for (int i = 0; i < written->argc; i++)
        size += COUNT_SIZE + written->sizes[i] + 2;
    return size;
}

/* Room that is kept for the next command. */
static bool make_room(sk__writing *writing, size_t size) {
    char *wire;

    if (writing->capacity >= size)
        return true;
    wire = sk__malloc(writing->allocator, size);
    if (wire == NULL)
        return false;
    sk__free(writing->allocator, writing->wire);
    writing->wire = wire;
    writing->capacity = size;
    return true;
}

seckill_status sk__writing_show(sk__writing *writing, uint32_t slot) {
    const sk__command *written = &writing->written;
    seckill_command *shown = &writing->shown;
    sk__writer writer;

    if (written->failed || !make_room(writing, wire_size(written)))
        return SECKILL_NO_MEMORY;
    writer = sk__writer_of(writing->wire, writing->capacity);
    write_count(&writer, '*', (size_t)written->argc);
    for (int i = 0; i < written->argc; i++) {
        write_count(&writer, '$', written->sizes[i]);
        sk__write_bytes(&writer, written->argv[i], written->sizes[i]);
        sk__write_text(&writer, "\r\n");
    }
    shown->data = writing->wire;
    shown->size = writer.at;
    shown->argv = written->argv;
    shown->sizes = written->sizes;
    shown->argc = (uint32_t)written->argc;
    shown->slot = slot;
    return SECKILL_OK;
}

seckill_status sk__writing_show_key(sk__writing *writing) {
    return sk__writing_show(writing, seckill_slot(writing->keys, strlen(writing->keys)));
}

/* ---- what callers give ---- */

const char *sk__view_prefix(const char *prefix) {
    if (prefix == NULL)
        return "seckill";
    return sk__prefix_valid(prefix) ? prefix : NULL;
}

/* ---- errors ---- */

static int32_t then_of(sk__then then) {
    switch (then) {
    case SK__THEN_SEND_TEXT:
        return SECKILL_THEN_SEND_TEXT;
    case SK__THEN_UPDATE:
        return SECKILL_THEN_ASK_ITEM;
    case SK__THEN_GO_ON:
        return SECKILL_THEN_REPEAT;
    case SK__THEN_REPEAT: /* MOVED, which has said where to */
        return SECKILL_THEN_GO_TO;
    case SK__THEN_ASK:
        return SECKILL_THEN_ASK_AT;
    case SK__THEN_WAIT:
        return SECKILL_THEN_TRY_LATER;
    case SK__THEN_FINISH:
        break;
    }
    return SECKILL_THEN_GIVE_UP;
}

/* Where it sends to. The address of who says so is not known here: the host has it. */
static void read_redirection(const char *text, size_t size, seckill_reply_error *error) {
    const sk__address from = {.name = "-"};
    sk__redirection redirection;
    sk__redirection_kind kind = sk__redirection_read(text, size, &from, &redirection);

    if (kind != SK__MOVED && kind != SK__ASK) {
        error->then = SECKILL_THEN_TRY_LATER;
        return;
    }
    error->slot = redirection.slot;
    error->port = redirection.address.port;
    if (redirection.names_host)
        (void)snprintf(error->host, sizeof(error->host), "%s", redirection.address.name);
}

seckill_status seckill_view_read_error(const char *text, size_t size, seckill_reply_error *error) {
    seckill_reply_error all;
    sk__verdict verdict;

    if (text == NULL)
        return SECKILL_INVALID;
    memset(&all, 0, sizeof(all));
    verdict = sk__judge_error(text, size);
    all.then = then_of(verdict.then);
    all.status = verdict.status;
    if (all.then == SECKILL_THEN_GO_TO || all.then == SECKILL_THEN_ASK_AT)
        read_redirection(text, size, &all);
    sk__describe_error(text, size, all.message, sizeof(all.message));
    return sk__struct_fill(error, &all, sizeof(all));
}
