/* SPDX-License-Identifier: Apache-2.0 */
#include "call/sdk.h"

#include <strings.h>

#define PARTS 4

/*
 * First versions that speak IMDSv2: AWS EC2 User Guide, "Use the Instance Metadata Service to access instance
 * metadata", list of minimum SDK versions. A name with several rows: the row of the same major version decides, else
 * the last row below it. Earlier rows win when a user agent names several products (Boto3 before its Botocore).
 */
static const struct row {
	const char *name;
	unsigned first[PARTS];
} rows[] = {
	{"aws-cli", {1, 16, 289, 0}},
	{"Boto3", {1, 12, 6, 0}},
	{"Botocore", {1, 13, 25, 0}},
	{"AWSPowerShell", {4, 0, 1, 0}},
	{"AWSPowerShell.NetCore", {4, 0, 1, 0}},
	{"AWSPowerShell.Common", {4, 0, 1, 0}},
	{"aws-sdk-dotnet", {3, 3, 634, 1}},
	{"aws-sdk-dotnet-35", {3, 3, 634, 1}},
	{"aws-sdk-dotnet-45", {3, 3, 634, 1}},
	{"aws-sdk-dotnet-core", {3, 3, 634, 1}},
	{"aws-sdk-dotnet-coreclr", {3, 3, 634, 1}},
	{"aws-sdk-cpp", {1, 7, 229, 0}},
	{"aws-sdk-go", {1, 25, 38, 0}},
	{"aws-sdk-go-v2", {0, 19, 0, 0}},
	{"aws-sdk-java", {1, 11, 678, 0}},
	{"aws-sdk-java", {2, 10, 21, 0}},
	{"aws-sdk-js", {2, 722, 0, 0}},
	{"aws-sdk-nodejs", {2, 722, 0, 0}},
	{"aws-sdk-php", {3, 147, 7, 0}},
	{"aws-sdk-ruby3", {3, 79, 0, 0}},
};
#define ROWS (sizeof(rows) / sizeof(*rows))

/* "1.11.678-SNAPSHOT": the numbers up to the first other thing; false when there is none. */
static bool parse_version(struct span s, unsigned ret[static PARTS])
{
	size_t i = 0;

	memset(ret, 0, PARTS * sizeof(*ret));
	if (s.length == 0 || s.data[0] < '0' || s.data[0] > '9')
		return false;
	for (int part = 0; part < PARTS; part++, i++) {
		for (; i < s.length && s.data[i] >= '0' && s.data[i] <= '9'; i++)
			if (ret[part] < 100000000)
				ret[part] = ret[part] * 10 + (unsigned)(s.data[i] - '0');
		if (i >= s.length || s.data[i] != '.')
			break;
	}
	return true;
}

static int version_compare(const unsigned a[static PARTS], const unsigned b[static PARTS])
{
	for (int i = 0; i < PARTS; i++)
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	return 0;
}

static bool name_is(struct span s, const char *name)
{
	return s.length && (s.data[0] | 0x20) == (name[0] | 0x20) && strncasecmp(s.data, name, s.length) == 0 &&
	       name[s.length] == '\0';
}

static size_t find_row(struct span name)
{
	size_t i = 0;

	while (i < ROWS && !name_is(name, rows[i].name))
		i++;
	return i;
}

/* The row that rules this major version. */
static const struct row *choose_row(size_t i, unsigned major)
{
	while (i + 1 < ROWS && strcmp(rows[i].name, rows[i + 1].name) == 0 && rows[i + 1].first[0] <= major)
		i++;
	return &rows[i];
}

/* The next "name/version" of the user agent from *at on; false at its end. */
static bool next_product(struct span agent, size_t *at, struct span *ret_name, struct span *ret_version)
{
	size_t start, slash = SIZE_MAX, i = *at;

	while (i < agent.length && (agent.data[i] == ' ' || agent.data[i] == '\t'))
		i++;
	start = i;
	for (; i < agent.length && agent.data[i] != ' ' && agent.data[i] != '\t'; i++)
		if (agent.data[i] == '/' && slash == SIZE_MAX)
			slash = i;
	*at = i;
	if (start == i)
		return false;
	if (slash == SIZE_MAX)
		slash = i;
	*ret_name = (struct span){agent.data + start, slash - start};
	*ret_version = slash < i ? (struct span){agent.data + slash + 1, i - slash - 1} : (struct span){0};
	return true;
}

void sdk_init(struct sdk *s, struct span user_agent)
{
	size_t at = 0, best = ROWS;
	struct span name, version;
	unsigned numbers[PARTS];

	*s = (struct sdk){0};
	while (user_agent.data && next_product(user_agent, &at, &name, &version)) {
		size_t row = find_row(name);

		if (row >= best)
			continue;
		best = row;
		s->name = name;
		s->version = version;
	}
	if (best == ROWS || !parse_version(s->version, numbers))
		return;
	s->has_supports_v2 = true;
	s->supports_v2 = version_compare(numbers, choose_row(best, numbers[0])->first) >= 0;
}
