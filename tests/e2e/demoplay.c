// SPDX-License-Identifier: Apache-2.0
/* Plays the demo without a tracer. --die: ends by SIGKILL while a client runs; nothing may be left then. */
#include "demo/demo.h"

#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct pollfd p = {.events = POLLIN};
	struct demo *d;
	int r = demo_prepare(&d);

	if (r < 0)
		errx(1, "demo_prepare: %s", strerror(-r));
	printf("%u\n", demo_namespace(d));
	fflush(stdout);
	r = demo_play(d, &p.fd);
	if (r < 0)
		errx(1, "demo_play: %s", strerror(-r));
	if (argc > 1 && strcmp(argv[1], "--die") == 0) {
		poll(NULL, 0, 600);
		raise(SIGKILL);
	}
	poll(&p, 1, 60000);
	demo_done(d);
	return p.revents & POLLIN ? 0 : 1;
}
