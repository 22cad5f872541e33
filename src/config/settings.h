/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be set in the configuration file, as one table: reading, checking, the manual page's test and the sink
 * programs all go by it. A section of the file becomes one `struct settings`, whose defaults are the table's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SETTINGS_TEXT      256 /* of one value, with its NUL; inih reads lines of less than 200 bytes */
#define SETTINGS_NAME      32
#define SETTINGS_ENDPOINTS 64

enum settings_kind {
	SETTINGS_SERVICE = 1,
	SETTINGS_GUARD,
	SETTINGS_LOG,
	SETTINGS_JOURNAL,
	SETTINGS_SYSLOG,
	SETTINGS_INVENTORY,
	SETTINGS_METRICS,
	SETTINGS_KIND_MAX
};

struct service_settings {
	char user[SETTINGS_NAME], group[SETTINGS_NAME];
	char status_socket[SETTINGS_TEXT]; /* "": none */
	char provider[SETTINGS_NAME];      /* "": by DMI */
	char endpoint[SETTINGS_ENDPOINTS][128];
	unsigned endpoints;
	uint64_t stats;     /* ns between imds-stats events */
	uint64_t ring_size; /* bytes, a power of two */
	uint64_t queue;     /* bytes kept for one sink that is slow */
};

struct guard_settings {
	char rules[SETTINGS_TEXT]; /* "": none, the guard is left as it is */
};

struct log_settings {
	char path[SETTINGS_TEXT]; /* "": by format */
	char format[SETTINGS_NAME];
	uint64_t max_size; /* bytes; 0: not by size */
	uint64_t max_age;  /* ns; 0: not by age */
	uint64_t keep;     /* rotated files */
	uint64_t fsync;    /* ns at most between a write and its fsync; 0: after every write; UINT64_MAX: never */
};

struct journal_settings {
	char socket[SETTINGS_TEXT];
};

struct syslog_settings {
	char to[SETTINGS_TEXT]; /* unix:PATH, udp:HOST:PORT, tcp:HOST:PORT, tls:HOST:PORT */
	char format[SETTINGS_NAME];
	uint64_t facility;                                                      /* 0 to 23 */
	char ca[SETTINGS_TEXT], certificate[SETTINGS_TEXT], key[SETTINGS_TEXT]; /* PEM files; "": the system's, none */
	char server_name[256];                                                  /* "": the host of `to` */
};

struct inventory_settings {
	char path[SETTINGS_TEXT];
	uint64_t max_rows;
	uint64_t max_size; /* bytes */
	uint64_t max_age;  /* ns */
};

struct metrics_settings {
	char textfile[SETTINGS_TEXT]; /* "": none */
	char listen[SETTINGS_TEXT];   /* 127.0.0.1:PORT, [::1]:PORT, unix:PATH; "": none */
	uint64_t interval;            /* ns between two textfiles */
};

struct settings {
	enum settings_kind kind;
	char name[SETTINGS_NAME]; /* of a section such as [log NAME]; "" */
	bool enabled;
	union {
		struct service_settings service;
		struct guard_settings guard;
		struct log_settings log;
		struct journal_settings journal;
		struct syslog_settings syslog;
		struct inventory_settings inventory;
		struct metrics_settings metrics;
	};
};

struct setting {
	enum settings_kind kind;
	const char *key;
	const char *argument; /* "PATH", for the manual page */
	const char *fallback; /* the default, as it would be written; NULL: none */
	size_t offset;        /* of the value in struct settings */
	/* Takes the value; on failure -EINVAL with *ret_error, static text: what was expected. */
	int (*set)(struct settings *s, size_t offset, const char *value, const char **ret_error);
	bool repeated; /* may be given more than once */
};

/* Ends with a key of NULL. */
extern const struct setting settings_table[];

/* Does the section stand for a program events are brought to? */
bool settings_kind_is_sink(enum settings_kind kind);

/* "log" → SETTINGS_LOG; 0: none. */
enum settings_kind settings_kind_find(const char *word);
const char *settings_kind_name(enum settings_kind kind);

/* Defaults of a section. `name` is "" or at most SETTINGS_NAME - 1 bytes long. */
void settings_init(struct settings *s, enum settings_kind kind, const char *name);

/* Sets one key. 0; -ENOENT: no such key in this section; -EINVAL: *ret_error says what was expected. */
int settings_set(struct settings *s, const char *key, const char *value, const char **ret_error);

/*
 * What only shows when a section is complete: a key that needs another one, a default that hangs on another key (the
 * log's path). 0 or -EINVAL with *ret_error.
 */
int settings_check(struct settings *s, const char **ret_error);

/* The file that this sink alone may write; "": none. */
const char *settings_file(const struct settings *s);
