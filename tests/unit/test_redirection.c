/* What the nodes of a cluster say about slots: MOVED, ASK, lines of CLUSTER NODES. Good, odd and hostile.
 *
 * SPDX-License-Identifier: MIT
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "io/redirection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID "07c37dfeb235213a872192d90877d0cd55635b91"
#define REST " 0 1426238317239 4 connected"

static sk__address from_host(void) {
    sk__address from;

    assert_int_equal(sk__address_parse("10.0.0.9:7009", &from), SECKILL_OK);
    return from;
}

/* A copy of the exact size, so that a sanitizer sees a step too far. */
static sk__redirection_kind read_error(const char *text, sk__redirection *redirection) {
    size_t size = strlen(text);
    char *copy = malloc(size > 0 ? size : 1);
    sk__address from = from_host();
    sk__redirection_kind kind;

    assert_non_null(copy);
    memcpy(copy, text, size);
    kind = sk__redirection_read(copy, size, &from, redirection);
    free(copy);
    return kind;
}

/* ---- MOVED and ASK */

typedef struct {
    const char *text;
    sk__redirection_kind kind;
    uint32_t slot;
    const char *name;
    uint32_t port;
    bool names_host, is_numeric;
} good_redirection;

static void reads_redirections(void **state) {
    static const good_redirection good[] = {
        {"MOVED 3999 127.0.0.1:6381", SK__MOVED, 3999, "127.0.0.1", 6381, true, true},
        {"ASK 3999 127.0.0.1:6381", SK__ASK, 3999, "127.0.0.1", 6381, true, true},
        {"MOVED 0 h:1", SK__MOVED, 0, "h", 1, true, false},
        {"MOVED 16383 node-7.example.com:65535", SK__MOVED, 16383, "node-7.example.com", 65535, true, false},
        {"MOVED 5 :7000", SK__MOVED, 5, "10.0.0.9", 7000, false, true},
        {"MOVED 5 ::1:7000", SK__MOVED, 5, "::1", 7000, true, true},
        {"ASK 5 2001:db8::7:7000", SK__ASK, 5, "2001:db8::7", 7000, true, true},
        {"MOVED 00005 h:07000", SK__MOVED, 5, "h", 7000, true, false},
        {"MOVED 5 h:7000 and more", SK__MOVED, 5, "h", 7000, true, false},
    };
    sk__redirection read;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        assert_int_equal(read_error(good[i].text, &read), good[i].kind);
        assert_int_equal(read.slot, good[i].slot);
        assert_string_equal(read.address.name, good[i].name);
        assert_int_equal(read.address.port, good[i].port);
        assert_int_equal(read.names_host, good[i].names_host);
        assert_int_equal(read.address.is_numeric, good[i].is_numeric);
        assert_false(read.address.is_unix);
    }
}

static void other_errors_are_none(void **state) {
    static const char *const others[] = {"",
                                         "M",
                                         "MOVE 1 h:1",
                                         "MOVEDX 1 h:1",
                                         "moved 1 h:1",
                                         " MOVED 1 h:1",
                                         "ASKING 1 h:1",
                                         "ERR MOVED 1 h:1",
                                         "CLUSTERDOWN The cluster is down"};
    sk__redirection read;

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        assert_int_equal(read_error(others[i], &read), SK__NO_REDIRECTION);
}

static void what_cannot_be_followed_is_bad(void **state) {
    static const char *const bad[] = {"MOVED",
                                      "MOVED ",
                                      "MOVED 1",
                                      "MOVED 1 ",
                                      "MOVED 1 h",
                                      "MOVED 1 h:",
                                      "MOVED 1 h:0",
                                      "MOVED 1 h:65536",
                                      "MOVED 1 h:-1",
                                      "MOVED 1 h:1x",
                                      "MOVED 1 :",
                                      "MOVED 16384 h:1",
                                      "MOVED -1 h:1",
                                      "MOVED x h:1",
                                      "MOVED 000001 h:1",
                                      "MOVED 1 h:000001",
                                      "MOVED  1 h:1",
                                      "ASK 99999 h:1",
                                      "MOVED 1 ?:1",
                                      "MOVED 1 a/b:1",
                                      "MOVED 1 [::1]:1",
                                      "MOVED 1 a:b:1",
                                      "MOVED 1 h\t:1",
                                      "ASK 1 @:1",
                                      "MOVED 1 :::::1",
                                      "MOVED 1\n h:1",
                                      "MOVED 4294967297 h:1"};
    sk__redirection read;
    char text[600];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(read_error(bad[i], &read), SK__BAD_REDIRECTION);
    memset(text, 'h', sizeof(text));
    memcpy(text, "MOVED 1 ", 8);
    memcpy(text + 8 + SK__ADDRESS_HOST_MAX + 1, ":1", 3); /* a byte too long */
    assert_int_equal(read_error(text, &read), SK__BAD_REDIRECTION);
    memcpy(text + 8 + SK__ADDRESS_HOST_MAX, ":1", 3);
    assert_int_equal(read_error(text, &read), SK__MOVED);
}

static void a_zero_byte_is_no_end(void **state) {
    sk__address from = from_host();
    sk__redirection read;

    (void)state;
    assert_int_equal(sk__redirection_read("MOVED 1 h\0x:1", 13, &from, &read), SK__BAD_REDIRECTION);
    assert_int_equal(sk__redirection_read("MOVED\0001 h:1", 11, &from, &read), SK__NO_REDIRECTION);
}

/* Over a unix socket one talks to this machine. */
static void without_a_host_a_unix_socket_is_here(void **state) {
    sk__address from;
    sk__redirection read;

    (void)state;
    assert_int_equal(sk__address_parse("unix:/run/redis.sock", &from), SECKILL_OK);
    assert_int_equal(sk__redirection_read("MOVED 1 :7000", 13, &from, &read), SK__MOVED);
    assert_string_equal(read.address.name, "127.0.0.1");
    assert_false(read.address.is_unix);
}

/* ---- CLUSTER NODES */

/* Reads one line into "serves host:port: ranges", for comparing. */
static void describe(const char *text, bool by_name, char out[400]) {
    size_t size = strlen(text), left = size;
    char *copy = malloc(size + 1), address[SK__ADDRESS_TEXT_MAX + 1];
    const char *at = copy;
    sk__address from = from_host();
    sk__node_line line;
    sk__reading reading;
    uint32_t first, last;

    assert_non_null(copy);
    memcpy(copy, text, size);
    reading = sk__node_line_next(&at, &left, &from, by_name, &line);
    (void)snprintf(out, 400, "%s", reading == SK__END ? "end" : reading == SK__GARBAGE ? "garbage" : "");
    if (reading == SK__MORE && line.serves) {
        sk__address_format(&line.address, NULL, address, sizeof(address));
        (void)snprintf(out, 400, "%s", address);
    }
    while (reading == SK__MORE && (reading = sk__slot_range_next(&line, &first, &last)) == SK__MORE)
        (void)snprintf(out + strlen(out), 400 - strlen(out), " %u-%u", (unsigned)first, (unsigned)last);
    if (reading == SK__GARBAGE && strcmp(out, "garbage") != 0)
        (void)snprintf(out + strlen(out), 400 - strlen(out), " garbage");
    free(copy);
}

static void reads_lines(void **state) {
    static const struct {
        const char *line, *wanted;
    } good[] = {
        {"", "end"},
        {ID " 127.0.0.1:30004@31004,host4 slave " ID REST "\n", ""},
        {ID " 127.0.0.1:30004@31004 master -" REST "\n", "127.0.0.1:30004"},
        {ID " 127.0.0.1:30004@31004 myself,master -" REST " 0-5460", "127.0.0.1:30004 0-5460"},
        {ID " 127.0.0.1:30004@31004 master,fail -" REST " 7 9-10 16383\n", "127.0.0.1:30004 7-7 9-10 16383-16383"},
        {ID " 127.0.0.1:30004@31004 master,fail? -" REST " 7", "127.0.0.1:30004 7-7"},
        {ID " 127.0.0.1:30004 master -" REST " 7", "127.0.0.1:30004 7-7"},
        {ID " ::1:30004@31004 master -" REST " 7", "[::1]:30004 7-7"},
        {ID " :30004@31004 myself,master -" REST " 7", "10.0.0.9:30004 7-7"},
        {ID " 127.0.0.1:30004@31004,host4 master -" REST " 7", "127.0.0.1:30004 7-7"},
        {ID " 127.0.0.1:30004@31004,,tls-port=0,shard-id=69bc master -" REST " 7", "127.0.0.1:30004 7-7"},
        {ID " 1.2.3.4:4@5 master -" REST " 1-2 [93-<-292f8b365bb7edb5e285caf0b7e6ddc7265d2f4f] [77->-e7d1] 5",
         "1.2.3.4:4 1-2 5-5"},
        {ID " 1.2.3.4:4@5 master -" REST " 7\r\n", "1.2.3.4:4 7-7"},
        {ID " 1.2.3.4:4@5 master -" REST "  7 ", "1.2.3.4:4 7-7"},
        {ID " :0@0 master,noaddr -" REST " 7", " 7-7"},
        {ID " 1.2.3.4:4@5 handshake -" REST, ""},
        {ID " 1.2.3.4:4@5 master,handshake -" REST, ""},
        {ID " 1.2.3.4:4@5 noflags -" REST, ""},
        {ID " 1.2.3.4:4@5 masters,xmaster -" REST, ""},
        {ID " nonsense slave -" REST, ""}, /* nobody asks where a replica is */
    };
    char text[400];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        describe(good[i].line, false, text);
        assert_string_equal(text, good[i].wanted);
    }
}

static void takes_host_names_where_they_are_preferred(void **state) {
    char text[400];

    (void)state;
    describe(ID " 127.0.0.1:30004@31004,host4 master -" REST " 7", true, text);
    assert_string_equal(text, "host4:30004 7-7");
    describe(ID " 127.0.0.1:30004@31004,host4,shard-id=1 master -" REST " 7", true, text);
    assert_string_equal(text, "host4:30004 7-7");
    describe(ID " 127.0.0.1:30004@31004 master -" REST " 7", true, text);
    assert_string_equal(text, "127.0.0.1:30004 7-7");
    describe(ID " 127.0.0.1:30004@31004,,shard-id=1 master -" REST " 7", true, text);
    assert_string_equal(text, "127.0.0.1:30004 7-7");
    describe(ID " 127.0.0.1:30004@31004,shard-id=1 master -" REST " 7", true, text);
    assert_string_equal(text, "127.0.0.1:30004 7-7");
}

static void garbage_is_found(void **state) {
    static const char *const bad[] = {
        "\n",
        "x",
        "OK",
        ID,
        ID " 1.2.3.4:4@5 master - 0 0 1",              /* a field too few */
        ID "  1.2.3.4:4@5 master -" REST,              /* an empty one */
        ID " 1.2.3.4@5 master -" REST " 7",            /* no port */
        ID " 1.2.3.4:@5 master -" REST " 7",           /* an empty one */
        ID " 1.2.3.4:99999@5 master -" REST " 7",      /* one too large */
        ID " 1.2.3.4:0@5 master -" REST " 7",          /* no such */
        ID " 1.2/3.4:4@5 master -" REST " 7",          /* no host */
        ID " 1.2.3.4:4@5 master -" REST " 16384",      /* no slot */
        ID " 1.2.3.4:4@5 master -" REST " 5-16384",    /* too far */
        ID " 1.2.3.4:4@5 master -" REST " 9-5",        /* backwards */
        ID " 1.2.3.4:4@5 master -" REST " 5-",         /* to where? */
        ID " 1.2.3.4:4@5 master -" REST " -5",         /* from where? */
        ID " 1.2.3.4:4@5 master -" REST " 5-6-7",      /* what? */
        ID " 1.2.3.4:4@5 master -" REST " x",          /* what? */
        ID " 1.2.3.4:4@5 master -" REST " 1-2 three",  /* after good ones */
        ID " 1.2.3.4:4@5 master -" REST " 4294967297", /* 1, in 32 bits */
    };
    char text[400];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        describe(bad[i], false, text);
        assert_non_null(strstr(text, "garbage"));
    }
}

/* Every beginning of a good answer is read without a step beyond it. */
static void every_beginning_is_survived(void **state) {
    static const char whole[] =
        ID " ::1:30004@31004,host master,fail? -" REST " 0-5460 [93-<-292f] 7\n" ID " :1@2 master -" REST " 9\n";
    sk__address from = from_host();

    (void)state;
    for (size_t size = 0; size < sizeof(whole); size++) {
        char *copy = malloc(size > 0 ? size : 1);
        const char *at = copy;
        size_t left = size, lines = 0;
        sk__node_line line;
        uint32_t first, last;

        assert_non_null(copy);
        memcpy(copy, whole, size);
        while (sk__node_line_next(&at, &left, &from, size % 2 == 0, &line) == SK__MORE) {
            lines++;
            while (sk__slot_range_next(&line, &first, &last) == SK__MORE)
                assert_true(first <= last && last < SK__SLOTS);
        }
        assert_true(lines <= 2);
        free(copy);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_redirections),
        cmocka_unit_test(other_errors_are_none),
        cmocka_unit_test(what_cannot_be_followed_is_bad),
        cmocka_unit_test(a_zero_byte_is_no_end),
        cmocka_unit_test(without_a_host_a_unix_socket_is_here),
        cmocka_unit_test(reads_lines),
        cmocka_unit_test(takes_host_names_where_they_are_preferred),
        cmocka_unit_test(garbage_is_found),
        cmocka_unit_test(every_beginning_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
