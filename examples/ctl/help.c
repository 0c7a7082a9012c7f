/* The help of seckill-ctl, made from the table of commands.
 *
 * SPDX-License-Identifier: MIT
 */
#include "ctl.h"

#include <string.h>

static void options(FILE *file, const ctl_option *option) {
    for (; option->name; option++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", option->name, option->value ? " " : "", option->value ? option->value : "");
        fprintf(file, "  %-28s %s\n", left, option->help);
    }
}

static void line(FILE *file, const ctl_command *command) {
    char left[64];
    snprintf(left, sizeof left, "%s %s", command->name, command->operands);
    fprintf(file, "  %-28s %s\n", left, command->summary);
}

void ctl_help_general(FILE *file) {
    fputs("seckill-ctl: runs flash sales. A sale is an activity; an item A/I is one product I sold in activity A.\n"
          "\n"
          "Usage: seckill-ctl COMMAND [OPERANDS] [OPTIONS]\n"
          "       seckill-ctl help COMMAND\n",
          file);
    for (const struct ctl_group *group = ctl_groups; group->title; group++) {
        fprintf(file, "\n%s\n", group->title);
        for (const ctl_command *command = group->commands; command->name; command++) {
            line(file, command);
        }
    }
    fputs("\nOptions of every command\n", file);
    options(file, ctl_global_options);
    fputs("\n"
          "A first sale\n"
          "  seckill-ctl item define 618/phone --price 99900 --limit 1 --hold 5m --start +10m --end +2h\n"
          "  seckill-ctl stock load 618/phone 10000 --operation first-load\n"
          "  seckill-ctl stock get 618/phone\n"
          "\n"
          "Exit codes\n"
          "  0  done\n"
          "  1  the answer is no: sold out, limit reached, conflict, not defined, a token refused ...\n"
          "  2  the command line, or a file that it names, is wrong; nothing was sent\n"
          "  3  Redis was not reached, is busy or did not answer: ask again, with the same ids\n"
          "  4  something needs a person: damaged keys, a refused login, an account that does not hold\n",
          file);
}

void ctl_help_command(FILE *file, const ctl_command *command) {
    fprintf(file, "Usage: seckill-ctl %s %s [OPTIONS]\n\n%s\n", command->name, command->operands, command->summary);
    if (command->help) {
        fprintf(file, "\n%s\n", command->help);
    }
    if (command->options && command->options->name) {
        fputs("\nOptions\n", file);
        options(file, command->options);
    }
    fputs("\nOptions of every command\n", file);
    options(file, ctl_global_options);
}

int ctl_help_group(FILE *file, const char *word) {
    size_t size = strlen(word);
    int found = 0;
    for (const struct ctl_group *group = ctl_groups; group->title; group++) {
        for (const ctl_command *command = group->commands; command->name; command++) {
            if (strncmp(command->name, word, size) == 0 && command->name[size] == ' ') {
                line(file, command);
                found++;
            }
        }
    }
    return found;
}
