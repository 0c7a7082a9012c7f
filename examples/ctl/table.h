/* A table of text for a terminal: columns as wide as their widest cell.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_CTL_TABLE_H
#define SECKILL_CTL_TABLE_H

#include <stdint.h>
#include <stdio.h>

enum { TABLE_COLUMNS = 16, TABLE_CELL = 160 };

typedef struct text_table text_table;

/* `columns` are their titles, separated by '|'; one that begins with '>' stands on the right. Out of memory ends the program.
 */
text_table *table_new(const char *columns);

/* Fills the next cell, row after row; what does not fit into TABLE_CELL is cut. */
void table_text(text_table *table, const char *text);
void table_number(text_table *table, int64_t number); /* with thousands separators */

/* A line of dashes above the next row, which must begin here. */
void table_rule(text_table *table);

/* Prints and frees it. */
void table_end(text_table *table, FILE *file);

#endif
