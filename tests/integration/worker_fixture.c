/* See worker_fixture.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "worker_fixture.h"

#include "test_run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- time and chance ---- */

unsigned slowness(void) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return 4;
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return 4;
#else
    return 1;
#endif
}

void sleep_ms(unsigned ms) {
    struct timespec wait = {ms / 1000, (long)(ms % 1000) * 1000000};
    (void)nanosleep(&wait, NULL);
}

uint64_t now_ms(void) {
    return uv_hrtime() / 1000000;
}

bool full_tests(void) {
    return test_run_is_full();
}

static uint64_t random_state;

uint64_t seed_random(void) {
    random_state = test_run_seed();
    return random_state;
}

uint32_t random_below(uint32_t n) {
    return test_run_below(&random_state, n);
}

/* ---- the shop ---- */

static void set_inventory(shop *s, int64_t units) {
    char error[ORDERS_DB_ERROR_SIZE];
    orders_db *db;
    if (orders_db_open(s->orders, ORDERS_DB_CREATE, 5000, &db, error) != ORDERS_DB_OK ||
        orders_db_set_inventory(db, "sale", "phone", units, ORDERS_DB_EXACTLY) != ORDERS_DB_OK) {
        fail_msg("%s", error);
    }
    orders_db_close(db);
}

void shop_open(shop *s, const shop_plan *plan) {
    const char *base = getenv("TMPDIR");
    memset(s, 0, sizeof *s);
    (void)snprintf(s->folder, sizeof s->folder, "%s/worker-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(s->folder));
    (void)snprintf(s->orders, sizeof s->orders, "%s/orders.db", s->folder);
    redis_server_options options = {.durable = plan->durable};
    s->server = redis_server_start(&options);
    assert_non_null(s->server);
    sale_open(&s->sale, redis_server_address(s->server));
    assert_int_equal(sale_define(&s->sale, plan->shards, &plan->settings).status, SECKILL_OK);
    if (plan->stock > 0) {
        assert_int_equal(sale_load(&s->sale, "first", plan->stock).status, SECKILL_OK);
    }
    if (plan->inventory >= 0) {
        set_inventory(s, plan->inventory);
    }
}

static void remove_folder(const char *folder) {
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] != '.') {
            assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
        }
    }
    (void)closedir(dir);
    assert_int_equal(rmdir(folder), 0);
}

void shop_close(shop *s) {
    sale_close(&s->sale);
    redis_server_free(s->server);
    remove_folder(s->folder);
}

bool shop_account(shop *s, orders_db_item_account *account) {
    char error[ORDERS_DB_ERROR_SIZE];
    orders_db *db;
    if (orders_db_open(s->orders, ORDERS_DB_READ_ONLY, 5000, &db, error) != ORDERS_DB_OK) {
        return false;
    }
    orders_db_status status = orders_db_account(db, "sale", "phone", account);
    orders_db_close(db);
    assert_true(status != ORDERS_DB_OK || !account->has_inventory || orders_db_adds_up(account));
    return status == ORDERS_DB_OK;
}

int64_t shop_orders(shop *s) {
    orders_db_item_account account;
    return shop_account(s, &account) ? account.orders[ORDERS_DB_CONFIRMED] : 0;
}

int64_t shop_events(shop *s) {
    sale_stock_answer stock = sale_stock(&s->sale);
    assert_int_equal(stock.status, SECKILL_OK);
    return stock.total.events;
}

bool shop_has_orders(shop *s, const void *argument) {
    return shop_orders(s) == *(const int64_t *)argument;
}

static void keep_state(const orders_db_order *order, void *user_data) {
    int *state = user_data;
    *state = (int)order->state;
}

int shop_order_state(shop *s, const uint8_t *reservation_id) {
    char error[ORDERS_DB_ERROR_SIZE];
    orders_db *db;
    int state = -1;
    if (orders_db_open(s->orders, ORDERS_DB_READ_ONLY, 5000, &db, error) == ORDERS_DB_OK) {
        (void)orders_db_find(db, reservation_id, keep_state, &state);
        orders_db_close(db);
    }
    return state;
}

orders_db_status shop_pay(shop *s, const uint8_t *reservation_id) {
    char error[ORDERS_DB_ERROR_SIZE];
    orders_db *db;
    orders_db_status status = orders_db_open(s->orders, 0, 5000, &db, error);
    if (status == ORDERS_DB_OK) {
        do {
            status = orders_db_mark_paid(db, reservation_id, 1 + (int64_t)now_ms());
        } while (status == ORDERS_DB_BUSY);
        orders_db_close(db);
    }
    return status;
}

void shop_wait(shop *s, shop_condition condition, const void *argument, const char *what) {
    uint64_t until = now_ms() + UINT64_C(20000) * slowness();
    while (!condition(s, argument)) {
        if (now_ms() > until) {
            fail_msg("waited too long for: %s", what);
        }
        sleep_ms(5);
    }
}

bool shop_no_events(shop *s, const void *unused) {
    (void)unused;
    sale_stock_answer stock = sale_stock(&s->sale);
    return stock.status == SECKILL_OK && stock.total.events == 0;
}

bool shop_buy(shop *s, uint32_t n, uint32_t quantity, uint8_t *reservation_id) {
    char user[32];
    (void)snprintf(user, sizeof user, "user-%" PRIu32, n);
    sale_answer answer = sale_reserve(&s->sale, user, user, quantity);
    if (answer.status == SECKILL_SOLD_OUT || answer.status == SECKILL_NOT_ENOUGH) {
        return false;
    }
    assert_int_equal(answer.status, SECKILL_OK);
    answer = sale_confirm(&s->sale, &answer.ref, user);
    assert_int_equal(answer.status, SECKILL_OK);
    memcpy(reservation_id, answer.reservation.id, SECKILL_RESERVATION_ID_SIZE);
    return true;
}

/* ---- workers ---- */

enum { ARGUMENTS_MAX = 40 };

/* Root may write to files that nobody may write to; a process without these capabilities may not. */
static bool give_up_privileges(void) {
    enum { DAC_OVERRIDE = 1, DAC_READ_SEARCH = 2 }; /* capabilities(7) */
    return geteuid() != 0 || (prctl(PR_CAPBSET_DROP, DAC_OVERRIDE) == 0 && prctl(PR_CAPBSET_DROP, DAC_READ_SEARCH) == 0);
}

static void become_worker(const worker_process *w, char **arguments, bool privileged) {
    int out = open(w->out, O_WRONLY | O_CREAT | O_TRUNC, 0600), err = open(w->err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (out < 0 || err < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        _exit(126);
    }
    if (!privileged && !give_up_privileges()) {
        _exit(125);
    }
    (void)setenv("SECKILL_PREFIX", "", 1); /* counts as unset */
    (void)execv(arguments[0], arguments);
    _exit(127);
}

static worker_process start(shop *s, const char *const *more, bool orders, bool privileged) {
    static const char *const usual[] = {SECKILL_WORKER, "--json", "--activity", "sale", "--list-interval", "100ms"};
    char *arguments[ARGUMENTS_MAX];
    size_t count = 0;
    worker_process w;
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        arguments[count++] = strdup(usual[i]);
    }
    if (orders) {
        arguments[count++] = strdup("--orders");
        arguments[count++] = strdup(s->orders);
    }
    arguments[count++] = strdup("--redis");
    arguments[count++] = strdup(redis_server_address(s->server));
    for (; more && *more; more++) {
        assert_true(count < ARGUMENTS_MAX - 1);
        arguments[count++] = strdup(*more);
    }
    arguments[count] = NULL;
    (void)snprintf(w.out, sizeof w.out, "%s/%d.out", s->folder, s->next_file);
    (void)snprintf(w.err, sizeof w.err, "%s/%d.err", s->folder, s->next_file++);
    w.pid = fork();
    assert_true(w.pid >= 0);
    if (w.pid == 0) {
        become_worker(&w, arguments, privileged);
    }
    while (count > 0) {
        free(arguments[--count]);
    }
    return w;
}

worker_process worker_start(shop *s, const char *const *more) {
    return start(s, more, true, true);
}

worker_process worker_start_without_orders(shop *s, const char *const *more) {
    return start(s, more, false, true);
}

worker_process worker_start_unprivileged(shop *s, const char *const *more) {
    return start(s, more, true, false);
}

static long long field(const char *json, const char *name) {
    char key[64];
    (void)snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(json, key);
    return at ? strtoll(at + strlen(key), NULL, 10) : -1;
}

static void read_text(const char *path, char *text, size_t size) {
    FILE *file = fopen(path, "r");
    size_t got = file ? fread(text, 1, size - 1, file) : 0;
    text[got] = '\0';
    if (file) {
        (void)fclose(file);
    }
}

static worker_summary read_summary(const worker_process *w) {
    char json[4096];
    read_text(w->out, json, sizeof json);
    return (worker_summary){
        .orders_written = field(json, "orders_written"),
        .orders_refunded = field(json, "orders_refunded"),
        .refused = field(json, "refused"),
        .acknowledged = field(json, "acknowledged"),
        .refunds = field(json, "refunds"),
        .expired_reservations = field(json, "expired_reservations"),
        .expired_units = field(json, "expired_units"),
        .events_read = field(json, "events_read"),
        .transactions = field(json, "transactions"),
        .not_recorded = field(json, "not_recorded"),
        .unpaid_refunded = field(json, "unpaid_refunded"),
        .orders_replayed = field(json, "orders_replayed"),
        .orders_missing = field(json, "orders_missing"),
        .queue_decided = field(json, "queue_decided"),
        .queue_granted = field(json, "queue_granted"),
        .queue_refused = field(json, "queue_refused"),
        .queue_blacklisted = field(json, "queue_blacklisted"),
        .queue_length = field(json, "queue_length"),
    };
}

worker_summary worker_end(worker_process *w, int number) {
    uint64_t until = now_ms() + UINT64_C(30000) * slowness();
    int status = 0;
    pid_t ended;
    if (number != 0) {
        assert_int_equal(kill(w->pid, number), 0);
    }
    while ((ended = waitpid(w->pid, &status, WNOHANG)) == 0 && now_ms() < until) {
        sleep_ms(1);
    }
    if (ended == 0) {
        worker_show_log(w);
        (void)kill(w->pid, SIGKILL);
        (void)waitpid(w->pid, &status, 0);
        fail_msg("the worker did not end");
    }
    w->pid = 0;
    worker_summary summary = read_summary(w);
    summary.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return summary;
}

bool worker_logged(const worker_process *w, const char *text) {
    static char log[1024 * 1024];
    read_text(w->err, log, sizeof log);
    return strstr(log, text) != NULL;
}

void worker_wait_log(const worker_process *w, const char *text) {
    uint64_t until = now_ms() + UINT64_C(20000) * slowness();
    while (!worker_logged(w, text)) {
        if (now_ms() > until) {
            worker_show_log(w);
            fail_msg("the worker never logged: %s", text);
        }
        sleep_ms(2);
    }
}

void worker_show_log(const worker_process *w) {
    char log[65536];
    read_text(w->err, log, sizeof log);
    print_message("%s", log);
}
