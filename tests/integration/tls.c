/* TLS to Redis, with real servers: who is trusted, what is said of those who are not, and that it is retried; what lasts longer
 * than one connection; and commands that a socket does not take at once.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE /* mkdtemp, nftw */
#include "failing_memory.h"
#include "redis_cluster.h"
#include "rules_fixture.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, NO_TLS = 77 };

typedef struct {
    char folder[64];
    char ca[96], other[96], certificate[96], foreign[96], key[96]; /* files there */
    char lines[3][128];
    const char *config[8];
    redis_server *server;
    char localhost[32]; /* its address by name */
} world;

static world all;

/* ---- certificates, and servers that have them */

static const char *file(char path[96], const char *name) {
    (void)snprintf(path, 96, "%s/%s", all.folder, name);
    return path;
}

static bool make_certificates(void) {
    int status;
    pid_t child = fork();

    if (child == 0) {
        if (freopen("/dev/null", "w", stderr) != NULL)
            (void)execl(CERTIFICATES, "certificates", all.folder, (char *)NULL);
        _exit(127);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at) {
    (void)info, (void)kind, (void)at;
    return remove(path);
}

static int end_world(void **state) {
    (void)state;
    redis_server_free(all.server);
    return nftw(all.folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static int begin_world(void **state) {
    const redis_server_options options = {.tcp = REDIS_SERVER_TLS, .lines = all.config};
    const char *base = getenv("TMPDIR");

    (void)state;
    (void)snprintf(all.folder, sizeof(all.folder), "%s/tls-XXXXXX", base != NULL && strlen(base) < 40 ? base : "/tmp");
    if (mkdtemp(all.folder) == NULL || !make_certificates())
        return -1;
    file(all.ca, "ca.pem");
    file(all.other, "other.pem");
    file(all.certificate, "client.pem");
    file(all.foreign, "foreign.pem");
    file(all.key, "leaf.key");
    (void)snprintf(all.lines[0], sizeof(all.lines[0]), "tls-ca-cert-file %s", all.ca);
    (void)snprintf(all.lines[1], sizeof(all.lines[1]), "tls-cert-file %s/server.pem", all.folder);
    (void)snprintf(all.lines[2], sizeof(all.lines[2]), "tls-key-file %s", all.key);
    for (int i = 0; i < 3; i++)
        all.config[i] = all.lines[i];
    all.config[3] = "tls-auth-clients no";
    all.server = redis_server_start(&options);
    if (all.server == NULL)
        return -1;
    (void)snprintf(all.localhost, sizeof(all.localhost), "localhost:%d", redis_server_port(all.server));
    return 0;
}

static void set(const char *name, const char *value) {
    redisReply *reply = redis_server_command(all.server, "CONFIG SET %s %s", name, value);

    assert_non_null(reply);
    assert_string_equal(reply->str, "OK");
    redis_server_forget(reply);
}

/* From now on the server shows another certificate. */
static void show(const char *name) {
    char path[96];

    set("tls-cert-file", file(path, name));
}

static int as_it_was(void **state) {
    (void)state;
    show("server.pem");
    set("tls-auth-clients", "no");
    redis_server_forget(redis_server_command(all.server, "FLUSHALL"));
    return 0;
}

/* ---- clients */

/* What the log is to say. */
typedef struct {
    const char *wanted;
    bool seen;
    char last[512];
} ear;

static void on_line(seckill_log_level level, const char *line, void *user_data) {
    ear *listener = user_data;

    (void)level;
    (void)snprintf(listener->last, sizeof(listener->last), "%s", line);
    listener->seen = listener->seen || strstr(line, listener->wanted) != NULL;
}

static seckill_client_options by_tls(const char *address) {
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;

    options.address = address;
    options.timeout_ms = PATIENCE_MS;
    options.command_timeout_ms = PATIENCE_MS;
    options.connect_timeout_ms = PATIENCE_MS;
    options.tls = 1;
    options.tls_ca_file = all.ca;
    return options;
}

static void on_limit(uv_timer_t *timer) {
    *(bool *)timer->data = true;
}

/* Runs the client until the log has said `wanted`, or for too long. */
static void hear(sale *shop, ear *listener, const char *wanted) {
    bool late = false;
    uv_timer_t limit;

    listener->wanted = wanted;
    listener->seen = false;
    assert_int_equal(uv_timer_init(&shop->loop, &limit), 0);
    limit.data = &late;
    assert_int_equal(uv_timer_start(&limit, on_limit, PATIENCE_MS, 0), 0);
    while (!listener->seen && !late)
        (void)uv_run(&shop->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&limit, NULL);
    (void)uv_run(&shop->loop, UV_RUN_NOWAIT);
    if (!listener->seen)
        fail_msg("\"%s\" was not said, the last was \"%s\"", wanted, listener->last);
}

static void open_heard(sale *shop, seckill_client_options *options, ear *listener) {
    memset(listener, 0, sizeof(*listener));
    listener->wanted = "\n";
    options->log = on_line;
    options->log_user_data = listener;
    options->log_level = SECKILL_LOG_INFO;
    sale_open_with(shop, options);
}

static uint64_t connections(const sale *shop) {
    seckill_client_stats stats = {.struct_size = sizeof(stats)};

    assert_int_equal(seckill_client_get_stats(shop->client, &stats), SECKILL_OK);
    return stats.connections;
}

/* Such a client is not served; its trouble says why, and it is tried again. */
static void refuses(seckill_client_options options, const char *why) {
    sale shop;
    ear listener;

    options.reconnect_max_ms = 20;
    open_heard(&shop, &options, &listener);
    hear(&shop, &listener, why);
    assert_non_null(strstr(seckill_client_trouble(shop.client), why));
    assert_non_null(strstr(listener.last, "trying again"));
    assert_int_equal(connections(&shop), 0);
    sale_close(&shop);
}

static void serves(seckill_client_options options) {
    sale shop;
    ear listener;

    open_heard(&shop, &options, &listener);
    hear(&shop, &listener, "connected to");
    assert_string_equal(seckill_client_trouble(shop.client), "");
    sale_close(&shop);
}

/* ---- a sale */

static void sell(sale *shop, const char *user) {
    sale_answer granted = sale_reserve(shop, user, "r", 1);

    assert_status(granted.status, SECKILL_OK);
    assert_status(sale_confirm(shop, &granted.ref, "order").status, SECKILL_OK);
}

static void define(sale *shop, uint32_t shards, int64_t units) {
    assert_status(sale_define(shop, shards, NULL).status, SECKILL_OK);
    assert_status(sale_load(shop, "load", units).status, SECKILL_OK);
}

static void from_reserve_to_confirm(void **state) {
    seckill_client_options options = by_tls(redis_server_tcp_address(all.server));
    sale shop;
    sale_answer granted;

    (void)state;
    sale_open_with(&shop, &options);
    define(&shop, 2, 10);
    sell(&shop, "alice");
    granted = sale_reserve(&shop, "bob", "r", 1);
    assert_status(granted.status, SECKILL_OK);
    assert_status(sale_cancel(&shop, "bob", granted.ref.reservation_id).status, SECKILL_OK);
    assert_int_equal(sale_stock(&shop).total.sold, 1);
    assert_int_equal(sale_stock(&shop).total.available, 9);
    assert_int_equal(connections(&shop), 1);
    sale_close(&shop);
}

static void with_a_password(void **state) {
    seckill_client_options options = by_tls(all.localhost);

    (void)state;
    redis_server_forget(redis_server_command(all.server, "ACL SETUSER shop on >secret ~* +@all"));
    options.user = "shop";
    options.password = "wrong";
    refuses(options, "refused AUTH");
    options.password = "secret";
    serves(options);
    redis_server_forget(redis_server_command(all.server, "ACL DELUSER shop"));
}

/* ---- whom we trust */

static void an_authority_that_is_not_trusted(void **state) {
    seckill_client_options options = by_tls(all.localhost);

    (void)state;
    serves(options);
    options.tls_ca_file = all.other;
    refuses(options, "TLS: the server's certificate: ");
    options.tls_ca_file = NULL; /* the system's */
    refuses(options, "TLS: the server's certificate: ");
    options.tls_ca_folder = all.folder; /* where no file has the name that OpenSSL looks for */
    refuses(options, "TLS: the server's certificate: ");
}

static void another_host(void **state) {
    seckill_client_options options = by_tls(all.localhost);

    (void)state;
    show("named.pem"); /* of redis.test; and that a common name is localhost does not count */
    refuses(options, "TLS: the server's certificate is not for localhost");
    options.tls_server_name = "redis.test";
    serves(options);
    options.tls_server_name = "redis.test."; /* the same */
    serves(options);
    options.tls_server_name = "another.test";
    refuses(options, "TLS: the server's certificate is not for another.test");
    options.tls_server_name = "est";
    refuses(options, "is not for est");
    options.tls_server_name = NULL;
    show("unnamed.pem");
    refuses(options, "TLS: the server's certificate is not for localhost");
}

static void another_ip_address(void **state) {
    seckill_client_options options = by_tls(redis_server_tcp_address(all.server));

    (void)state;
    show("named.pem");
    refuses(options, "TLS: the server's certificate is not for 127.0.0.1");
    options.tls_server_name = "redis.test";
    serves(options);
    show("server.pem");
    refuses(options, "is not for redis.test");
    options.tls_server_name = "::1";
    serves(options);
    options.tls_server_name = "127.0.0.2";
    refuses(options, "is not for 127.0.0.2");
}

static void a_certificate_that_is_over(void **state) {
    seckill_client_options options = by_tls(all.localhost);
    sale shop;
    ear listener;

    (void)state;
    show("expired.pem");
    options.reconnect_max_ms = 20;
    open_heard(&shop, &options, &listener);
    hear(&shop, &listener, "TLS: the server's certificate: certificate has expired");
    show("server.pem");
    hear(&shop, &listener, "connected to"); /* by itself */
    define(&shop, 1, 1);
    sell(&shop, "alice");
    sale_close(&shop);
}

/* ---- who we are */

static void a_server_that_asks_for_a_certificate(void **state) {
    seckill_client_options options = by_tls(all.localhost);

    (void)state;
    set("tls-auth-clients", "yes");
    refuses(options, "certificate required");
    options.tls_certificate_file = all.foreign;
    options.tls_key_file = all.key;
    refuses(options, "TLS: ");
    options.tls_certificate_file = all.certificate;
    serves(options);
}

/* ---- who speaks what */

static void plain_text_on_either_side(void **state) {
    const redis_server_options plain = {.tcp = REDIS_SERVER_TCP};
    redis_server *server = redis_server_start(&plain);
    seckill_client_options options;
    seckill_status status;
    sale shop;

    (void)state;
    assert_non_null(server);
    options = by_tls(redis_server_tcp_address(server));
    options.connect_timeout_ms = 300;
    refuses(options, "does the server speak TLS there?");
    assert_int_equal(redis_server_integer(server, "DBSIZE"), 0);
    redis_server_free(server);
    options = by_tls(all.localhost);
    options.tls = 0;
    options.tls_ca_file = NULL;
    options.timeout_ms = 300;
    sale_open_with(&shop, &options);
    status = sale_get(&shop).status;
    assert_true(status == SECKILL_UNREACHABLE || status == SECKILL_UNKNOWN); /* it may have been sent */
    assert_string_not_equal(seckill_client_trouble(shop.client), "");
    sale_close(&shop);
}

static void a_server_that_hangs_in_the_handshake(void **state) {
    seckill_client_options options = by_tls(all.localhost);
    sale shop;
    ear listener;

    (void)state;
    redis_server_pause(all.server);
    options.connect_timeout_ms = 200;
    options.reconnect_max_ms = 20;
    open_heard(&shop, &options, &listener);
    hear(&shop, &listener, "no TLS handshake within 200 ms");
    redis_server_resume(all.server);
    hear(&shop, &listener, "connected to");
    sale_close(&shop);
}

/* Drops whoever has said a word: what it has not read resets the connection. */
static pid_t start_dropping(char address[32]) {
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t room = sizeof(local);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pid_t child;

    assert_int_equal(bind(listener, (struct sockaddr *)&local, room), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&local, &room), 0);
    (void)snprintf(address, 32, "127.0.0.1:%d", ntohs(local.sin_port));
    child = fork();
    if (child == 0)
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (child == 0) {
        int one = accept(listener, NULL, NULL);
        char byte;

        (void)recv(one, &byte, 1, 0);
        (void)close(one);
    }
    assert_true(child > 0);
    (void)close(listener);
    return child;
}

static void a_server_that_drops_the_connection(void **state) {
    char address[32];
    pid_t server = start_dropping(address);

    (void)state;
    refuses(by_tls(address), "TLS: Connection reset by peer");
    assert_int_equal(kill(server, SIGKILL), 0);
    assert_int_equal(waitpid(server, NULL, 0), server);
}

/* ---- longer than one connection */

static void a_server_that_is_started_again(void **state) {
    const redis_server_options durable = {.tcp = REDIS_SERVER_TLS, .durable = true, .lines = all.config};
    redis_server *server = redis_server_start(&durable);
    seckill_client_options options;
    sale shop;

    (void)state;
    assert_non_null(server);
    options = by_tls(redis_server_tcp_address(server));
    sale_open_with(&shop, &options);
    define(&shop, 1, 10);
    sell(&shop, "alice");
    assert_true(redis_server_restart(server));
    sell(&shop, "bob");
    assert_int_equal(sale_stock(&shop).total.sold, 2);
    assert_int_equal(connections(&shop), 2);
    sale_close(&shop);
    redis_server_free(server);
}

/* Each node has a port for TLS and no other; what MOVED and CLUSTER NODES say leads there. */
static void a_cluster(void **state) {
    const redis_cluster_options how = {.masters = 3, .lines = all.config, .tls = true};
    redis_cluster *cluster = redis_cluster_start(&how);
    seckill_client_stats stats = {.struct_size = sizeof(stats)};
    seckill_client_options options;
    sale shop;
    char user[16];

    (void)state;
    assert_non_null(cluster);
    options = by_tls(redis_cluster_address(cluster, 0));
    sale_open_with(&shop, &options);
    define(&shop, 12, 24);
    for (int i = 0; i < 24; i++) {
        (void)snprintf(user, sizeof(user), "u%d", i);
        sell(&shop, user);
    }
    assert_int_equal(seckill_client_get_stats(shop.client, &stats), SECKILL_OK);
    assert_int_equal(stats.nodes, 3);
    assert_true(stats.moved > 0);
    sale_close(&shop);
    redis_cluster_free(cluster);
}

/* Each of our allocations until it is connected fails once: it is not opened, or it connects at the next attempt. */
static void memory_that_is_short(void **state) {
    seckill_client_options options = by_tls(redis_server_tcp_address(all.server));
    failing_memory memory = {0};
    seckill_allocator allocator = failing_memory_allocator(&memory);
    seckill_client *client;
    seckill_status status;

    (void)state;
    options.allocator = &allocator;
    options.tls_server_name = "localhost";
    do {
        memory = (failing_memory){.fail_at = memory.fail_at + 1};
        client = NULL;
        status = seckill_client_open(&options, &client);
        seckill_client_close(client, NULL, NULL);
        assert_true(status == SECKILL_OK || status == SECKILL_NO_MEMORY);
        assert_int_equal(memory.outstanding, 0);
    } while (status == SECKILL_NO_MEMORY);
    do {
        memory = (failing_memory){.fail_at = memory.fail_at + 1};
        serves(options);
        assert_int_equal(memory.outstanding, 0);
    } while (memory.made >= memory.fail_at);
}

/* ---- more than a socket takes */

enum { CROWD = 6000, NAME = 60 };

/* The client's socket gets buffers that are smaller than a record of TLS. */
static void make_narrow(int port) {
    int size = 4096, found = 0;

    for (int fd = 3; fd < 1024; fd++) {
        struct sockaddr_in peer = {0};
        socklen_t room = sizeof(peer);

        if (getpeername(fd, (struct sockaddr *)&peer, &room) != 0 || peer.sin_family != AF_INET || ntohs(peer.sin_port) != port)
            continue;
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
        found++;
    }
    assert_int_equal(found, 1);
}

/* Commands for a server that does not read them yet, and what they answer. */
static void a_crowd_at_a_server_that_stands_still(void **state) {
    seckill_client_options options = by_tls(redis_server_tcp_address(all.server));
    sale_answer *answers = calloc(CROWD, sizeof(*answers));
    char user[NAME + 1];
    sale shop;

    (void)state;
    assert_non_null(answers);
    options.max_batches = 64;
    sale_open_with(&shop, &options);
    define(&shop, 16, CROWD);
    make_narrow(redis_server_port(all.server));
    redis_server_pause(all.server);
    for (int i = 0; i < CROWD; i++) {
        (void)snprintf(user, sizeof(user), "%0*d", NAME, i);
        assert_status(sale_start_reserve(&shop, user, "r", 1, &answers[i]), SECKILL_OK);
    }
    for (int i = 0; i < 10; i++)
        (void)uv_run(&shop.loop, UV_RUN_NOWAIT);
    redis_server_resume(all.server);
    sale_wait(&shop, answers, CROWD);
    for (int i = 0; i < CROWD; i++)
        assert_status(answers[i].status, SECKILL_OK);
    assert_int_equal(sale_stock(&shop).total.reserved, CROWD);
    assert_int_equal(connections(&shop), 1);
    free(answers);
    sale_close(&shop);
}

/* What has arrived while the loop was kept from reading, here in several records, is read before a connection is given up. */
static void answers_that_wait_to_be_read(void **state) {
    enum { MANY = 4096 };
    seckill_client_options options = by_tls(redis_server_tcp_address(all.server));
    sale_answer *answers = calloc(MANY, sizeof(*answers));
    char user[16];
    sale shop;

    (void)state;
    assert_non_null(answers);
    options.command_timeout_ms = 500;
    options.max_batches = 8;
    sale_open_with(&shop, &options);
    define(&shop, 1, MANY);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(user, sizeof(user), "u%d", i);
        assert_status(sale_start_reserve(&shop, user, "r", 1, &answers[i]), SECKILL_OK);
    }
    (void)uv_run(&shop.loop, UV_RUN_NOWAIT);
    /* One field is empty. The loop runs again only if it has not sent all at once. */
    for (int i = 1; redis_server_integer(all.server, "HLEN seckill:{sale/phone/0}:users") <= MANY; i++) {
        if (i % 2000 == 0)
            (void)uv_run(&shop.loop, UV_RUN_NOWAIT);
    }
    (void)usleep(600000);
    sale_wait(&shop, answers, MANY);
    for (int i = 0; i < MANY; i++)
        assert_status(answers[i].status, SECKILL_OK);
    assert_int_equal(connections(&shop), 1);
    free(answers);
    sale_close(&shop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(from_reserve_to_confirm, as_it_was),
        cmocka_unit_test_teardown(with_a_password, as_it_was),
        cmocka_unit_test_teardown(an_authority_that_is_not_trusted, as_it_was),
        cmocka_unit_test_teardown(another_host, as_it_was),
        cmocka_unit_test_teardown(another_ip_address, as_it_was),
        cmocka_unit_test_teardown(a_certificate_that_is_over, as_it_was),
        cmocka_unit_test_teardown(a_server_that_asks_for_a_certificate, as_it_was),
        cmocka_unit_test_teardown(plain_text_on_either_side, as_it_was),
        cmocka_unit_test_teardown(a_server_that_hangs_in_the_handshake, as_it_was),
        cmocka_unit_test_teardown(a_server_that_drops_the_connection, as_it_was),
        cmocka_unit_test_teardown(a_server_that_is_started_again, as_it_was),
        cmocka_unit_test_teardown(a_cluster, as_it_was),
        cmocka_unit_test_teardown(memory_that_is_short, as_it_was),
        cmocka_unit_test_teardown(a_crowd_at_a_server_that_stands_still, as_it_was),
        cmocka_unit_test_teardown(answers_that_wait_to_be_read, as_it_was),
    };

    if (!seckill_has_tls()) {
        (void)puts("skipped: this build of the library has no TLS");
        return NO_TLS;
    }
    return cmocka_run_group_tests(tests, begin_world, end_world);
}
