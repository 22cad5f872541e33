/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/stamp.h"

#include <time.h>

#define NS_PER_S 1000000000ull

static void put(char *at, unsigned digits, uint64_t value)
{
	while (digits-- > 0) {
		at[digits] = (char)('0' + value % 10);
		value /= 10;
	}
}

/* Days since 1970-01-01 to a date of the Gregorian calendar, whose 400 years have 146,097 days; years start in March.
 */
static void date_of(uint64_t days, uint64_t *ret_year, uint64_t *ret_month, uint64_t *ret_day)
{
	uint64_t since = days + 719468; /* 0000-03-01 */
	uint64_t day = since % 146097;
	uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	uint64_t month;

	day -= 365 * year + year / 4 - year / 100;
	month = (5 * day + 2) / 153; /* 0: March */
	*ret_day = day - (153 * month + 2) / 5 + 1;
	*ret_month = month < 10 ? month + 3 : month - 9;
	*ret_year = since / 146097 * 400 + year + (month >= 10);
}

const char *stamp_utc(uint64_t time, char text[static STAMP_UTC])
{
	uint64_t s = time / NS_PER_S, year, month, day;

	date_of(s / 86400, &year, &month, &day);
	memcpy(text, "0000-00-00T00:00:00.000000Z", STAMP_UTC);
	put(text, 4, year);
	put(text + 5, 2, month);
	put(text + 8, 2, day);
	put(text + 11, 2, s / 3600 % 24);
	put(text + 14, 2, s / 60 % 60);
	put(text + 17, 2, s % 60);
	put(text + 20, 6, time % NS_PER_S / 1000);
	return text;
}

static struct tm local_of(uint64_t time)
{
	time_t s = (time_t)(time / NS_PER_S);
	struct tm tm = {0};

	localtime_r(&s, &tm);
	return tm;
}

const char *stamp_local(uint64_t time, char text[static STAMP_LOCAL])
{
	struct tm tm = local_of(time);

	memcpy(text, "0000-00-00T00:00:00", STAMP_LOCAL);
	put(text, 4, (uint64_t)tm.tm_year + 1900);
	put(text + 5, 2, (uint64_t)tm.tm_mon + 1);
	put(text + 8, 2, (uint64_t)tm.tm_mday);
	put(text + 11, 2, (uint64_t)tm.tm_hour);
	put(text + 14, 2, (uint64_t)tm.tm_min);
	put(text + 17, 2, (uint64_t)tm.tm_sec);
	return text;
}

const char *stamp_clock(uint64_t time, char text[static STAMP_CLOCK])
{
	struct tm tm = local_of(time);

	memcpy(text, "00:00:00.000", STAMP_CLOCK);
	put(text, 2, (uint64_t)tm.tm_hour);
	put(text + 3, 2, (uint64_t)tm.tm_min);
	put(text + 6, 2, (uint64_t)tm.tm_sec);
	put(text + 9, 3, time % NS_PER_S / 1000000);
	return text;
}
