/* See table.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "table.h"

#include "../common/options.h"

#include <stdlib.h>
#include <string.h>

struct text_table {
    int columns;
    int right[TABLE_COLUMNS];
    int width[TABLE_COLUMNS];
    char (*cells)[TABLE_CELL]; /* row after row, the titles first; '\n' alone marks a rule */
    size_t used, room;
};

/* Characters, not bytes: what does not begin one is not counted. */
static int width_of(const char *text) {
    int width = 0;
    for (; *text; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return width;
}

static char *next_cell(text_table *t) {
    if (t->used == t->room) {
        size_t room = t->room ? 2 * t->room : 64;
        char(*cells)[TABLE_CELL] = realloc(t->cells, room * sizeof *cells);
        if (!cells) {
            fputs("out of memory\n", stderr);
            abort();
        }
        t->cells = cells;
        t->room = room;
    }
    return t->cells[t->used++];
}

void table_text(text_table *t, const char *text) {
    size_t column = t->used % (size_t)t->columns;
    char *cell = next_cell(t);
    snprintf(cell, TABLE_CELL, "%s", text);
    if (width_of(cell) > t->width[column]) {
        t->width[column] = width_of(cell);
    }
}

void table_number(text_table *t, int64_t number) {
    char text[OPTIONS_TEXT];
    options_format_grouped(number, text);
    table_text(t, text);
}

text_table *table_new(const char *columns) {
    text_table *t = calloc(1, sizeof *t);
    if (!t) {
        fputs("out of memory\n", stderr);
        abort();
    }
    for (const char *at = columns; t->columns < TABLE_COLUMNS; at++) {
        t->right[t->columns++] = *at == '>';
        at += strcspn(at, "|");
        if (!*at) {
            break;
        }
    }
    for (const char *at = columns; t->used < (size_t)t->columns; at++) {
        char title[TABLE_CELL];
        size_t size = strcspn(at, "|");
        snprintf(title, sizeof title, "%.*s", (int)(size - (*at == '>')), at + (*at == '>'));
        table_text(t, title);
        at += size;
    }
    return t;
}

void table_rule(text_table *t) {
    for (int i = 0; i < t->columns; i++) {
        snprintf(next_cell(t), TABLE_CELL, "\n");
    }
}

static void print_cell(const text_table *t, int column, const char *cell, FILE *file) {
    int fill = *cell == '\n' ? 0 : t->width[column] - width_of(cell);
    int last = column == t->columns - 1;
    if (*cell == '\n') {
        for (int i = 0; i < t->width[column]; i++) {
            fputc('-', file);
        }
    } else if (t->right[column]) {
        fprintf(file, "%*s%s", fill, "", cell);
    } else {
        fprintf(file, "%s%*s", cell, last ? 0 : fill, "");
    }
    fputs(last ? "\n" : "  ", file);
}

void table_end(text_table *t, FILE *file) {
    for (size_t i = 0; i < t->used; i++) {
        print_cell(t, (int)(i % (size_t)t->columns), t->cells[i], file);
    }
    free(t->cells);
    free(t);
}
