/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/explain.h"

#include <errno.h>

#include "base/escape.h"

/* What a selector says of the facts. */
enum truth { TRUTH_NO, TRUTH_YES, TRUTH_UNKNOWN };

static enum truth truth(bool yes)
{
	return yes ? TRUTH_YES : TRUTH_NO;
}

static const struct endpoint *endpoint_of(const struct endpoints *e, const struct question *q)
{
	const struct endpoint *found = endpoints_find(e, &q->address);

	for (unsigned i = 0; !found && q->datagram && i < e->count; i++)
		if (memcmp(e->list[i].address.ip, q->address.ip, sizeof(q->address.ip)) == 0)
			found = &e->list[i];
	return found;
}

static bool read_head(struct span text, struct head *h, struct span *ret_target)
{
	enum head_result r = HEAD_MORE;

	head_init(h, HEAD_REQUEST);
	for (size_t i = 0; i < text.length && r == HEAD_MORE; i++)
		r = head_step(h, (uint8_t)text.data[i]);
	if (r == HEAD_DONE)
		*ret_target = (struct span){text.data + h->leading + h->target.offset, h->target.length};
	return r == HEAD_DONE;
}

static bool is_shared(const struct service *s, const char *provider)
{
	return strcmp(service_name(s), "ec2") == 0 && !provider;
}

/* A path that is not known says nothing about service, class and version; headers may. */
static void judge_without_path(struct facts *f, const char *provider, const struct head *h)
{
	const struct service *s = f->endpoint->service;
	struct path none = {.cut = true};
	struct judgement j;

	f->version = VERSION_UNKNOWN;
	if (is_shared(s, provider) && !(h->seen & (HEADER_AWS_TOKEN | HEADER_AWS_TTL)))
		return;
	judge_request(s, provider ? provider : service_provider(s), h, &none, true, true, &j);
	f->service = j.service;
	f->version = j.version;
}

static void judge_facts(struct facts *f, const char *provider)
{
	struct span target, text = f->question->head;
	struct judgement j;
	struct head h;

	f->known = read_head(text, &h, &target);
	if (!f->known)
		return;
	f->method = (struct span){text.data + h.leading, h.method.length};
	if (!f->path_known) {
		judge_without_path(f, provider, &h);
		return;
	}
	path_init(&f->path, target);
	judge_request(f->endpoint->service, provider, &h, &f->path, false, true, &j);
	f->service = j.service;
	f->version = j.version;
	f->class = j.class;
}

int facts_init(struct facts *f, const struct rules *rules, const char *provider, bool legacy, const struct question *q,
	       const struct answer *answer)
{
	const struct endpoint *e = endpoint_of(&rules->endpoints, q);

	if (!e)
		return -ENOENT;
	if (rules->provider[0])
		provider = rules->provider;
	*f = (struct facts){.question = q, .endpoint = e, .version = VERSION_UNKNOWN};
	f->cgroup_known = q->cgroup.data && !(legacy && q->cgroup.length <= 1);
	if (f->cgroup_known)
		container_parse(q->cgroup, &f->container);
	f->asked = !answer->at_connect;
	f->path_known = answer->asked.path_known;
	if (f->asked)
		judge_facts(f, provider);
	if (!is_shared(e->service, provider) && !f->service) {
		const struct service *other = provider ? service_of_provider(provider) : NULL;

		f->service = strcmp(service_name(e->service), "ec2") == 0 && other ? other : e->service;
	}
	return 0;
}

static bool is_group(const struct facts *f, const struct selector *s)
{
	for (unsigned i = 0; i < f->question->group_count; i++)
		if (selector_has_id(s, f->question->groups[i]))
			return true;
	return false;
}

static bool is_below(const struct facts *f, const struct selector *s)
{
	struct span path = f->question->cgroup;

	for (unsigned i = 0; i < s->count; i++) {
		struct span prefix = span_of(s->value[i].text);

		if (span_starts(path, prefix) &&
		    (path.length == prefix.length || prefix.length == 0 || path.data[prefix.length] == '/'))
			return true;
	}
	return false;
}

static bool is_address(const struct facts *f, const struct selector *s)
{
	for (unsigned i = 0; i < s->count; i++)
		if (selector_address_matches(&s->value[i], f->endpoint->address.ip))
			return true;
	return false;
}

static bool is_method(const struct facts *f, const struct selector *s)
{
	for (unsigned i = 0; i < s->count; i++)
		if (span_equal(f->method, span_of(s->value[i].text)))
			return true;
	return false;
}

static bool is_path(const struct facts *f, const struct selector *s)
{
	for (unsigned i = 0; i < s->count; i++)
		if (!s->value[i].text[0] || path_matches(&f->path, s->value[i].text, true))
			return true;
	return false;
}

static enum truth group_truth(const struct facts *f, const struct selector *s)
{
	if (is_group(f, s))
		return TRUTH_YES;
	return f->question->groups_cut ? TRUTH_UNKNOWN : TRUTH_NO;
}

static enum truth request_truth(const struct facts *f, const struct selector *s)
{
	if (!f->known)
		return TRUTH_UNKNOWN;
	switch (s->kind) {
	case SELECT_VERSION:
		return f->version == VERSION_UNKNOWN ? TRUTH_UNKNOWN : truth(selector_has_number(s, f->version));
	case SELECT_CLASS:
		return f->class == CLASS_NONE ? TRUTH_UNKNOWN : truth(selector_has_number(s, f->class));
	case SELECT_METHOD:
		return truth(is_method(f, s));
	default:
		return f->path_known ? truth(is_path(f, s)) : TRUTH_UNKNOWN;
	}
}

/* Is one of the values right? */
static enum truth value_truth(const struct facts *f, const struct selector *s)
{
	switch (s->kind) {
	case SELECT_USER:
		return truth(selector_has_id(s, f->question->uid));
	case SELECT_GROUP:
		return group_truth(f, s);
	case SELECT_EXE:
		return f->question->exe.data ? truth(selector_globs(s, f->question->exe)) : TRUTH_UNKNOWN;
	case SELECT_UNIT:
		if (!f->cgroup_known)
			return TRUTH_UNKNOWN;
		return truth(f->container.unit[0] && selector_globs(s, span_of(f->container.unit)));
	case SELECT_CONTAINER:
		return f->cgroup_known ? truth(selector_has_container(s, f->container.id)) : TRUTH_UNKNOWN;
	case SELECT_CGROUP:
		return f->cgroup_known ? truth(is_below(f, s)) : TRUTH_UNKNOWN;
	case SELECT_ADDRESS:
		return truth(is_address(f, s));
	case SELECT_SERVICE:
		return f->service ? truth(selector_has_number(s, 1 + service_row(f->service))) : TRUTH_UNKNOWN;
	default:
		return request_truth(f, s);
	}
}

static bool is_of_request(const struct facts *f, const struct selector *s)
{
	return s->kind == SELECT_VERSION || s->kind == SELECT_CLASS || s->kind == SELECT_METHOD ||
	       s->kind == SELECT_PATH || (s->kind == SELECT_SERVICE && !f->service);
}

enum reading facts_read(const struct facts *f, const struct rule *rule, const struct selector **ret_selector)
{
	enum reading reading = READING_FITS;

	*ret_selector = rule->count ? &rule->selectors[rule->count - 1] : NULL;
	for (unsigned i = 0; i < rule->count; i++) {
		const struct selector *s = &rule->selectors[i];
		enum reading now = READING_FITS;

		if (!f->asked && is_of_request(f, s)) {
			now = f->question->datagram ? READING_NEEDS : READING_LATER;
		} else {
			enum truth t = value_truth(f, s);

			if (t == TRUTH_UNKNOWN)
				now = rule->deny ? READING_DOUBT : READING_UNPROVEN;
			else if ((t == TRUTH_YES) == s->negated)
				now = READING_UNFIT;
		}
		if (now > reading) {
			reading = now;
			*ret_selector = s;
		}
	}
	return reading;
}

unsigned facts_first(const struct facts *f, const struct rules *rules, enum reading *ret_reading)
{
	const struct selector *s;

	for (unsigned i = 0; i < rules->count; i++) {
		*ret_reading = facts_read(f, &rules->rule[i], &s);
		if (reading_is_match(*ret_reading))
			return i;
	}
	return TABLE_NONE;
}

static void put(struct buffer *out, const char *before, struct span text)
{
	buffer_string(out, before);
	escape_text(out, text, ESCAPE_EXACT);
}

static void describe_groups(const struct facts *f, struct buffer *out)
{
	buffer_string(out, "its groups are");
	for (unsigned i = 0; i < f->question->group_count && i < 16; i++)
		buffer_printf(out, "%s%u", i ? ", " : " ", f->question->groups[i]);
	if (f->question->group_count > 16)
		buffer_string(out, " …");
	if (f->question->group_count == 0)
		buffer_string(out, " none");
}

static void describe_cgroup(const struct facts *f, enum selector_kind kind, struct buffer *out)
{
	const char *name = kind == SELECT_UNIT ? f->container.unit : f->container.id;

	if (!f->cgroup_known)
		buffer_string(out, "its cgroup is not known");
	else if (kind == SELECT_CGROUP)
		put(out, "its cgroup is ", f->question->cgroup);
	else if (kind == SELECT_UNIT && !name[0])
		buffer_string(out, "it is in no unit");
	else if (!name[0])
		buffer_string(out, "it is in no container");
	else
		put(out, kind == SELECT_UNIT ? "its unit is " : "its container is ", span_of(name));
}

static void describe_request(const struct facts *f, enum selector_kind kind, struct buffer *out)
{
	const char *version = call_version_name(f->version), *class = call_class_name(f->class);

	if (!f->asked)
		buffer_string(out, "there is no request yet");
	else if (!f->known)
		buffer_string(out, "the request cannot be read");
	else if (kind == SELECT_VERSION)
		put(out, "the version is ", span_of(version ? version : "none, the service has none"));
	else if (kind == SELECT_CLASS)
		put(out, "the class is ", span_of(class ? class : "not known"));
	else if (kind == SELECT_METHOD)
		put(out, "the method is ", f->method);
	else if (f->path_known)
		put(out, "the path is /", (struct span){f->path.text, f->path.length});
	else
		buffer_string(out, "the path is not known");
}

void facts_describe(const struct facts *f, enum selector_kind kind, struct buffer *out)
{
	char address[CALL_ADDRESS_TEXT];

	switch (kind) {
	case SELECT_USER:
		buffer_printf(out, "its user is %u", f->question->uid);
		break;
	case SELECT_GROUP:
		describe_groups(f, out);
		break;
	case SELECT_EXE:
		if (f->question->exe.data)
			put(out, "its executable is ", f->question->exe);
		else
			buffer_string(out, "its executable is not known");
		break;
	case SELECT_UNIT:
	case SELECT_CONTAINER:
	case SELECT_CGROUP:
		describe_cgroup(f, kind, out);
		break;
	case SELECT_ADDRESS:
		put(out, "the address is ", span_of(call_address_text(&f->endpoint->address, address)));
		break;
	case SELECT_SERVICE:
		put(out, "the service is ", span_of(f->service ? service_name(f->service) : "not known"));
		break;
	default:
		describe_request(f, kind, out);
		break;
	}
}
