/* seckill-shoppers: what it says at the end.
 *
 * SPDX-License-Identifier: MIT
 */
#include "shoppers.h"

#include "../../examples/common/json_out.h"
#include "../../examples/common/options.h"

#include <string.h>

static const char *const kind_names[KINDS] = {"request", "poll", "order", "cancel"};

void count_code(code_count *codes, const char *code) {
    size_t i = 0;
    while (i < CODES_MAX - 1 && codes[i].code[0] && strcmp(codes[i].code, code) != 0) {
        i++;
    }
    snprintf(codes[i].code, CODE_SIZE, "%.*s", CODE_SIZE - 1, i == CODES_MAX - 1 ? "other" : code);
    codes[i].count++;
}

uint64_t count_total(const code_count *codes) {
    uint64_t total = 0;
    for (size_t i = 0; i < CODES_MAX; i++) {
        total += codes[i].count;
    }
    return total;
}

int report_consistent(const shop_counts *counts) {
    return counts->replays_differ == 0 && counts->rose == 0 && counts->no_final_answer == 0 && counts->no_decision == 0 &&
           counts->unexpected == 0;
}

uint64_t report_sent(const shop_counts *counts) {
    uint64_t sent = 0;
    for (int i = 0; i < KINDS; i++) {
        sent += counts->sent[i];
    }
    return sent;
}

static double a_second(uint64_t count, double seconds) {
    return seconds > 0 ? (double)count / seconds : 0;
}

/* ---- JSON ---- */

static json_t *codes_json(const code_count *codes) {
    json_t *object = json_out_object();
    for (size_t i = 0; i < CODES_MAX && codes[i].count > 0; i++) {
        json_out_int(object, codes[i].code, (int64_t)codes[i].count);
    }
    return object;
}

static json_t *latency_json(const histogram *h) {
    json_t *object = json_out_object();
    json_out_int(object, "count", (int64_t)h->count);
    json_out_int(object, "p50", (int64_t)histogram_at(h, 0.5));
    json_out_int(object, "p90", (int64_t)histogram_at(h, 0.9));
    json_out_int(object, "p99", (int64_t)histogram_at(h, 0.99));
    json_out_int(object, "p99_9", (int64_t)histogram_at(h, 0.999));
    json_out_int(object, "max", (int64_t)h->max);
    return object;
}

static void queue_json(json_t *object, const shop_counts *counts, double seconds) {
    json_out_int(object, "queued", (int64_t)counts->queued);
    json_out_int(object, "polls", (int64_t)counts->sent[KIND_POLL]);
    json_out_real(object, "polls_per_second", a_second(counts->sent[KIND_POLL], seconds));
    json_out_int(object, "most_waiting", (int64_t)counts->most_waiting);
    json_out_int(object, "highest_position", (int64_t)counts->highest_position);
    json_out_int(object, "requeued", (int64_t)counts->requeued);
    json_out_int(object, "missed", (int64_t)counts->missed);
    json_out_int(object, "positions_rose", (int64_t)counts->rose);
    json_out_int(object, "no_decision", (int64_t)counts->no_decision);
}

static void shoppers_json(json_t *object, const shop_counts *counts) {
    json_out_int(object, "finished", (int64_t)counts->finished);
    json_out_int(object, "decided", (int64_t)counts->decided);
    json_out_real(object, "decided_per_second", a_second(counts->decided, (double)counts->decided_us / 1e6));
    json_out_int(object, "granted", (int64_t)counts->granted);
    json_out_int(object, "granted_late", (int64_t)counts->granted_late);
    json_out_int(object, "refused", (int64_t)count_total(counts->refused));
    json_out_value(object, "refused_by_reason", codes_json(counts->refused));
    json_out_int(object, "ordered", (int64_t)counts->ordered);
    json_out_int(object, "cancelled", (int64_t)counts->cancelled);
    json_out_int(object, "never_paid", (int64_t)counts->never_paid);
    json_out_int(object, "paid_late", (int64_t)counts->paid_late);
}

static void answers_json(json_t *object, const shop_counts *counts) {
    json_out_int(object, "replays_checked", (int64_t)counts->replays_checked);
    json_out_int(object, "replays_differ", (int64_t)counts->replays_differ);
    json_out_int(object, "repeated", (int64_t)counts->repeated);
    json_out_int(object, "turned_away", (int64_t)counts->turned_away);
    json_out_int(object, "disconnects", (int64_t)counts->disconnects);
    json_out_int(object, "no_final_answer", (int64_t)counts->no_final_answer);
    json_out_int(object, "unexpected", (int64_t)counts->unexpected);
    json_out_value(object, "errors_by_code", codes_json(counts->errors));
}

json_t *report_json(const shop_settings *settings, const shop_counts *counts, double seconds) {
    json_t *object = json_out_object(), *sent = json_out_object(), *latency = json_out_object();
    for (int i = 0; i < KINDS; i++) {
        json_out_int(sent, kind_names[i], (int64_t)counts->sent[i]);
        json_out_value(latency, kind_names[i], latency_json(&counts->latency[i]));
    }
    json_out_bool(object, "consistent", report_consistent(counts));
    json_out_text(object, "first_trouble", counts->first_trouble[0] ? counts->first_trouble : NULL);
    json_out_int(object, "shoppers", settings->shoppers);
    json_out_int(object, "seed", (int64_t)settings->seed);
    json_out_real(object, "seconds", seconds);
    json_out_int(object, "requests", (int64_t)report_sent(counts));
    json_out_real(object, "requests_per_second", a_second(report_sent(counts), seconds));
    shoppers_json(object, counts);
    queue_json(object, counts, seconds);
    answers_json(object, counts);
    json_out_value(object, "sent", sent);
    json_out_value(object, "latency_us", latency);
    json_out_value(object, "first_answer_us", latency_json(&counts->first_answer));
    json_out_value(object, "decision_us", latency_json(&counts->decision));
    json_out_value(object, "in_queue_us", latency_json(&counts->in_queue));
    return object;
}

/* ---- text ---- */

static void number(FILE *file, const char *name, uint64_t value, const char *remark) {
    char text[OPTIONS_TEXT];
    options_format_grouped((int64_t)value, text);
    fprintf(file, "%-28s %12s%s%s\n", name, text, *remark ? "  " : "", remark);
}

static void codes(FILE *file, const char *what, const code_count *list) {
    for (size_t i = 0; i < CODES_MAX && list[i].count > 0; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s: %s", what, list[i].code);
        number(file, name, list[i].count, "");
    }
}

static void latency(FILE *file, const char *name, const histogram *h) {
    if (h->count == 0) {
        return;
    }
    fprintf(file, "%-16s %10llu %9.2f %9.2f %9.2f %9.2f %9.2f\n", name, (unsigned long long)h->count,
            (double)histogram_at(h, 0.5) / 1000, (double)histogram_at(h, 0.9) / 1000, (double)histogram_at(h, 0.99) / 1000,
            (double)histogram_at(h, 0.999) / 1000, (double)h->max / 1000);
}

static void print_latencies(FILE *file, const shop_counts *counts) {
    fprintf(file, "\n%-16s %10s %9s %9s %9s %9s %9s  (milliseconds)\n", "latency", "count", "p50", "p90", "p99", "p99.9",
            "max");
    for (int i = 0; i < KINDS; i++) {
        latency(file, kind_names[i], &counts->latency[i]);
    }
    latency(file, "first answer", &counts->first_answer);
    latency(file, "until decided", &counts->decision);
    latency(file, "in the queue", &counts->in_queue);
}

static void print_traffic(FILE *file, const shop_settings *settings, const shop_counts *counts, double seconds) {
    char rate[64];
    number(file, "shoppers", settings->shoppers, "");
    snprintf(rate, sizeof rate, "in %.2f s, %.0f a second", seconds, a_second(report_sent(counts), seconds));
    number(file, "HTTP requests", report_sent(counts), rate);
    if (counts->queued > 0) {
        snprintf(rate, sizeof rate, "%.0f a second", a_second(counts->sent[KIND_POLL], seconds));
        number(file, "of them polls", counts->sent[KIND_POLL], rate);
    }
    snprintf(rate, sizeof rate, "%.0f a second", a_second(counts->decided, (double)counts->decided_us / 1e6));
    number(file, "decided", counts->decided, rate);
}

static void print_queue(FILE *file, const shop_counts *counts) {
    if (counts->queued == 0) {
        return;
    }
    number(file, "queued", counts->queued, "shoppers with a ticket");
    number(file, "most at one time", counts->most_waiting, "who did not know their decision yet");
    number(file, "highest position", counts->highest_position, "in the queue of one shard");
    number(file, "queued again", counts->requeued, "as their place was lost");
    number(file, "granted and missed", counts->missed, "the hold was over before they knew");
    number(file, "position WENT UP", counts->rose, "");
    number(file, "not decided", counts->no_decision, "when their patience was over");
}

static void print_shoppers(FILE *file, const shop_counts *counts) {
    number(file, "granted", counts->granted, "shoppers with a reservation");
    codes(file, "refused", counts->refused);
    number(file, "ordered", counts->ordered, "");
    number(file, "cancelled", counts->cancelled, "");
    number(file, "never paid", counts->never_paid, "their units go back when the hold is over");
    number(file, "paid too late", counts->paid_late, "");
    number(file, "asked twice, same answer", counts->replays_checked - counts->replays_differ, "");
    number(file, "asked twice, ANOTHER answer", counts->replays_differ, "");
    number(file, "repeated", counts->repeated, "after busy, unknown or no answer");
    number(file, "no final answer", counts->no_final_answer, "");
    codes(file, "ERROR", counts->errors);
}

void report_print(FILE *file, const shop_settings *settings, const shop_counts *counts, double seconds) {
    print_traffic(file, settings, counts, seconds);
    print_queue(file, counts);
    print_shoppers(file, counts);
    print_latencies(file, counts);
    if (counts->first_trouble[0]) {
        fprintf(file, "\nfirst trouble: %s\n", counts->first_trouble);
    }
    fprintf(file, "\n%s\n",
            report_consistent(counts) ? "All that the shoppers saw is consistent."
                                      : "What the shoppers saw is NOT consistent.");
}
