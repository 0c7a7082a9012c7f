/* seckill-shoppers: a crowd of shoppers against a front. Each one requests, waits where it is given a ticket, and if granted
 * orders; some never pay, some ask twice, some cancel. What the shop tells them must fit together.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE

#include "../../examples/common/json_out.h"
#include "../../examples/common/options.h"
#include "crowd.h"

#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { CONSISTENT = 0, INCONSISTENT = 1, USAGE = 2, UNREACHABLE = 3 };

enum { PROGRESS_MS = 200 };

static const char help[] =
    "seckill-shoppers: a crowd of shoppers against a front.\n"
    "\n"
    "Usage: seckill-shoppers --front ADDRESS --activity A --item I [OPTIONS]\n"
    "\n"
    "  --front ADDRESS        host:port (a numeric host) or unix:/path\n"
    "  --activity A, --item I what they want\n"
    "  --shoppers N           how many; default 1000\n"
    "  --connections N        keep-alive connections that they share; default 100, at most 1000\n"
    "  --quantity N           units that each wants; default 1\n"
    "  --never-pay SHARE      of the shoppers who let their reservation expire; default 5%\n"
    "  --ask-twice SHARE      who repeat every request under the same id; default 10%\n"
    "  --cancel SHARE         who give their units back; default 3%\n"
    "  --retry-refused SHARE  who, refused, ask again with the same id, up to three times; default 2%\n"
    "  --pay-after DURATION   each orders or cancels at a moment up to this after the grant; default 0\n"
    "  --user-header NAME     name users in this header (for a front with --trust-user-header)\n"
    "  --session-keys FILE    prove users by session tokens made with these keys\n"
    "  --seed N               names shoppers and requests, and fixes what each is like; default 1\n"
    "  --timeout DURATION     of one HTTP request; default 5s\n"
    "  --give-up DURATION     of one question with all its repetitions; default 30s\n"
    "  --patience DURATION    in the queue, from a ticket to its decision; default 5m\n"
    "  --any-position         a position may go up: where requests wait in a broker it says how many wait in all\n"
    "  --json                 print JSON\n"
    "  --report FILE          write the JSON to a file\n"
    "  --progress             say on standard error how far it is\n"
    "  --help, --version\n"
    "\n"
    "Whether the front answers at once or queues is seen from its answers. Those who wait in the queue hold no connection.\n"
    "The same seed against the same stock asks for the same reservations again. Latency is from sending to the last byte of\n"
    "the answer: a shopper who waits for a free connection is not counted yet.\n"
    "\n"
    "Exit codes: 0 all that they saw is consistent; 1 it is not; 2 usage; 3 the front could not be reached.\n";

/* In the order of the table below. */
enum {
    FRONT = 256,
    ACTIVITY,
    ITEM,
    SHOPPERS,
    CONNECTIONS,
    QUANTITY,
    NEVER_PAY,
    ASK_TWICE,
    CANCELLING,
    RETRY_REFUSED,
    PAY_AFTER,
    USER_HEADER,
    SESSION_KEYS,
    SEED,
    TIMEOUT,
    GIVE_UP,
    PATIENCE,
    ANY_POSITION,
    JSON,
    REPORT,
    PROGRESS,
    HELP,
    VERSION
};

static const struct option options[] = {
    {"front", required_argument, NULL, FRONT},
    {"activity", required_argument, NULL, ACTIVITY},
    {"item", required_argument, NULL, ITEM},
    {"shoppers", required_argument, NULL, SHOPPERS},
    {"connections", required_argument, NULL, CONNECTIONS},
    {"quantity", required_argument, NULL, QUANTITY},
    {"never-pay", required_argument, NULL, NEVER_PAY},
    {"ask-twice", required_argument, NULL, ASK_TWICE},
    {"cancel", required_argument, NULL, CANCELLING},
    {"retry-refused", required_argument, NULL, RETRY_REFUSED},
    {"pay-after", required_argument, NULL, PAY_AFTER},
    {"user-header", required_argument, NULL, USER_HEADER},
    {"session-keys", required_argument, NULL, SESSION_KEYS},
    {"seed", required_argument, NULL, SEED},
    {"timeout", required_argument, NULL, TIMEOUT},
    {"give-up", required_argument, NULL, GIVE_UP},
    {"patience", required_argument, NULL, PATIENCE},
    {"any-position", no_argument, NULL, ANY_POSITION},
    {"json", no_argument, NULL, JSON},
    {"report", required_argument, NULL, REPORT},
    {"progress", no_argument, NULL, PROGRESS},
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION},
    {NULL, 0, NULL, 0},
};

static int whole(const char *text, int64_t low, int64_t high, uint32_t *target) {
    int64_t value;
    if (!options_whole(text, low, high, &value)) {
        return 0;
    }
    *target = (uint32_t)value;
    return 1;
}

static int duration(const char *text, uint64_t *target) {
    int64_t ms;
    if (!options_duration(text, &ms) || ms > 3600000) {
        return 0;
    }
    *target = (uint64_t)ms;
    return 1;
}

static int open_ring(shop_settings *settings, const char *path) {
    char trouble[256];
    settings->ring = options_keyring(path, trouble);
    if (!settings->ring) {
        fprintf(stderr, "seckill-shoppers: %s\n", trouble);
    }
    return settings->ring != NULL;
}

/* Sets a number, a share or a duration. 0: malformed. */
static int set_number(shop_settings *settings, int option, const char *value) {
    int64_t seed;
    switch (option) {
    case SHOPPERS:
        return whole(value, 1, 100000000, &settings->shoppers);
    case CONNECTIONS:
        return whole(value, 1, 1000, &settings->connections);
    case QUANTITY:
        return whole(value, 1, 1000000, &settings->quantity);
    case NEVER_PAY:
        return options_share(value, &settings->never_pay);
    case ASK_TWICE:
        return options_share(value, &settings->ask_twice);
    case CANCELLING:
        return options_share(value, &settings->cancel);
    case RETRY_REFUSED:
        return options_share(value, &settings->retry_refused);
    case PAY_AFTER:
        return duration(value, &settings->pay_after_ms);
    case TIMEOUT:
        return duration(value, &settings->timeout_ms) && settings->timeout_ms > 0;
    case GIVE_UP:
        return duration(value, &settings->give_up_ms);
    case PATIENCE:
        return duration(value, &settings->patience_ms);
    default:
        break;
    }
    if (!options_whole(value, 0, SECKILL_AMOUNT_MAX, &seed)) {
        return 0;
    }
    settings->seed = (uint64_t)seed;
    return 1;
}

static int set(shop_settings *settings, int option, const char *value) {
    switch (option) {
    case FRONT:
        settings->front = value;
        return 1;
    case ACTIVITY:
        settings->activity = value;
        return 1;
    case ITEM:
        settings->item = value;
        return 1;
    case USER_HEADER:
        settings->user_header = value;
        return 1;
    case SESSION_KEYS:
        return open_ring(settings, value);
    case ANY_POSITION:
        settings->any_position = 1;
        return 1;
    case JSON:
        settings->json = 1;
        return 1;
    case REPORT:
        settings->report = value;
        return 1;
    case PROGRESS:
        settings->progress = 1;
        return 1;
    default:
        return set_number(settings, option, value);
    }
}

/* Returns an exit code, or -1: go on. */
static int read_options(shop_settings *settings, int argc, char **argv) {
    int code, index;
    while ((code = getopt_long(argc, argv, "", options, &index)) != -1) {
        if (code == '?') {
            return USAGE;
        }
        if (code == HELP || code == VERSION) {
            fputs(code == HELP ? help : "seckill-shoppers " SECKILL_VERSION_STRING "\n", stdout);
            return CONSISTENT;
        }
        if (!set(settings, code, optarg)) {
            fprintf(stderr, "seckill-shoppers: --%s %s: that is malformed or out of range; see --help\n", options[index].name,
                    optarg);
            return USAGE;
        }
    }
    if (optind < argc || !settings->front || !settings->activity || !settings->item) {
        fprintf(stderr, "seckill-shoppers: --front, --activity and --item are needed, and no other words; see --help\n");
        return USAGE;
    }
    if (!settings->user_header == !settings->ring) {
        fprintf(stderr, "seckill-shoppers: say how users are known: --user-header or --session-keys\n");
        return USAGE;
    }
    return -1;
}

typedef struct {
    const shop_settings *settings;
    const shop_counts *counts;
    uv_timer_t timer;
    uint64_t started;
} progress_line;

static void print_progress(const progress_line *line) {
    const shop_counts *counts = line->counts;
    double seconds = (double)(uv_hrtime() - line->started) / 1e9;
    uint64_t numbers[] = {counts->finished, line->settings->shoppers, counts->waiting, counts->granted, counts->ordered};
    char texts[sizeof numbers / sizeof numbers[0]][OPTIONS_TEXT];
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        options_format_grouped((int64_t)numbers[i], texts[i]);
    }
    fprintf(stderr, "\r%s of %s shoppers done, ", texts[0], texts[1]);
    if (counts->queued > 0) {
        fprintf(stderr, "%s wait, ", texts[2]);
    }
    fprintf(stderr, "%s granted, %s ordered, %.0f requests a second   ", texts[3], texts[4],
            seconds > 0 ? (double)report_sent(counts) / seconds : 0);
}

static void on_progress(uv_timer_t *timer) {
    print_progress(timer->data);
}

/* A thousand connections and the program's own files may not fit into what a process may open at first. */
static void raise_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int write_report(const char *path, const json_t *report) {
    FILE *file = fopen(path, "w");
    if (file) {
        json_out_print(file, report);
    }
    if (!file || fclose(file) != 0) {
        perror(path);
        return 0;
    }
    return 1;
}

static int finish(const shop_settings *settings, shop_counts *counts, double seconds) {
    json_t *report = report_json(settings, counts, seconds);
    int written = !settings->report || write_report(settings->report, report);
    if (settings->json) {
        json_out_print(stdout, report);
    } else {
        report_print(stdout, settings, counts, seconds);
    }
    json_decref(report);
    if (counts->connections == 0) {
        fprintf(stderr, "seckill-shoppers: %s could not be reached\n", settings->front);
        return UNREACHABLE;
    }
    return report_consistent(counts) && written ? CONSISTENT : INCONSISTENT;
}

static int run(const shop_settings *settings, shop_counts *counts) {
    uv_loop_t loop;
    progress_line line = {.settings = settings, .counts = counts, .started = uv_hrtime()};
    uv_loop_init(&loop);
    shopper_crowd *crowd = crowd_new(&loop, settings, counts);
    if (!crowd) {
        fprintf(stderr, "seckill-shoppers: --front %s is no host:port or unix:/path, or memory is out\n", settings->front);
        uv_loop_close(&loop);
        return USAGE;
    }
    uv_timer_init(&loop, &line.timer);
    line.timer.data = &line;
    if (settings->progress) {
        uv_timer_start(&line.timer, on_progress, PROGRESS_MS, PROGRESS_MS);
        uv_unref((uv_handle_t *)&line.timer); /* it does not keep the loop running */
    }
    crowd_start(crowd);
    uv_run(&loop, UV_RUN_DEFAULT);
    double seconds = (double)(uv_hrtime() - line.started) / 1e9;
    if (settings->progress) {
        print_progress(&line);
        fputc('\n', stderr);
    }
    uv_close((uv_handle_t *)&line.timer, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    crowd_free(crowd);
    uv_loop_close(&loop);
    return finish(settings, counts, seconds);
}

int main(int argc, char **argv) {
    static shop_counts counts; /* too large for a stack */
    shop_settings settings = {.shoppers = 1000,
                              .connections = 100,
                              .quantity = 1,
                              .never_pay = 0.05,
                              .ask_twice = 0.10,
                              .cancel = 0.03,
                              .retry_refused = 0.02,
                              .seed = 1,
                              .timeout_ms = 5000,
                              .give_up_ms = 30000,
                              .patience_ms = 300000};
    signal(SIGPIPE, SIG_IGN);
    raise_descriptors();
    int code = read_options(&settings, argc, argv);
    if (code < 0) {
        code = run(&settings, &counts);
    }
    seckill_keyring_free(settings.ring);
    return code;
}
