/* seckill-ctl: the operator's command. It finds the command, reads its options, runs it, prints what it said.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE

#include "ctl.h"
#include "show.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

const struct ctl_group ctl_groups[] = {
    {"Items", ctl_item_commands},
    {"Looking on", ctl_status_commands},
    {"Stock", ctl_stock_commands},
    {"Orders", ctl_order_commands},
    {"Before a sale", ctl_preflight_commands},
    {"Proof", ctl_reconcile_commands},
    {"Proof by sums", ctl_account_commands},
    {"One user, by hand", ctl_reservation_commands},
    {"All users", ctl_export_commands},
    {"Who is refused", ctl_blacklist_commands},
    {"Upkeep", ctl_event_commands},
    {"Between shards", ctl_transfer_commands},
    {"Keys and tokens", ctl_key_commands},
    {NULL, NULL},
};

/* In the order of the switch below. */
enum {
    REDIS,
    REDIS_USER,
    REDIS_PASSWORD_FILE,
    REDIS_TLS,
    REDIS_CA,
    REDIS_CERT,
    REDIS_KEY,
    REDIS_SERVER_NAME,
    PREFIX,
    TIMEOUT,
    REPLICAS,
    KEYS,
    JSON,
    FIELD,
    HELP,
    VERSION,
    GLOBALS
};

const ctl_option ctl_global_options[] = {
    {"redis", "ADDRESS[,...]",
     "host:port, [v6]:port or unix:/path; else SECKILL_REDIS, else 127.0.0.1:6379; several: a server and its replicas, "
     "or nodes of a cluster"},
    {"redis-user", "NAME", "the ACL user; needs a password"},
    {"redis-password-file", "FILE", "its first line is the password"},
    {"redis-tls", NULL, "speak TLS to Redis, and nothing else; where the library was built with it"},
    {"redis-ca", "FILE", "PEM: certificates that are trusted, or a folder of them; default: the system's"},
    {"redis-cert", "FILE", "PEM: the certificate to show to Redis; needs --redis-key"},
    {"redis-key", "FILE", "PEM: its private key, without a passphrase"},
    {"redis-server-name", "NAME", "name or IP address that the certificate of Redis must be for; default: each address's host"},
    {"prefix", "TEXT", "of all keys; else SECKILL_PREFIX, else \"seckill\""},
    {"timeout", "DURATION", "of each call; default 3s"},
    {"replicas", "N", "answers count when so many replicas have what they say, 0 to 16; default 0"},
    {"keys", "FILE", "key file, PASERK keys one a line; else SECKILL_KEYS"},
    {"json", NULL, "print JSON"},
    {"field", "PATH", "print one value of the JSON only, such as total.sold or shards.0.users"},
    {"help", NULL, "this, or help for the command"},
    {"version", NULL, "the library's version"},
    {NULL, NULL, NULL},
};

/* Sets one global option. 0: malformed, and said so. */
static int set_global(ctl_run *ctl, int option, const char *value) {
    int64_t ms = 0, replicas = 0;
    switch (option) {
    case REDIS:
        ctl->connection.redis = value;
        break;
    case REDIS_USER:
        ctl->connection.user = value;
        break;
    case REDIS_PASSWORD_FILE:
        ctl->connection.password_file = value;
        break;
    case REDIS_TLS:
    case REDIS_CA:
    case REDIS_CERT:
    case REDIS_KEY:
    case REDIS_SERVER_NAME:
        redis_tls_take(&ctl->connection.tls, ctl_global_options[option].name, value);
        break;
    case PREFIX:
        ctl->connection.prefix = value;
        break;
    case TIMEOUT:
        if (!options_duration(value, &ms) || ms < 1 || ms > 3600000) {
            fprintf(stderr, "seckill-ctl: --timeout %s: a duration from 1ms to 1h is wanted\n", value);
            return 0;
        }
        ctl->connection.timeout_ms = (uint32_t)ms;
        break;
    case REPLICAS:
        if (!options_whole(value, 0, SECKILL_REPLICAS_MAX, &replicas)) {
            fprintf(stderr, "seckill-ctl: --replicas %s: a whole number from 0 to %d is wanted\n", value, SECKILL_REPLICAS_MAX);
            return 0;
        }
        ctl->connection.replicas = (uint32_t)replicas;
        break;
    case KEYS:
        ctl->keys = value;
        break;
    case JSON:
        ctl->json = 1;
        break;
    case FIELD:
        ctl->field = value;
        ctl->json = 1;
        break;
    case HELP:
        ctl->help = 1;
        break;
    case VERSION:
        ctl->version = 1;
        break;
    default:
        break;
    }
    return 1;
}

static struct option long_option(const ctl_option *option, int code) {
    struct option made = {option->name, option->value ? required_argument : no_argument, NULL, code};
    return made;
}

/* Reads options: the global ones and, where the command is known, its own. `order` is getopt's leading character: '+' stops at
 * the first operand. Returns the index of the first operand, or 0. */
static int read_options(ctl_run *ctl, int argc, char **argv, const char *order) {
    struct option all[GLOBALS + CTL_OPTIONS_MAX + 1] = {{0}};
    const ctl_option *own = ctl->command ? ctl->command->options : NULL;
    int count = 0, code;
    for (; count < GLOBALS; count++) {
        all[count] = long_option(&ctl_global_options[count], 256 + count);
    }
    for (int i = 0; own && own[i].name && i < CTL_OPTIONS_MAX; i++, count++) {
        all[count] = long_option(&own[i], 256 + count);
    }
    optind = 0; /* GNU: begin again */
    while ((code = getopt_long(argc, argv, order, all, NULL)) != -1) {
        if (code == '?') {
            return 0;
        }
        if (code - 256 >= GLOBALS) {
            ctl->values[code - 256 - GLOBALS] = optarg ? optarg : "";
        } else if (!set_global(ctl, code - 256, optarg)) {
            return 0;
        }
    }
    return optind;
}

/* The command that one or two words name; `*words` gets how many it took. */
static const ctl_command *find(char **words, int *count) {
    char both[64];
    snprintf(both, sizeof both, "%s %s", words[0], words[1] ? words[1] : "");
    for (const struct ctl_group *group = ctl_groups; group->title; group++) {
        for (const ctl_command *command = group->commands; command->name; command++) {
            *count = strchr(command->name, ' ') ? 2 : 1;
            if (strcmp(command->name, *count == 2 ? both : words[0]) == 0) {
                return command;
            }
        }
    }
    return NULL;
}

static void say_failure(const ctl_run *ctl) {
    fflush(stdout);
    fprintf(stderr, "seckill-ctl: %s (%s)\n", show_text(ctl->out, "message"), show_text(ctl->out, "status"));
}

static int print_field(const ctl_run *ctl) {
    int found = json_out_print_field(stdout, ctl->out, ctl->field);
    if (ctl->exit_code != CTL_OK) {
        say_failure(ctl);
    } else if (!found) {
        fprintf(stderr, "seckill-ctl: the answer has no value %s\n", ctl->field);
        return CTL_USAGE;
    }
    return ctl->exit_code;
}

static int print_outcome(const ctl_run *ctl) {
    if (ctl->printed) {
        return ctl->exit_code;
    }
    if (ctl->field) {
        return print_field(ctl);
    }
    if (ctl->json) {
        json_out_print(stdout, ctl->out);
        return ctl->exit_code;
    }
    if (ctl->exit_code == CTL_OK || show_has_details(ctl->out)) {
        (ctl->command->show ? ctl->command->show : show_members)(ctl->out);
    }
    if (ctl->exit_code != CTL_OK) {
        say_failure(ctl);
    }
    return ctl->exit_code;
}

static int run_command(ctl_run *ctl, int argc, char **argv) {
    int first = read_options(ctl, argc, argv, "");
    if (!first) {
        fprintf(stderr, "Try: seckill-ctl help %s\n", ctl->command->name);
        return CTL_USAGE;
    }
    if (ctl->help) {
        ctl_help_command(stdout, ctl->command);
        return CTL_OK;
    }
    if (argc - first != ctl->command->operand_count) {
        fprintf(stderr, "Usage: seckill-ctl %s %s\nTry: seckill-ctl help %s\n", ctl->command->name, ctl->command->operands,
                ctl->command->name);
        return CTL_USAGE;
    }
    ctl->operands = argv + first;
    ctl->out = json_out_object();
    json_out_status(ctl->out, SECKILL_OK, NULL);
    ctl->command->run(ctl);
    int code = print_outcome(ctl);
    if (fflush(stdout) != 0) {
        perror("seckill-ctl: standard output");
        code = code ? code : CTL_FAULT;
    }
    json_decref(ctl->out);
    seckill_item_close(ctl->item);
    run_close(ctl->client);
    return code;
}

/* "help", "help stock", "help stock load", "stock" alone, "stock load --help". */
static int help(char **words) {
    int count;
    if (!words[0]) {
        ctl_help_general(stdout);
        return CTL_OK;
    }
    const ctl_command *command = find(words, &count);
    if (command) {
        ctl_help_command(stdout, command);
        return CTL_OK;
    }
    if (ctl_help_group(stdout, words[0]) > 0) {
        return CTL_OK;
    }
    fprintf(stderr, "seckill-ctl: there is no command \"%s\". Try: seckill-ctl help\n", words[0]);
    return CTL_USAGE;
}

static int no_command(char **words) {
    if (!words[0]) {
        ctl_help_general(stderr);
    } else if (words[1] && strcmp(words[1], "--help") == 0) {
        return help(words);
    } else {
        fprintf(stderr, "seckill-ctl: there is no command \"%s%s%s\".\n", words[0], words[1] ? " " : "",
                words[1] ? words[1] : "");
        if (ctl_help_group(stderr, words[0]) == 0) {
            fputs("Try: seckill-ctl help\n", stderr);
        }
    }
    return CTL_USAGE;
}

int main(int argc, char **argv) {
    ctl_run ctl = {0};
    int words;
    ctl.connection = run_connection_from_environment();
    ctl.keys = options_environment("SECKILL_KEYS");
    int first = read_options(&ctl, argc, argv, "+");
    char **rest = argv + first;
    if (first == 0) {
        fputs("Try: seckill-ctl help\n", stderr);
        return CTL_USAGE;
    }
    if (ctl.version) {
        printf("seckill-ctl %s\n", seckill_version());
        return CTL_OK;
    }
    if (ctl.help || (*rest && strcmp(*rest, "help") == 0)) {
        return help(ctl.help ? rest : rest + 1);
    }
    ctl.command = *rest ? find(rest, &words) : NULL;
    if (!ctl.command) {
        return no_command(rest);
    }
    /* getopt_long skips its first argument and names it in its messages: the last word of the command makes room for it. */
    rest[words - 1] = argv[0];
    return run_command(&ctl, argc - first - words + 1, rest + words - 1);
}
