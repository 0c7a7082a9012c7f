#define _POSIX_C_SOURCE 200809L /* for nanosleep and uv.h */
#include "view_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TRIALS = 400, PAUSE_MS = 25 };

/* ---- connections ---- */

void view_host_open(view_host *host) {
    memset(host, 0, sizeof *host);
    assert_status(seckill_command_new(&host->command), SECKILL_OK);
}

static size_t node_at(view_host *host, const char *address) {
    for (size_t i = 0; i < host->count; i++)
        if (strcmp(host->nodes[i].address, address) == 0)
            return i;
    assert_true(host->count < HOST_NODES);
    snprintf(host->nodes[host->count].address, HOST_ADDRESS, "%s", address);
    return host->count++;
}

void view_host_seed(view_host *host, const char *address) {
    (void)node_at(host, address);
    host->seeds = host->count;
}

static void hang_up(host_node *node) {
    if (node->connection != NULL)
        redisFree(node->connection);
    node->connection = NULL;
}

void view_host_close(view_host *host) {
    for (size_t i = 0; i < host->count; i++)
        hang_up(&host->nodes[i]);
    seckill_command_free(host->command);
}

static redisContext *connection_of(host_node *node) {
    struct timeval patience = {10, 0};
    const char *colon = strrchr(node->address, ':');
    char name[HOST_ADDRESS];
    if (node->connection != NULL)
        return node->connection;
    if (strncmp(node->address, "unix:", 5) == 0) {
        node->connection = redisConnectUnix(node->address + 5);
    } else {
        snprintf(name, sizeof name, "%.*s", (int)(colon - node->address), node->address);
        node->connection = redisConnect(name, atoi(colon + 1));
    }
    assert_non_null(node->connection);
    if (node->connection->err == 0)
        redisSetTimeout(node->connection, patience);
    return node->connection;
}

/* Sends the bytes that the library has written. NULL: the connection is gone. */
static redisReply *exchange(host_node *node, const seckill_command *command, bool asking) {
    redisContext *connection = connection_of(node);
    redisReply *reply = NULL;
    if (connection->err == 0 && asking)
        redis_server_forget(redisCommand(connection, "ASKING"));
    if (connection->err == 0 && redisAppendFormattedCommand(connection, command->data, command->size) == REDIS_OK)
        (void)redisGetReply(connection, (void **)&reply);
    if (reply == NULL)
        hang_up(node);
    return reply;
}

/* ---- what errors say ---- */

static void wait_a_little(void) {
    const struct timespec pause = {0, PAUSE_MS * 1000000L};
    nanosleep(&pause, NULL);
}

/* Another of those to begin with: they say who serves the slot now. */
static void try_another(view_host *host, uint32_t slot) {
    host->of_slot[slot] = (host->of_slot[slot] + 1) % host->seeds;
    wait_a_little();
}

static size_t named_by(view_host *host) {
    char address[HOST_ADDRESS];
    assert_string_not_equal(host->error.host, "");
    snprintf(address, sizeof address, "%.100s:%u", host->error.host, (unsigned)host->error.port);
    return node_at(host, address);
}

/* What is to be done next. False: nothing that a host can do by itself. */
static bool obey(view_host *host, uint32_t slot, uint32_t *flags, size_t *asked_at) {
    switch (host->error.then) {
    case SECKILL_THEN_SEND_TEXT:
        host->texts++;
        *flags = SECKILL_WITH_TEXT;
        return true;
    case SECKILL_THEN_GO_TO:
        assert_int_equal(host->error.slot, slot);
        host->moved++;
        host->of_slot[slot] = named_by(host);
        return true;
    case SECKILL_THEN_ASK_AT:
        assert_int_equal(host->error.slot, slot);
        host->asked++;
        *asked_at = named_by(host);
        return true;
    case SECKILL_THEN_REPEAT:
        return true;
    case SECKILL_THEN_TRY_LATER:
        host->later++;
        try_another(host, slot);
        return true;
    default:
        return false;
    }
}

redisReply *view_host_ask(view_host *host, host_write write, const void *what) {
    uint32_t flags = 0;
    size_t asked_at = HOST_NODES;
    for (int trial = 0; trial < TRIALS; trial++) {
        assert_status(write(what, flags, host->command), SECKILL_OK);
        uint32_t slot = host->command->slot;
        bool asking = asked_at != HOST_NODES;
        redisReply *reply = exchange(&host->nodes[asking ? asked_at : host->of_slot[slot]], host->command, asking);
        asked_at = HOST_NODES;
        if (reply == NULL) {
            host->lost++;
            try_another(host, slot);
            continue;
        }
        if (reply->type == REDIS_REPLY_STRING)
            return reply;
        assert_int_equal(reply->type, REDIS_REPLY_ERROR);
        host->error.struct_size = sizeof host->error;
        assert_status(seckill_view_read_error(reply->str, reply->len, &host->error), SECKILL_OK);
        redis_server_forget(reply);
        if (!obey(host, slot, &flags, &asked_at))
            return NULL;
    }
    return NULL;
}

/* ---- whole reads ---- */

typedef struct {
    const seckill_view *view;
    uint32_t shard;
    const seckill_ticket *ticket;
    const char *user;
    const seckill_subject *subjects;
    size_t count;
} question;

static seckill_status write_item(const void *what, uint32_t flags, seckill_command *command) {
    const question *asked = what;
    return seckill_view_ask_item(asked->view, flags, command);
}

seckill_status view_host_item(view_host *host, seckill_view *view) {
    const question asked = {.view = view};
    redisReply *reply = view_host_ask(host, write_item, &asked);
    if (reply == NULL)
        return (seckill_status)host->error.status;
    seckill_status status = seckill_view_take_item(view, reply->str, reply->len);
    redis_server_forget(reply);
    return status;
}

static seckill_status write_shard(const void *what, uint32_t flags, seckill_command *command) {
    const question *asked = what;
    return seckill_view_ask_shard(asked->view, asked->shard, flags, command);
}

seckill_status view_host_round(view_host *host, seckill_view *view, int64_t now_ms) {
    seckill_view_sale says = {.struct_size = sizeof says};
    seckill_status status = SECKILL_OK;
    assert_status(seckill_view_get_sale(view, 0, &says), SECKILL_OK);
    assert_status(seckill_view_begin(view, now_ms), SECKILL_OK);
    for (uint32_t i = 0; i < says.shards; i++) {
        const question asked = {.view = view, .shard = i};
        redisReply *reply = view_host_ask(host, write_shard, &asked);
        if (reply == NULL) {
            status = (seckill_status)host->error.status;
            continue;
        }
        assert_status(seckill_view_take_shard(view, i, host->command->round, reply->str, reply->len), SECKILL_OK);
        redis_server_forget(reply);
    }
    return status;
}

static seckill_status write_ticket(const void *what, uint32_t flags, seckill_command *command) {
    const question *asked = what;
    return seckill_view_ask_ticket(asked->view, asked->ticket, flags, command);
}

seckill_status view_host_ticket(view_host *host, seckill_view *view, const seckill_ticket *ticket, seckill_view_ticket *told) {
    const question asked = {.view = view, .ticket = ticket};
    redisReply *reply = view_host_ask(host, write_ticket, &asked);
    if (reply == NULL)
        return (seckill_status)host->error.status;
    told->struct_size = sizeof *told;
    seckill_status status = seckill_view_take_ticket(view, ticket, reply->str, reply->len, told);
    redis_server_forget(reply);
    return status;
}

static seckill_status write_user(const void *what, uint32_t flags, seckill_command *command) {
    const question *asked = what;
    return seckill_view_ask_user(asked->view, asked->user, strlen(asked->user), flags, command);
}

seckill_status view_host_user(view_host *host, seckill_view *view, const char *user, seckill_reservation *reservations,
                              seckill_reservation_ref *refs, uint32_t *count) {
    const question asked = {.view = view, .user = user};
    redisReply *reply = view_host_ask(host, write_user, &asked);
    if (reply == NULL)
        return (seckill_status)host->error.status;
    seckill_status status = seckill_view_take_user(view, user, strlen(user), reply->str, reply->len, reservations, refs, count);
    redis_server_forget(reply);
    return status;
}

static seckill_status write_listed(const void *what, uint32_t flags, seckill_command *command) {
    const question *asked = what;
    return seckill_view_ask_listed(NULL, asked->subjects, asked->count, flags, command);
}

seckill_status view_host_listed(view_host *host, const seckill_subject *subjects, size_t count,
                                seckill_blacklist_finding *findings) {
    const question asked = {.subjects = subjects, .count = count};
    redisReply *reply = view_host_ask(host, write_listed, &asked);
    if (reply == NULL)
        return (seckill_status)host->error.status;
    seckill_status status = seckill_view_take_listed(reply->str, reply->len, findings, count, NULL);
    for (size_t i = 0; i < count; i++)
        findings[i].reason.data = NULL;
    redis_server_forget(reply);
    return status;
}

/* ---- held against a client's own calls ---- */

void view_assert_item(const seckill_view *view, sale *client) {
    const sale_item_answer answer = sale_get(client);
    seckill_view_sale says = {.struct_size = sizeof says};
    assert_status(answer.status, SECKILL_OK);
    assert_status(seckill_view_get_sale(view, 0, &says), SECKILL_OK);
    assert_memory_equal(says.settings, &answer.settings, sizeof answer.settings);
    assert_memory_equal(says.seed, answer.seed, SECKILL_SEED_SIZE);
    assert_int_equal(says.version, answer.version);
    assert_int_equal(says.state, answer.state);
}

void view_assert_stock(const seckill_view *view, sale *client) {
    static sale_stock_answer answer;
    seckill_view_stock stock = {.struct_size = sizeof stock};
    seckill_stock shard;
    answer = sale_stock(client);
    assert_status(answer.status, SECKILL_OK);
    assert_status(seckill_view_get_stock(view, &stock), SECKILL_OK);
    assert_int_equal(stock.shards, answer.count);
    assert_int_equal(stock.missing, 0);
    for (uint32_t i = 0; i < answer.count; i++) {
        answer.shards[i].node = NULL;
        assert_status(seckill_view_get_shard(view, i, &shard), SECKILL_OK);
        assert_memory_equal(&shard, &answer.shards[i], sizeof shard);
    }
    assert_int_equal(stock.loaded, answer.total.loaded);
    assert_int_equal(stock.available, answer.total.available);
    assert_int_equal(stock.reserved, answer.total.reserved);
    assert_int_equal(stock.sold, answer.total.sold);
    assert_int_equal(stock.queued, answer.total.queued);
    assert_int_equal(stock.moving, answer.total.transferred_out - answer.total.transferred_in);
    assert_int_equal(stock.is_overdue, answer.total.overdue);
}

static void assert_reservation(const seckill_reservation *seen, const seckill_reservation *expected) {
    assert_memory_equal(seen->id, expected->id, sizeof seen->id);
    assert_int_equal(seen->state, expected->state);
    assert_int_equal(seen->quantity, expected->quantity);
    assert_int_equal(seen->price, expected->price);
    assert_int_equal(seen->since_ms, expected->since_ms);
    assert_int_equal(seen->ends_ms, expected->ends_ms);
    assert_status(seen->reason, expected->reason);
}

void view_assert_ticket(view_host *host, seckill_view *view, const seckill_ticket *ticket, sale *client) {
    seckill_view_ticket told;
    const seckill_status status = view_host_ticket(host, view, ticket, &told);
    const sale_ticket_answer answer = sale_poll(client, ticket);
    assert_status(status, answer.status);
    if (told.state == SECKILL_TICKET_LOST) {
        assert_int_equal(answer.requeued, 1);
        return;
    }
    assert_int_equal(answer.requeued, 0);
    assert_int_equal(told.state, answer.state);
    assert_status(told.reason, answer.reason);
    assert_int_equal(told.position, answer.position);
    assert_int_equal(told.has_ref, answer.has_ref);
    assert_reservation(&told.reservation, &answer.reservation);
    if (answer.has_ref)
        assert_memory_equal(&told.ref, &answer.ref, sizeof told.ref);
}

void view_assert_user(view_host *host, seckill_view *view, const char *user, sale *client) {
    static seckill_reservation reservations[SECKILL_USER_RECORDS_MAX];
    static seckill_reservation_ref refs[SECKILL_USER_RECORDS_MAX];
    static sale_lookup_answer answer;
    uint32_t count;
    assert_status(view_host_user(host, view, user, reservations, refs, &count), SECKILL_OK);
    answer = sale_lookup(client, user, NULL);
    assert_status(answer.status, SECKILL_OK);
    assert_int_equal(count, answer.count);
    for (uint32_t i = 0; i < count; i++) {
        assert_reservation(&reservations[i], &answer.reservations[i]);
        assert_memory_equal(&refs[i], &answer.refs[i], sizeof refs[i]);
    }
}
