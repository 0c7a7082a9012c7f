/* Times as PASETO's claims write them.
 *
 * Own code rather than gmtime_r and strftime: these depend on time_t and are slow to read back. Source of the calendar's
 * arithmetic: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (years begin in March, so that the leap day is
 * the last one; an era is 400 years, 146097 days).
 *
 * SPDX-License-Identifier: MIT
 */
#include "token/iso8601.h"

#include <string.h>

enum {
    DAYS_OF_ERA = 146097,
    DAYS_TO_1970 = 719468, /* from 0000-03-01 */
    MS_OF_DAY = 86400000
};

typedef struct {
    uint32_t year, month, day;
} date;

static date date_of(uint32_t days_since_1970) {
    uint32_t days = days_since_1970 + DAYS_TO_1970;
    uint32_t era = days / DAYS_OF_ERA, day_of_era = days % DAYS_OF_ERA;
    uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / (DAYS_OF_ERA - 1)) / 365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t month = (5 * day_of_year + 2) / 153; /* 0 is March */
    date result;
    result.day = day_of_year - (153 * month + 2) / 5 + 1;
    result.month = month < 10 ? month + 3 : month - 9;
    result.year = era * 400 + year_of_era + (result.month <= 2 ? 1 : 0);
    return result;
}

/* `when` is not before 1970. */
static uint32_t days_of(date when) {
    uint32_t year = when.month <= 2 ? when.year - 1 : when.year;
    uint32_t month = when.month <= 2 ? when.month + 9 : when.month - 3;
    uint32_t day_of_year = (153 * month + 2) / 5 + when.day - 1;
    uint32_t year_of_era = year % 400;
    uint32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return year / 400 * DAYS_OF_ERA + day_of_era - DAYS_TO_1970;
}

static bool is_leap(uint32_t year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool date_exists(date when) {
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (when.year < 1970 || when.month < 1 || when.month > 12 || when.day < 1)
        return false;
    return when.day <= days[when.month - 1] + (when.month == 2 && is_leap(when.year) ? 1U : 0U);
}

static void put(char *at, size_t width, uint32_t value) {
    for (size_t i = width; i > 0; i--, value /= 10)
        at[i - 1] = (char)('0' + value % 10);
}

/* The value of the digits; `all_digits` turns false where one is none, so that one test at the end is enough. */
static uint32_t get(const char *at, size_t width, bool *all_digits) {
    uint32_t value = 0;
    for (size_t i = 0; i < width; i++) {
        if (at[i] < '0' || at[i] > '9')
            *all_digits = false;
        value = value * 10 + ((uint32_t)(unsigned char)at[i] - '0');
    }
    return value;
}

bool sk__iso8601_write(int64_t milliseconds, char text[SK__ISO8601_SIZE]) {
    if (milliseconds < 0 || milliseconds > SK__ISO8601_MAX)
        return false;
    date when = date_of((uint32_t)(milliseconds / MS_OF_DAY));
    uint32_t rest = (uint32_t)(milliseconds % MS_OF_DAY);
    memcpy(text, "0000-00-00T00:00:00.000Z", SK__ISO8601_SIZE);
    put(text, 4, when.year);
    put(text + 5, 2, when.month);
    put(text + 8, 2, when.day);
    put(text + 11, 2, rest / 3600000);
    put(text + 14, 2, rest / 60000 % 60);
    put(text + 17, 2, rest / 1000 % 60);
    put(text + 20, 3, rest % 1000);
    return true;
}

static bool punctuation_fits(const char *text) {
    return text[4] == '-' && text[7] == '-' && text[10] == 'T' && text[13] == ':' && text[16] == ':' && text[19] == '.' &&
           text[23] == 'Z';
}

bool sk__iso8601_read(const char *text, size_t size, int64_t *milliseconds) {
    if (size != SK__ISO8601_SIZE || !punctuation_fits(text))
        return false;
    bool digits = true;
    date when = {get(text, 4, &digits), get(text + 5, 2, &digits), get(text + 8, 2, &digits)};
    uint32_t hour = get(text + 11, 2, &digits), minute = get(text + 14, 2, &digits), second = get(text + 17, 2, &digits);
    uint32_t rest = get(text + 20, 3, &digits);
    if (!digits || !date_exists(when) || hour > 23 || minute > 59 || second > 59)
        return false;
    *milliseconds = (int64_t)days_of(when) * MS_OF_DAY + ((hour * 60 + minute) * 60 + second) * INT64_C(1000) + rest;
    return true;
}
