/* SPDX-License-Identifier: Apache-2.0 */
#include "config/settings.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "call/service.h"
#include "sink/sink.h"

/* The same bounds hold for --ring-size. */
#define RING_MIN  (64U << 10)
#define RING_MAX  (256U << 20)
#define TIME_MAX  (3650ULL * 86400 * 1000000000)
#define QUEUE_MIN (64U << 10)
#define QUEUE_MAX (1U << 30)

static void *field(struct settings *s, size_t offset)
{
	return (char *)s + offset;
}

static int set_text(void *to, size_t size, const char *value)
{
	if (strlen(value) >= size)
		return -EINVAL;
	memcpy(to, value, strlen(value) + 1);
	return 0;
}

static int set_file(struct settings *s, size_t offset, const char *value, const char **ret_error)
{
	*ret_error = "expected an absolute path of at most 255 bytes";
	return value[0] == '/' ? set_text(field(s, offset), SETTINGS_TEXT, value) : -EINVAL;
}

/* "none" is no path. */
static int set_path(struct settings *s, size_t offset, const char *value, const char **ret_error)
{
	*ret_error = "expected an absolute path of at most 255 bytes, or none";
	if (strcmp(value, "none") == 0)
		value = "";
	else if (value[0] != '/')
		return -EINVAL;
	return set_text(field(s, offset), SETTINGS_TEXT, value);
}

static int set_enabled(struct settings *s, size_t offset, const char *value, const char **ret_error)
{
	*ret_error = "expected yes or no";
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return -EINVAL;
	s->enabled = strcmp(value, "yes") == 0;
	return 0;
}

/* As adduser(8) takes them, or a number. */
static int set_user(struct settings *s, size_t offset, const char *value, const char **ret_error)
{
	*ret_error = "expected the name of a user or group, of at most 31 letters, digits, - and _";
	if (!*value || *value == '-' || strlen(value) >= SETTINGS_NAME)
		return -EINVAL;
	for (const char *c = value; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-_.", *c))
			return -EINVAL;
	return set_text(field(s, offset), SETTINGS_NAME, value);
}

static int set_provider(struct settings *s, size_t offset, const char *value, const char **ret_error)
{
	*ret_error = "expected aws, azure, gcp, oracle, alibaba ... (man imdsnitch has them all)";
	if (!service_of_provider(value))
		return -EINVAL;
	return set_text(field(s, offset), SETTINGS_NAME, value);
}

static int set_endpoint(struct settings *s, size_t offset, const char *value, const char **ret_error)
{
	struct endpoints probe;
	int r;

	endpoints_init(&probe);
	r = endpoints_add(&probe, value, ret_error);
	if (r < 0)
		return -EINVAL;
	*ret_error = "expected at most 64 endpoints";
	if (s->service.endpoints == SETTINGS_ENDPOINTS)
		return -EINVAL;
	r = set_text(s->service.endpoint[s->service.endpoints], sizeof(s->service.endpoint[0]), value);
	if (r == 0)
		s->service.endpoints++;
	return r;
}

static int set_period(struct settings *s, size_t offset, const char *value, const char **ret_error)
{
	uint64_t ns;

	*ret_error = "expected a time from 1s to 3650d, such as 30s, 5m, 1h or 7d";
	if (parse_duration(value, &ns) < 0 || ns < 1000000000 || ns > TIME_MAX)
		return -EINVAL;
	memcpy(field(s, offset), &ns, sizeof(ns));
	return 0;
}

static int set_age(struct settings *s, size_t offset, const char *value, const char **ret_error)
{
	static const uint64_t never;

	*ret_error = "expected never, or a time from 1s to 3650d, such as 12h or 7d";
	if (strcmp(value, "never") != 0)
		return set_period(s, offset, value, &(const char *){NULL});
	memcpy(field(s, offset), &never, sizeof(never));
	return 0;
}

static int set_fsync(struct settings *s, size_t offset, const char *value, const char **ret_error)
{
	uint64_t ns = 0;

	*ret_error = "expected never, always, or a time such as 100ms or 5s";
	if (strcmp(value, "never") == 0)
		ns = UINT64_MAX;
	else if (strcmp(value, "always") != 0 && (parse_duration(value, &ns) < 0 || ns == 0 || ns > TIME_MAX))
		return -EINVAL;
	memcpy(field(s, offset), &ns, sizeof(ns));
	return 0;
}

static int set_bytes(struct settings *s, size_t offset, const char *value, uint64_t min, uint64_t max)
{
	uint64_t bytes;

	if (parse_size(value, &bytes) < 0 || bytes < min || bytes > max)
		return -EINVAL;
	memcpy(field(s, offset), &bytes, sizeof(bytes));
	return 0;
}

static int set_max_size(struct settings *s, size_t offset, const char *value, const char **ret_error)
{
	*ret_error = "expected never, or a size from 4K to 1T, such as 1M";
	if (strcmp(value, "never") == 0) {
		memset(field(s, offset), 0, sizeof(uint64_t));
		return 0;
	}
	return set_bytes(s, offset, value, 4096, 1ULL << 40);
}

static int set_database_size(struct settings *s, size_t offset, const char *value, const char **ret_error)
{
	*ret_error = "expected a size from 1M to 1T, such as 64M";
	return set_bytes(s, offset, value, 1U << 20, 1ULL << 40);
}

static int set_ring(struct settings *s, size_t offset, const char *value, const char **ret_error)
{
	uint64_t bytes;

	*ret_error = "expected a power of two from 64K to 256M";
	if (parse_size(value, &bytes) < 0 || (bytes & (bytes - 1)))
		return -EINVAL;
	return set_bytes(s, offset, value, RING_MIN, RING_MAX);
}

static int set_queue(struct settings *s, size_t offset, const char *value, const char **ret_error)
{
	*ret_error = "expected a size from 64K to 1G, such as 8M";
	return set_bytes(s, offset, value, QUEUE_MIN, QUEUE_MAX);
}

static int set_count(struct settings *s, size_t offset, const char *value, uint64_t min, uint64_t max)
{
	uint64_t n;

	if (parse_u64(value, &n) < 0 || n < min || n > max)
		return -EINVAL;
	memcpy(field(s, offset), &n, sizeof(n));
	return 0;
}

static int set_keep(struct settings *s, size_t offset, const char *value, const char **ret_error)
{
	*ret_error = "expected how many rotated files to keep, 1 to 10000";
	return set_count(s, offset, value, 1, 10000);
}

static int set_rows(struct settings *s, size_t offset, const char *value, const char **ret_error)
{
	*ret_error = "expected a number of rows, 100 to 10000000";
	return set_count(s, offset, value, 100, 10000000);
}

static int set_format(struct settings *s, size_t offset, const char *value, const char **ret_error)
{
	*ret_error = "expected json, aws or text";
	if (strcmp(value, "json") != 0 && strcmp(value, "aws") != 0 && strcmp(value, "text") != 0)
		return -EINVAL;
	return set_text(field(s, offset), SETTINGS_NAME, value);
}

/* RFC 5424, table 1, by the names of syslog.conf. */
static int set_facility(struct settings *s, size_t offset, const char *value, const char **ret_error)
{
	static const char *const names[] = {"kern",   "user",   "mail",   "daemon", "auth",     "syslog",
					    "lpr",    "news",   "uucp",   "cron",   "authpriv", "ftp",
					    "ntp",    "audit",  "alert",  "clock",  "local0",   "local1",
					    "local2", "local3", "local4", "local5", "local6",   "local7"};

	*ret_error = "expected a syslog facility such as daemon, authpriv or local0";
	for (uint64_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i]) == 0) {
			memcpy(field(s, offset), &i, sizeof(i));
			return 0;
		}
	}
	return -EINVAL;
}

static bool is_port(const char *text)
{
	uint64_t port;

	return parse_u64(text, &port) == 0 && port >= 1 && port <= UINT16_MAX;
}

/* HOST:PORT, an IPv6 address in brackets. */
static bool is_host_port(const char *value)
{
	const char *colon = strrchr(value, ':');
	size_t host = colon ? (size_t)(colon - value) : 0;

	if (host == 0 || host > 253 || !is_port(colon + 1))
		return false;
	if (value[0] == '[')
		return host > 2 && value[host - 1] == ']';
	for (size_t i = 0; i < host; i++)
		if (!isalnum((unsigned char)value[i]) && !strchr(".-_", value[i]))
			return false;
	return true;
}

static int set_to(struct settings *s, size_t offset, const char *value, const char **ret_error)
{
	static const char *const network[] = {"udp:", "tcp:", "tls:"};
	bool fits = strncmp(value, "unix:/", 6) == 0 && strlen(value) < 5 + 108;

	*ret_error = "expected unix:PATH, udp:HOST:PORT, tcp:HOST:PORT or tls:HOST:PORT";
	for (unsigned i = 0; i < 3; i++)
		if (strncmp(value, network[i], 4) == 0)
			fits = is_host_port(value + 4);
	return fits ? set_text(field(s, offset), SETTINGS_TEXT, value) : -EINVAL;
}

/* Whoever reaches the metrics learns which programs run: the address is this host's own. */
static int set_listen(struct settings *s, size_t offset, const char *value, const char **ret_error)
{
	bool fits = strcmp(value, "none") == 0;

	*ret_error = "expected none, 127.0.0.1:PORT, [::1]:PORT or unix:PATH";
	if (strncmp(value, "unix:/", 6) == 0)
		fits = strlen(value) < 5 + 108;
	else if (strncmp(value, "127.0.0.1:", 10) == 0)
		fits = is_port(value + 10);
	else if (strncmp(value, "[::1]:", 6) == 0)
		fits = is_port(value + 6);
	if (!fits)
		return -EINVAL;
	return set_text(field(s, offset), SETTINGS_TEXT, strcmp(value, "none") == 0 ? "" : value);
}

static int set_server_name(struct settings *s, size_t offset, const char *value, const char **ret_error)
{
	*ret_error = "expected a host name of at most 253 bytes";
	return strlen(value) <= 253 ? set_text(field(s, offset), 256, value) : -EINVAL;
}

#define AT(kind, field) offsetof(struct settings, kind.field) /* NOLINT(bugprone-macro-parentheses): a member */
#define SERVICE(key, argument, fallback, set)                                                                          \
	{                                                                                                              \
		SETTINGS_SERVICE, #key, argument, fallback, AT(service, key), set, false                               \
	}
#define GUARD(key, argument, fallback, set)                                                                            \
	{                                                                                                              \
		SETTINGS_GUARD, #key, argument, fallback, AT(guard, key), set, false                                   \
	}
#define LOG(key, argument, fallback, set)                                                                              \
	{                                                                                                              \
		SETTINGS_LOG, #key, argument, fallback, AT(log, key), set, false                                       \
	}
#define SYSLOG(key, argument, fallback, set)                                                                           \
	{                                                                                                              \
		SETTINGS_SYSLOG, #key, argument, fallback, AT(syslog, key), set, false                                 \
	}
#define INVENTORY(key, argument, fallback, set)                                                                        \
	{                                                                                                              \
		SETTINGS_INVENTORY, #key, argument, fallback, AT(inventory, key), set, false                           \
	}
#define METRICS(key, argument, fallback, set)                                                                          \
	{                                                                                                              \
		SETTINGS_METRICS, #key, argument, fallback, AT(metrics, key), set, false                               \
	}
#define ENABLED(section)                                                                                               \
	{                                                                                                              \
		(section), "enabled", "yes|no", "yes", offsetof(struct settings, enabled), set_enabled, false          \
	}

const struct setting settings_table[] = {
	SERVICE(user, "USER", "imdsnitch", set_user),
	SERVICE(group, "GROUP", "imdsnitch", set_user),
	SERVICE(status_socket, "PATH", "/run/imdsnitch/status.sock", set_path),
	SERVICE(provider, "NAME", NULL, set_provider),
	{SETTINGS_SERVICE, "endpoint", "ADDR[:PORT][=SERVICE]", NULL, AT(service, endpoint), set_endpoint, true},
	SERVICE(stats, "TIME", "1h", set_period),
	SERVICE(ring_size, "SIZE", "4M", set_ring),
	SERVICE(queue, "SIZE", "8M", set_queue),
	GUARD(rules, "PATH", "/etc/imdsnitch/guard.rules", set_path),
	ENABLED(SETTINGS_LOG),
	LOG(path, "PATH", NULL, set_file),
	LOG(format, "FORMAT", "json", set_format),
	LOG(max_size, "SIZE", "1M", set_max_size),
	LOG(max_age, "TIME", "never", set_age),
	LOG(keep, "N", "5", set_keep),
	LOG(fsync, "TIME", "never", set_fsync),
	ENABLED(SETTINGS_JOURNAL),
	{SETTINGS_JOURNAL, "socket", "PATH", "/run/systemd/journal/socket", AT(journal, socket), set_file, false},
	ENABLED(SETTINGS_SYSLOG),
	SYSLOG(to, "ADDRESS", "unix:/dev/log", set_to),
	SYSLOG(format, "FORMAT", "json", set_format),
	SYSLOG(facility, "FACILITY", "daemon", set_facility),
	SYSLOG(ca, "PATH", NULL, set_path),
	SYSLOG(certificate, "PATH", NULL, set_path),
	SYSLOG(key, "PATH", NULL, set_path),
	SYSLOG(server_name, "NAME", NULL, set_server_name),
	ENABLED(SETTINGS_INVENTORY),
	INVENTORY(path, "PATH", "/var/lib/imdsnitch/inventory.db", set_file),
	INVENTORY(max_rows, "N", "100000", set_rows),
	INVENTORY(max_size, "SIZE", "64M", set_database_size),
	INVENTORY(max_age, "TIME", "400d", set_period),
	ENABLED(SETTINGS_METRICS),
	METRICS(textfile, "PATH", "none", set_path),
	METRICS(listen, "ADDRESS", "none", set_listen),
	METRICS(interval, "TIME", "15s", set_period),
	{0},
};

static const char *const kinds[SETTINGS_KIND_MAX] = {
	[SETTINGS_SERVICE] = "service", [SETTINGS_GUARD] = "guard",   [SETTINGS_LOG] = "log",
	[SETTINGS_JOURNAL] = "journal", [SETTINGS_SYSLOG] = "syslog", [SETTINGS_INVENTORY] = "inventory",
	[SETTINGS_METRICS] = "metrics",
};

bool settings_kind_is_sink(enum settings_kind kind)
{
	return kind != SETTINGS_SERVICE && kind != SETTINGS_GUARD;
}

enum settings_kind settings_kind_find(const char *word)
{
	for (unsigned i = 1; i < SETTINGS_KIND_MAX; i++)
		if (strcmp(kinds[i], word) == 0)
			return (enum settings_kind)i;
	return 0;
}

const char *settings_kind_name(enum settings_kind kind)
{
	return kinds[kind];
}

static const char *log_path(const char *format)
{
	if (strcmp(format, "aws") == 0)
		return "/var/log/imdsnitch/imds-trace.log";
	return strcmp(format, "text") == 0 ? "/var/log/imdsnitch/calls.log" : "/var/log/imdsnitch/calls.jsonl";
}

void settings_init(struct settings *s, enum settings_kind kind, const char *name)
{
	const char *error;

	memset(s, 0, sizeof(*s));
	s->kind = kind;
	s->enabled = true;
	set_text(s->name, sizeof(s->name), name);
	for (const struct setting *t = settings_table; t->key; t++)
		if (t->kind == kind && t->fallback)
			t->set(s, t->offset, t->fallback, &error);
}

const char *settings_file(const struct settings *s)
{
	if (!s->enabled)
		return "";
	if (s->kind == SETTINGS_LOG)
		return s->log.path;
	if (s->kind == SETTINGS_INVENTORY)
		return s->inventory.path;
	return s->kind == SETTINGS_METRICS ? s->metrics.textfile : "";
}

int settings_set(struct settings *s, const char *key, const char *value, const char **ret_error)
{
	for (const struct setting *t = settings_table; t->key; t++)
		if (t->kind == s->kind && strcmp(t->key, key) == 0)
			return t->set(s, t->offset, value, ret_error);
	return -ENOENT;
}

int settings_check(struct settings *s, const char **ret_error)
{
	if (s->kind == SETTINGS_LOG && !s->log.path[0])
		return set_text(s->log.path, SETTINGS_TEXT, log_path(s->log.format));
	*ret_error = "certificate and key go together";
	if (s->kind == SETTINGS_SYSLOG && !s->syslog.certificate[0] != !s->syslog.key[0])
		return -EINVAL;
	*ret_error = "neither textfile nor listen is set: nobody would see the metrics";
	if (s->kind == SETTINGS_METRICS && s->enabled && !s->metrics.textfile[0] && !s->metrics.listen[0])
		return -EINVAL;
	return 0;
}
