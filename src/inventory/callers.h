/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `imdsnitch-inventory --callers FILE`: the rows of an inventory on stdout, for `imdsnitch guard test`, which does not
 * link SQLite. Only for programs of one build; what others read is the database itself (docs/inventory.md).
 *
 * One JSON object a row, in the order of the table. A member has the name of its column: `count`, `first_seen` and
 * `last_seen` are numbers, the others strings as they are in the database, escaped there already and here once more.
 * What is NULL or '' is absent:
 *
 *	{"executable":"/usr/bin/curl","user_id":"33","place_kind":"unit","place":"web.service","service":"ec2",
 *	 "version":"v1","class":"credentials","verdict":"observed","user_name":"www-data","unit":"web.service",
 *	 "request":"GET /latest/meta-data/iam/security-credentials/web","count":12,"first_seen":1794000000000,
 *	 "last_seen":1794000012000}
 *
 * The file is opened for reading, and nothing beside it is written. A text is 64 KiB long at most; the inventory's own
 * are a tenth of that.
 */
#pragma once

/* Exit status: 0; 1 after a message: the file cannot be read, or not all of it. */
int callers_print(const char *path);
