/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/host.h"
#include "base/log.h"
#include "base/parse.h"
#include "caller/sockets.h"

static struct view *view_of(void *target)
{
	return target; /* every command's state begins with its view */
}

static int set_format(void *target, const char *value, const char **ret_error)
{
	*ret_error = "expected text, json or aws";
	view_of(target)->format = format_find(value);
	return view_of(target)->format ? 0 : -EINVAL;
}

static int set_output(void *target, const char *value, const char **ret_error)
{
	view_of(target)->output = value;
	return 0;
}

static int set_endpoint(void *target, const char *value, const char **ret_error)
{
	return endpoints_add(&view_of(target)->endpoints, value, ret_error);
}

static int set_provider(void *target, const char *value, const char **ret_error)
{
	*ret_error = "expected aws, azure, gcp, oracle, alibaba ... (man imdsnitch has them all)";
	if (!service_of_provider(value))
		return -EINVAL;
	view_of(target)->provider = value;
	return 0;
}

static int set_count(void *target, const char *value, const char **ret_error)
{
	*ret_error = "expected a whole number above 0";
	if (parse_u64(value, &view_of(target)->count) < 0 || view_of(target)->count == 0)
		return -EINVAL;
	return 0;
}

static int set_fail_on(void *target, const char *value, const char **ret_error)
{
	static const struct {
		const char *name;
		unsigned bit;
	} findings[] = {{"v1", FAIL_ON_V1}, {"credentials", FAIL_ON_CREDENTIALS}, {"any", FAIL_ON_ANY}};

	for (size_t i = 0; i < sizeof(findings) / sizeof(findings[0]); i++) {
		if (strcmp(value, findings[i].name) == 0) {
			view_of(target)->fail_on |= findings[i].bit;
			return 0;
		}
	}
	*ret_error = "expected v1, credentials or any";
	return -EINVAL;
}

/* One setter a filter: filter.c knows the values. */
#define FILTER_SETTER(name, word)                                                                                      \
	static int set_##name(void *target, const char *value, const char **ret_error)                                 \
	{                                                                                                              \
		return filter_add(&view_of(target)->filter, word, value, ret_error);                                   \
	}

FILTER_SETTER(version, "version")
FILTER_SETTER(class, "class")
FILTER_SETTER(pid, "pid")
FILTER_SETTER(user, "user")
FILTER_SETTER(program, "program")
FILTER_SETTER(container, "container")
FILTER_SETTER(unit, "unit")
FILTER_SETTER(status, "status")
FILTER_SETTER(service, "service")

const struct option_spec view_options[] = {
	{"format", "FORMAT", "text, json or aws (default text)", set_format},
	{"output", "FILE", "append events to FILE (mode 0640), not to stdout", set_output},
	{"version", "VERSION", "only v1, v2 or unknown", set_version},
	{"class", "CLASS", "only token, credentials, identity, user-data,\nmetadata or other", set_class},
	{"pid", "PID", "only this process", set_pid},
	{"user", "USER", "only this user, name or id", set_user},
	{"program", "GLOB", "only programs whose name or path matches", set_program},
	{"container", "ID", "only this container, id or the start of it", set_container},
	{"unit", "UNIT", "only this systemd unit, .service may be left out", set_unit},
	{"status", "STATUS", "only this response status: 404, 4xx, 400-499, none", set_status},
	{"service", "SERVICE", "only this service: ec2, ecs, eks-pod-identity ...", set_service},
	{"endpoint", "ADDR[:PORT][=SERVICE]", "one more metadata service, on port 80 and judged as\nec2 unless said",
	 set_endpoint},
	{"provider", "NAME", "whose cloud this is: aws, azure, gcp ... (default:\nby DMI)", set_provider},
	{"count", "N", "stop after N events", set_count},
	{"fail-on", "WHAT", "exit 1 when it was seen: v1, credentials or any", set_fail_on},
	{NULL, NULL, NULL, NULL},
};

void view_init(struct view *v)
{
	v->format = &format_text;
	endpoints_init(&v->endpoints);
}

void view_done(struct view *v)
{
	if (v->out_is_open)
		output_close(&v->out);
	filter_done(&v->filter);
}

static unsigned terminal_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	uint64_t width = 0;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col;
	if (columns && parse_u64(columns, &width) == 0 && width <= UINT16_MAX)
		return (unsigned)width;
	return 80;
}

/* https://no-color.org: set and not empty means no colour. */
static bool no_color(void)
{
	const char *value = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");

	return (value && *value) || (terminal && strcmp(terminal, "dumb") == 0);
}

static int open_output(struct view *v)
{
	int r = output_open(&v->out, v->output);

	if (r < 0 && !v->output)
		return log_errno(r, "standard output cannot be written (use --output FILE)");
	if (r < 0)
		return log_errno(r, "--output %s cannot be opened for appending", v->output);
	v->out_is_open = true;
	if (!v->output && isatty(STDOUT_FILENO)) {
		v->sink.width = terminal_width();
		v->sink.color = !no_color();
	}
	return 0;
}

int view_open(struct view *v)
{
	int r = v->outlet.call ? 0 : open_output(v);

	if (r < 0)
		return r;
	if (gethostname(v->host_name, sizeof(v->host_name) - 1) == 0)
		v->sink.host_name = v->host_name;
	host_machine_id(v->host_id, sizeof(v->host_id));
	v->sink.host_id = v->host_id[0] ? v->host_id : NULL;
	return 0;
}

static bool is_endpoint(const uint8_t ip[16], uint16_t port, void *data)
{
	struct call_address address = {.port = port};

	memcpy(address.ip, ip, sizeof(address.ip));
	return endpoints_find(data, &address) != NULL;
}

unsigned view_count_open(struct view *v, int proc)
{
	static struct open_sockets sockets;
	int r = sockets_open(proc, is_endpoint, &v->endpoints, &sockets);

	if (r < 0)
		log_errno(r, "connections that are open already cannot be counted");
	return r < 0 ? 0 : sockets.count;
}

int view_finish(struct view *v, const struct pipeline *p, int status)
{
	int seen;

	if (v->out_is_open && !pipeline_reader_gone(p))
		output_close(&v->out);
	seen = pipeline_exit_status(p);
	return seen != EXIT_FINE ? seen : status;
}

void view_configure(struct view *v, struct pipeline_config *config)
{
	config->endpoints = &v->endpoints;
	config->provider = v->provider;
	config->filter = &v->filter;
	config->netns = v->netns;
	if (!v->outlet.call) {
		v->printer = (struct printer){v->format, v->sink, &v->out};
		v->outlet = printer_outlet(&v->printer);
	}
	config->outlet = v->outlet;
	config->fail_on = v->fail_on;
	config->count = v->count;
}
