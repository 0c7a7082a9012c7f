/* seckill-ctl: what its parts share. A command fills `out`, a JSON object with all there is to say; with --json that is
 * printed, else the command's `show` reads it and prints it for a person. So both say the same.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_CTL_H
#define SECKILL_CTL_H

#include "../common/json_out.h"
#include "../common/options.h"
#include "../common/run.h"

/* The exit codes: part of the interface. */
enum {
    CTL_OK = 0,    /* done */
    CTL_NO = 1,    /* the answer is no: sold out, conflict, not defined, a token refused ... */
    CTL_USAGE = 2, /* the command line, or a file that it names, is wrong; nothing was sent */
    CTL_AGAIN = 3, /* Redis was not reached, is busy, or did not answer: ask again, with the same ids */
    CTL_FAULT = 4  /* something needs a person: damaged keys, a refused login, an account that does not hold */
};

enum { CTL_OPTIONS_MAX = 32 };

typedef struct {
    const char *name;  /* without its dashes; NULL ends a table */
    const char *value; /* what the help calls its value; NULL: it takes none */
    const char *help;
} ctl_option;

typedef struct ctl_run ctl_run;

typedef struct {
    const char *name;     /* "stock load"; NULL ends a table */
    const char *operands; /* as the help shows them */
    int operand_count;
    const char *summary; /* a line */
    const char *help;    /* paragraphs; may be NULL */
    const ctl_option *options;
    void (*run)(ctl_run *ctl);
    void (*show)(json_t *out); /* NULL: a list of the members */
} ctl_command;

struct ctl_run {
    const ctl_command *command;
    char **operands;
    const char *values[CTL_OPTIONS_MAX]; /* of command->options, in their order; NULL: not given */
    run_connection connection;
    const char *keys;  /* --keys, SECKILL_KEYS */
    int json;          /* --json */
    const char *field; /* --field */
    int help, version; /* --help, --version */

    char token[2 * SECKILL_TOKEN_SIZE]; /* that did not stand on the command line */
    options_name name;                  /* set by ctl_take_item and ctl_open_item */
    seckill_client *client;
    seckill_item *item;

    json_t *out;
    int exit_code;
    int done;    /* set by callbacks */
    int printed; /* the command has printed all there is to say */
};

/* The commands, by subject. */
extern const ctl_command ctl_item_commands[], ctl_stock_commands[], ctl_reservation_commands[], ctl_event_commands[],
    ctl_key_commands[], ctl_account_commands[], ctl_order_commands[], ctl_transfer_commands[], ctl_preflight_commands[],
    ctl_reconcile_commands[], ctl_status_commands[], ctl_export_commands[], ctl_blacklist_commands[];

/* watch, for the table of its group. */
extern const ctl_option ctl_watch_options[];
void ctl_watch(ctl_run *ctl);

/* The value of an option of the command, NULL if it was not given ("" for one that takes none and was given). */
const char *ctl_value(const ctl_run *ctl, const char *name);

/* Read an option into `*target`, which keeps its value if the option was not given. 0: it is malformed, and said so. */
int ctl_duration(ctl_run *ctl, const char *name, int64_t high_ms, uint32_t *target);
int ctl_time(ctl_run *ctl, const char *name, const char *none, int64_t *target); /* `none` is the word for 0 */
int ctl_whole(ctl_run *ctl, const char *name, int64_t low, int64_t high, int64_t *target);

/* The outcome, in `out` and the exit code. */
void ctl_answer(ctl_run *ctl, seckill_status status, const char *message);
void ctl_usage_error(ctl_run *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ctl_fault(ctl_run *ctl, const char *message); /* found by this program: exit code CTL_FAULT */
int ctl_exit_code(seckill_status status);

/* Reads the item's name from the first operand. 0: it is malformed, and that was said. */
int ctl_take_item(ctl_run *ctl);

/* The same for commands that take an activity alone, too; ctl->name.item is empty then. */
int ctl_take_item_or_activity(ctl_run *ctl, int *is_item);

/* Open what a command needs, once; 0: it could not be, and that was said. ctl_open_item takes the item from the first operand.
 */
int ctl_open_client(ctl_run *ctl);
int ctl_open_item(ctl_run *ctl);
seckill_keyring *ctl_open_keys(ctl_run *ctl);

/* A token as the command line has it: the token itself, or, so that nobody sees it in a list of processes, - for the first line
 * of stdin and @FILE for that of a file. NULL: there is none, and that was said. */
const char *ctl_take_token(ctl_run *ctl, const char *text);

/* Waits for the callback of a call that returned `started`, if it was started. 0: it was not, and that was said. */
int ctl_wait(ctl_run *ctl, seckill_status started);

/* For help.c and main.c. */
extern const ctl_option ctl_global_options[];
extern const struct ctl_group {
    const char *title;
    const ctl_command *commands;
} ctl_groups[]; /* ends with title NULL */

void ctl_help_general(FILE *file);
void ctl_help_command(FILE *file, const ctl_command *command);
int ctl_help_group(FILE *file, const char *word); /* the commands that begin with a word; returns how many there are */

#endif
