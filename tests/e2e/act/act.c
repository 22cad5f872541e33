// SPDX-License-Identifier: Apache-2.0
/*
 * act MODE ADDR PORT [options]: makes a metadata call in one awkward way. `act` alone lists the modes.
 *
 *   --path P --token T --header 'Name: value'    what is asked for
 *   --at N --count N --size N --concurrency N    numbers the modes understand
 *   --uid N --seconds N
 *
 * Exit: 0 done, 1 failed, 2 usage, 77 not supported by this kernel.
 */
#include "act.h"

#include <arpa/inet.h>
#include <err.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const struct mode *const tables[] = {write_modes,   byte_modes,  flow_modes, socket_modes,
					    process_modes, uring_modes, mix_modes};
#define TABLES (sizeof(tables) / sizeof(*tables))

static const struct mode *find_mode(const char *name)
{
	for (size_t i = 0; i < TABLES; i++)
		for (const struct mode *m = tables[i]; m->name; m++)
			if (strcmp(m->name, name) == 0)
				return m;
	return NULL;
}

static int list_modes(void)
{
	for (size_t i = 0; i < TABLES; i++)
		for (const struct mode *m = tables[i]; m->name; m++)
			puts(m->name);
	return 2;
}

static void read_address(struct act *a)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&a->address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a->address;

	if (inet_pton(AF_INET, a->host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		a->address_length = sizeof(*in);
	} else if (inet_pton(AF_INET6, a->host, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(a->port);
		a->address_length = sizeof(*in6);
	} else {
		errx(2, "not an address: %s", a->host);
	}
}

static int read_options(struct act *a, int argc, char **argv)
{
	static const struct option options[] = {
		{"path", 1, NULL, 'p'},        {"token", 1, NULL, 't'},
		{"header", 1, NULL, 'h'},      {"at", 1, NULL, 'a'},
		{"count", 1, NULL, 'c'},       {"size", 1, NULL, 's'},
		{"concurrency", 1, NULL, 'n'}, {"uid", 1, NULL, 'u'},
		{"seconds", 1, NULL, 'S'},     {0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		unsigned number = optarg ? (unsigned)strtoul(optarg, NULL, 10) : 0;

		switch (c) {
		case 'p':
			a->path = optarg;
			break;
		case 't':
			a->token = optarg;
			break;
		case 'h':
			a->header = optarg;
			break;
		case 'a':
			a->at = number;
			break;
		case 'c':
			a->count = number;
			break;
		case 's':
			a->size = number;
			break;
		case 'n':
			a->concurrency = number;
			break;
		case 'u':
			a->uid = number;
			break;
		case 'S':
			a->seconds = number;
			break;
		default:
			return 2;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct act a = {.argv = argv, .path = "/latest/meta-data/instance-id", .at = 5, .count = 3, .concurrency = 50};
	const struct mode *mode;

	if (argc < 4)
		return list_modes();
	mode = find_mode(argv[1]);
	if (!mode)
		errx(2, "unknown mode: %s", argv[1]);
	a.host = argv[2];
	a.port = (unsigned short)strtoul(argv[3], NULL, 10);
	read_address(&a);
	if (read_options(&a, argc - 3, argv + 3) != 0)
		return 2;
	return mode->run(&a);
}
