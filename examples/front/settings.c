/* seckill-front: what the command line says.
 *
 * SPDX-License-Identifier: MIT
 */
#include "settings.h"

#include "altcha.h"

#include "common/options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

typedef enum { KIND_TEXT, KIND_DURATION, KIND_WHOLE, KIND_RATE } kind;

enum { LOOPS_MAX = 64, UNSET = 1 << 30, HOUR_MS = 3600000, BURST_MAX = 1000000000, LIMIT_KEYS_MAX = 1 << 28 };

#define MONTH_MS 2592000000

/* The options that set one member each. `offset` is the member's place; texts are const char *, rates a front_rate, the
 * others uint32_t. */
typedef struct {
    const char *name;
    kind kind;
    size_t offset;
    int64_t low, high;
    const char *fallback; /* the default, as one would type it; NULL: none */
} option_row;

#define PLACE(member) offsetof(front_settings, member)

static const option_row rows[] = {
    {"listen", KIND_TEXT, PLACE(listen), 0, 0, "127.0.0.1:8080"},
    {"redis", KIND_TEXT, PLACE(redis), 0, 0, NULL},
    {"redis-user", KIND_TEXT, PLACE(redis_user), 0, 0, NULL},
    {"redis-password-file", KIND_TEXT, PLACE(redis_password_file), 0, 0, NULL},
    {"redis-ca", KIND_TEXT, PLACE(tls.ca), 0, 0, NULL},
    {"redis-cert", KIND_TEXT, PLACE(tls.certificate), 0, 0, NULL},
    {"redis-key", KIND_TEXT, PLACE(tls.key), 0, 0, NULL},
    {"redis-server-name", KIND_TEXT, PLACE(tls.server_name), 0, 0, NULL},
    {"prefix", KIND_TEXT, PLACE(prefix), 0, 0, NULL},
    {"keys", KIND_TEXT, PLACE(keys), 0, 0, NULL},
    {"trust-user-header", KIND_TEXT, PLACE(trust_user_header), 0, 0, NULL},
    {"loops", KIND_WHOLE, PLACE(loops), 1, LOOPS_MAX, NULL},
    {"ready-fd", KIND_WHOLE, PLACE(ready_fd), 1, 1 << 20, "1"},
    {"timeout", KIND_DURATION, PLACE(timeout_ms), 1, HOUR_MS, "3s"},
    {"replicas", KIND_WHOLE, PLACE(replicas), 0, SECKILL_REPLICAS_MAX, "0"},
    {"leeway", KIND_DURATION, PLACE(leeway_ms), 0, HOUR_MS, "2s"},
    {"stop-timeout", KIND_DURATION, PLACE(stop_timeout_ms), 0, HOUR_MS, "10s"},
    {"max-in-progress", KIND_WHOLE, PLACE(max_in_progress), 1, 1 << 24, "8192"},
    {"session-cache", KIND_WHOLE, PLACE(session_cache), 0, 1 << 24, "16384"},
    {"item-cache", KIND_WHOLE, PLACE(item_cache), 16, 1 << 20, "2048"},
    {"poll-min", KIND_DURATION, PLACE(poll_min_ms), 1, HOUR_MS, "500ms"},
    {"poll-max", KIND_DURATION, PLACE(poll_max_ms), 1, HOUR_MS, "3s"},
    {"trust-address-header", KIND_TEXT, PLACE(trust_address_header), 0, 0, NULL},
    {"user-limit", KIND_RATE, PLACE(user_limit.rate), 0, 0, "20/1s"},
    {"user-burst", KIND_WHOLE, PLACE(user_limit.burst), 1, BURST_MAX, "40"},
    {"address-limit", KIND_RATE, PLACE(address_limit.rate), 0, 0, NULL},
    {"address-burst", KIND_WHOLE, PLACE(address_limit.burst), 1, BURST_MAX, NULL},
    {"activity-limit", KIND_RATE, PLACE(activity_limit.rate), 0, 0, NULL},
    {"activity-burst", KIND_WHOLE, PLACE(activity_limit.burst), 1, BURST_MAX, NULL},
    {"blacklist-entries", KIND_WHOLE, PLACE(blacklist_entries), 1, 1 << 26, "4000000"},
    {"limit-keys", KIND_WHOLE, PLACE(limit_keys), 1, LIMIT_KEYS_MAX, "65536"},
    {"ban-refusals", KIND_RATE, PLACE(ban_refusals), 0, 0, NULL},
    {"ban-for", KIND_DURATION, PLACE(ban_for_ms), 1, MONTH_MS, "10m"},
    {"queue-min", KIND_WHOLE, PLACE(admission.min), 1, UINT32_MAX, "1000"},
    {"queue-multiple", KIND_WHOLE, PLACE(admission.multiple), 0, 1000000, "5"},
    {"queue", KIND_TEXT, PLACE(queue), 0, 0, "redis"},
    {"queue-length", KIND_WHOLE, PLACE(queue_length), 1, 1 << 30, "1000000"},
    {"queue-deliveries", KIND_WHOLE, PLACE(queue_deliveries), 1, 1000000, "20"},
    {"queue-in-progress", KIND_WHOLE, PLACE(queue_in_progress), 1, 1 << 20, "8192"},
    {"captcha", KIND_TEXT, PLACE(captcha.kind), 0, 0, NULL},
    {"captcha-key", KIND_TEXT, PLACE(captcha.key), 0, 0, NULL},
    {"captcha-difficulty", KIND_WHOLE, PLACE(captcha.difficulty), 1, ALTCHA_NUMBER_MAX, "50000"},
    {"captcha-time", KIND_DURATION, PLACE(captcha.time_ms), 1000, 12 * HOUR_MS, "10m"},
    {"captcha-verify", KIND_TEXT, PLACE(captcha.verify), 0, 0, NULL},
    {"captcha-secret", KIND_TEXT, PLACE(captcha.secret), 0, 0, NULL},
    {"captcha-timeout", KIND_DURATION, PLACE(captcha.timeout_ms), 1, HOUR_MS, "3s"},
    {"captcha-max-in-progress", KIND_WHOLE, PLACE(captcha.most), 1, 1 << 16, "256"},
    {"max-connections", KIND_WHOLE, PLACE(http.connections), 1, 1 << 24, "10000"},
    {"max-connections-per-address", KIND_WHOLE, PLACE(http.address_connections), 0, 1 << 24, NULL},
    {"max-requests", KIND_WHOLE, PLACE(http.requests), 1, UINT32_MAX, "100000"},
    {"max-target-bytes", KIND_WHOLE, PLACE(http.target_bytes), 1024, 1 << 16, "2048"},
    {"max-header-bytes", KIND_WHOLE, PLACE(http.header_bytes), 2048, 1 << 20, "16384"},
    {"max-body-bytes", KIND_WHOLE, PLACE(http.body_bytes), 256, 1 << 20, "8192"},
    {"header-timeout", KIND_DURATION, PLACE(http.header_timeout_ms), 1, HOUR_MS, "5s"},
    {"body-timeout", KIND_DURATION, PLACE(http.body_timeout_ms), 1, HOUR_MS, "5s"},
    {"idle-timeout", KIND_DURATION, PLACE(http.idle_timeout_ms), 1, HOUR_MS, "60s"},
    {"write-timeout", KIND_DURATION, PLACE(http.write_timeout_ms), 1, HOUR_MS, "10s"},
};

enum { ROWS = sizeof rows / sizeof rows[0] };
enum { OPTION_DIRECT = ROWS, OPTION_REDIS_TLS, OPTION_NO_BLACKLIST, OPTION_LOG_LEVEL, OPTION_HELP, OPTION_VERSION, OPTIONS };

/* In parts, since C promises no longer texts than 4,095 bytes. */
static const char help[] =
    "usage: seckill-front --keys FILE [option...]\n"
    "\n"
    "Serves flash sales over HTTP: shoppers look at items, ask for units, poll the ticket of what waits in the queue, see\n"
    "their reservations, order and cancel. It keeps nothing itself: any number of fronts work on one Redis. README.md has\n"
    "the paths.\n"
    "\n"
    "  --keys FILE                 PASERK keys, one a line, # begins a comment; the first that can issue issues the tokens,\n"
    "                              all verify (make one: seckill-ctl keys new). Read again on SIGHUP; a file that cannot be\n"
    "                              used leaves the old keys\n"
    "  --listen ADDRESS            host:port, [v6]:port or unix:/path; port 0: any free one (127.0.0.1:8080)\n"
    "  --loops N                   threads, each with an event loop, a listening socket and a connection to Redis of its own\n"
    "                              (the number of CPUs, at most 16)\n"
    "  --trust-user-header NAME    take the user from this header field instead of a session token: only behind a gateway\n"
    "                              that sets it and lets nobody else set it\n"
    "  --ready-fd N                write the line \"listening on ADDRESS\" there when all loops listen (1: stdout)\n"
    "  --direct                    answer requests in the response; without it they wait in the queue, which seckill-worker\n"
    "                              decides, and the answer is a ticket to poll\n"
    "  --log-level LEVEL           error, warning, info or debug; one line each on stderr (info)\n"
    "  --help, --version\n"
    "\n"
    "Redis:\n"
    "  --redis ADDRESS[,...]       host:port, [v6]:port or unix:/path (SECKILL_REDIS, or 127.0.0.1:6379); several: a server\n"
    "                              and its replicas, or nodes of a cluster\n"
    "  --redis-user NAME           ACL user; needs a password\n"
    "  --redis-password-file FILE  its first line is the password, up to 511 bytes (SECKILL_REDIS_PASSWORD)\n"
    "  --redis-tls                 speak TLS to Redis, and nothing else; where the library was built with it\n"
    "  --redis-ca FILE             PEM: certificates that are trusted, or a folder of them (the system's)\n"
    "  --redis-cert FILE           PEM: the certificate to show to Redis; needs --redis-key\n"
    "  --redis-key FILE            PEM: its private key, without a passphrase\n"
    "  --redis-server-name NAME    name or IP address that the certificate of Redis must be for (each address's host)\n"
    "  --prefix TEXT               of all keys (SECKILL_PREFIX, or seckill)\n"
    "  --timeout TIME              of each operation; then the answer is 503 or 504 (3s)\n"
    "  --replicas N                answers count when so many replicas have what they say, at most 16 (0)\n"
    "\n"
    "The queue:\n"
    "  --queue-min N               turn requests away (429) when as many wait for the item as this ... (1000)\n"
    "  --queue-multiple N          ... and as N for each unit that is left, available or reserved; 0: for none (5)\n"
    "  --queue redis|URL           where requests wait: in Redis, or in RabbitMQ: amqp://USER@HOST[:PORT][/VHOST], amqps:// "
    "with\n"
    "                              TLS (?ca=FILE); the password: ?password-file=FILE, or SECKILL_AMQP_PASSWORD (redis)\n"
    "  --queue-length N            there: requests that may wait for an item; more are answered 429. As the workers (1000000)\n"
    "  --queue-deliveries N        there: how often one is delivered again, then it is a dead letter. As the workers (20)\n"
    "  --queue-in-progress N       there: requests that are not confirmed yet; more are answered 429 (8192)\n"
    "  --poll-min TIME, --poll-max TIME   what holders of a ticket are told to wait before they poll again, at least and\n"
    "                              at most; between them it is as long as the queue takes (500ms, 3s)\n"
    "\n";

static const char help_limits[] =
    "How often one may ask, of all loops of this program together: N/TIME, 20/1s, or none. More are answered 429:\n"
    "  --user-limit N/TIME, --user-burst N          of a user, everything that wants one; at once after a pause\n"
    "                              (20/1s, 40)\n"
    "  --address-limit N/TIME, --address-burst N    of an IPv4 address or an IPv6 /64, everything but /metrics and\n"
    "                              /healthz; carriers have many users behind one (none, N)\n"
    "  --activity-limit N/TIME, --activity-burst N  of an activity, requests for units (none, N)\n"
    "  --limit-keys N              users, addresses and activities that are told apart at one time; 16 bytes each (65536)\n"
    "  --ban-refusals N/TIME       who was refused so often, by the user's or the address's limit, is blacklisted (none) ...\n"
    "  --ban-for TIME              ... for so long, at most 30d, in all fronts (10m)\n"
    "  --blacklist-entries N       of the blacklist that each loop keeps, 21 to 43 bytes each; others are not seen (4000000)\n"
    "  --no-blacklist              follow no blacklist: nobody is refused for standing there, nobody is put there\n"
    "  --trust-address-header NAME take the address from the end of this header field (X-Forwarded-For): only behind a\n"
    "                              gateway that writes it; without it it is the connection's\n"
    "\n";

static const char help_bounds[] =
    "The captcha, which each request for units must answer (see README.md):\n"
    "  --captcha altcha            GET /v1/captcha gives challenges that the ALTCHA widget solves ...\n"
    "  --captcha-key FILE          ... signed with its first line, 32 to 256 characters; what any of up to 8 lines has signed\n"
    "                              counts; # begins a comment. The same for all fronts. Read again on SIGHUP\n"
    "  --captcha-difficulty N      ... for which as many numbers have to be tried, half of it on average (50000)\n"
    "  --captcha-time TIME         ... and which end after so long, 1s to 12h (10m)\n"
    "  --captcha-verify URL        instead: a provider elsewhere, asked as reCAPTCHA, hCaptcha and Turnstile are (siteverify)\n"
    "  --captcha-secret FILE       ... its first line is our secret there. Read again on SIGHUP\n"
    "  --captcha-timeout TIME      ... for its answer; then the request is answered 503 (3s)\n"
    "  --captcha-max-in-progress N ... questions of one loop at one time; more are answered 429 (256)\n"
    "\n"
    "Times are 300ms, 5s, 1m30s. What one peer, and all of them together, may take:\n"
    "  --max-connections N         of the program; more are answered 503 and closed (10000)\n"
    "  --max-connections-per-address N    of them, from an IPv4 address or an IPv6 /64; more: 429 and closed; 0: no bound,\n"
    "                              as behind a proxy, whose address all have (256; 0 with --trust-...-header)\n"
    "  --max-requests N            on one connection; then it is closed (100000)\n"
    "  --max-in-progress N         requests of one loop that wait for Redis; more are answered 429 (8192)\n"
    "  --max-target-bytes N        of a request target, at least 1024; more: 414 (2048)\n"
    "  --max-header-bytes N        of a request line and its header, at least 2048; more: 431 (16384)\n"
    "  --max-body-bytes N          of a body; more: 413 (8192)\n"
    "  --header-timeout TIME       from the first byte of a request to the end of its header; later: 408 (5s)\n"
    "  --body-timeout TIME         from there to the end of its body; later: 408 (5s)\n"
    "  --idle-timeout TIME         between requests (60s)\n"
    "  --write-timeout TIME        for the peer to take an answer (10s)\n"
    "  --stop-timeout TIME         after SIGTERM or SIGINT, for requests in progress (10s)\n"
    "  --session-cache N           verified session tokens that a loop remembers; 0: none (16384)\n"
    "  --item-cache N              items and activities that a loop remembers (2048)\n"
    "  --leeway TIME               by which clocks may differ when a token ends (2s)\n"
    "\n"
    "Exit codes: 0 stopped by SIGTERM or SIGINT; 1 it could not start: a secret, the address or RabbitMQ cannot be had, or\n"
    "there is no memory; 2 the command line is wrong.\n";

static int set_rate(char *place, const char *text) {
    front_rate rate = {0, 0};
    int good = strcmp(text, "none") == 0 || options_rate(text, &rate.count, &rate.period_ms);
    if (good)
        memcpy(place, &rate, sizeof rate);
    return good;
}

static int set_row(front_settings *settings, const option_row *row, const char *text) {
    char *place = (char *)settings + row->offset;
    int64_t value = 0;
    int good = 1;
    if (row->kind == KIND_TEXT) {
        good = *text != '\0';
        memcpy(place, &text, sizeof text);
        return good;
    }
    if (row->kind == KIND_RATE)
        return set_rate(place, text);
    good = row->kind == KIND_DURATION ? options_duration(text, &value) && value >= row->low && value <= row->high
                                      : options_whole(text, row->low, row->high, &value);
    uint32_t number = (uint32_t)value;
    if (good)
        memcpy(place, &number, sizeof number);
    return good;
}

static int set_log_level(front_settings *settings, const char *text) {
    static const char *const names[] = {"error", "warning", "info", "debug"};
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++) {
        if (strcmp(names[i], text) == 0) {
            settings->log_level = (seckill_log_level)i;
            return 1;
        }
    }
    return 0;
}

static void set_defaults(front_settings *settings) {
    unsigned processors = uv_available_parallelism();
    memset(settings, 0, sizeof *settings);
    settings->http.address_connections = UNSET;
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].fallback != NULL)
            set_row(settings, &rows[i], rows[i].fallback);
    settings->loops = processors < 16 ? processors : 16;
    settings->redis = options_environment("SECKILL_REDIS");
    settings->prefix = options_environment("SECKILL_PREFIX");
    settings->log_level = SECKILL_LOG_INFO;
}

/* What depends on other options. Behind a gateway all connections have the gateway's address. */
static void fill_defaults(front_settings *settings) {
    bool gateway = settings->trust_user_header != NULL || settings->trust_address_header != NULL;
    if (settings->http.address_connections == UNSET)
        settings->http.address_connections = gateway ? 0 : 256;
}

static void fill_long_options(struct option options[OPTIONS + 1]) {
    memset(options, 0, (OPTIONS + 1) * sizeof *options);
    for (int i = 0; i < ROWS; i++)
        options[i] = (struct option){rows[i].name, required_argument, NULL, i};
    options[OPTION_DIRECT] = (struct option){"direct", no_argument, NULL, OPTION_DIRECT};
    options[OPTION_REDIS_TLS] = (struct option){"redis-tls", no_argument, NULL, OPTION_REDIS_TLS};
    options[OPTION_NO_BLACKLIST] = (struct option){"no-blacklist", no_argument, NULL, OPTION_NO_BLACKLIST};
    options[OPTION_LOG_LEVEL] = (struct option){"log-level", required_argument, NULL, OPTION_LOG_LEVEL};
    options[OPTION_HELP] = (struct option){"help", no_argument, NULL, OPTION_HELP};
    options[OPTION_VERSION] = (struct option){"version", no_argument, NULL, OPTION_VERSION};
}

static const char *check_captcha(const captcha_settings *captcha) {
    if (captcha->kind != NULL && strcmp(captcha->kind, "altcha") != 0)
        return "--captcha must be altcha; for other captchas there is --captcha-verify";
#ifndef FRONT_HAS_CURL
    if (captcha->verify != NULL)
        return "--captcha-verify: this front was built without libcurl";
#endif
    if (captcha->kind != NULL && captcha->verify != NULL)
        return "--captcha and --captcha-verify exclude each other";
    if ((captcha->kind != NULL) != (captcha->key != NULL))
        return "--captcha altcha and --captcha-key need each other";
    if ((captcha->verify != NULL) != (captcha->secret != NULL))
        return "--captcha-verify and --captcha-secret need each other";
    if (captcha->verify != NULL && strncmp(captcha->verify, "https://", 8) != 0 && strncmp(captcha->verify, "http://", 7) != 0)
        return "--captcha-verify must be an https:// or http:// URL";
    return NULL;
}

static const char *check_queue(const front_settings *settings) {
    if (strcmp(settings->queue, "redis") == 0)
        return NULL;
    if (strncmp(settings->queue, "amqp://", 7) != 0 && strncmp(settings->queue, "amqps://", 8) != 0)
        return "--queue must be redis, amqp://... or amqps://...";
#ifndef FRONT_HAS_AMQP
    return "--queue: this front was built without librabbitmq and liburiparser";
#else
    return settings->direct ? "--direct has no queue: not with --queue" : NULL;
#endif
}

/* What getopt_long cannot see: 1 if all is well. */
static int check(const front_settings *settings) {
    const char *wrong = check_captcha(&settings->captcha);
    if (wrong == NULL)
        wrong = check_queue(settings);
    if (wrong == NULL)
        wrong = redis_tls_wrong(&settings->tls);
    if (settings->keys == NULL)
        wrong = "--keys is missing";
    else if (settings->redis_user != NULL && settings->redis_password_file == NULL &&
             options_environment("SECKILL_REDIS_PASSWORD") == NULL)
        wrong = "--redis-user needs --redis-password-file, or SECKILL_REDIS_PASSWORD";
    else if (settings->http.target_bytes >= settings->http.header_bytes)
        wrong = "--max-header-bytes must be more than --max-target-bytes";
    else if (settings->no_blacklist && settings->ban_refusals.count != 0)
        wrong = "--ban-refusals needs the blacklist: not with --no-blacklist";
    else if (settings->ban_refusals.count != 0 && settings->user_limit.rate.count == 0 &&
             settings->address_limit.rate.count == 0)
        wrong = "--ban-refusals needs --user-limit or --address-limit";
    else if (settings->poll_min_ms > settings->poll_max_ms)
        wrong = "--poll-max must not be less than --poll-min";
    if (wrong != NULL)
        fprintf(stderr, "seckill-front: %s (see --help)\n", wrong);
    return wrong == NULL;
}

static int set_option(front_settings *settings, int option, const char *name) {
    int good = 1;
    if (option == OPTION_DIRECT)
        settings->direct = 1;
    else if (option == OPTION_REDIS_TLS)
        settings->tls.on = 1;
    else if (option == OPTION_NO_BLACKLIST)
        settings->no_blacklist = 1;
    else if (option < ROWS)
        good = set_row(settings, &rows[option], optarg);
    else if (option == OPTION_LOG_LEVEL)
        good = set_log_level(settings, optarg);
    if (!good)
        fprintf(stderr, "seckill-front: --%s: not a value that it takes: %s (see --help)\n", name, optarg);
    return good;
}

int front_settings_read(front_settings *settings, int argc, char **argv) {
    struct option options[OPTIONS + 1];
    int option, index = 0;
    set_defaults(settings);
    fill_long_options(options);
    while ((option = getopt_long(argc, argv, "", options, &index)) != -1) {
        if (option == OPTION_HELP || option == OPTION_VERSION) {
            fputs(option == OPTION_HELP ? help : "seckill-front " SECKILL_VERSION_STRING "\n", stdout);
            fputs(option == OPTION_HELP ? help_limits : "", stdout);
            fputs(option == OPTION_HELP ? help_bounds : "", stdout);
            return 0;
        }
        if (option == '?' || !set_option(settings, option, options[index].name))
            return -1;
    }
    if (optind < argc) {
        fprintf(stderr, "seckill-front: unexpected argument: %s (see --help)\n", argv[optind]);
        return -1;
    }
    fill_defaults(settings);
    return check(settings) ? 1 : -1;
}
