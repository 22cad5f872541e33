/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/resolver.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"

#define STACK ((size_t)512 * 1024)

struct resolver {
	char host[256], port[16];
	int type;
	int answered; /* eventfd; -1: no thread */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t asked_now;
	bool asked, asking, has_answer;
	struct addresses answer;
};

static void look_up(const struct resolver *r, int flags, struct addresses *ret_addresses)
{
	const struct addrinfo hints = {.ai_socktype = r->type, .ai_flags = AI_NUMERICSERV | flags};
	struct addrinfo *list = NULL;
	int error = getaddrinfo(r->host, r->port, &hints, &list);

	memset(ret_addresses, 0, sizeof(*ret_addresses));
	if (error != 0) {
		snprintf(ret_addresses->why, sizeof(ret_addresses->why), "its address is not known: %s",
			 gai_strerror(error));
		return;
	}
	for (struct addrinfo *a = list; a && ret_addresses->count < ADDRESSES_MAX; a = a->ai_next) {
		if (a->ai_family != AF_INET && a->ai_family != AF_INET6)
			continue;
		memcpy(&ret_addresses->address[ret_addresses->count], a->ai_addr, a->ai_addrlen);
		ret_addresses->length[ret_addresses->count++] = a->ai_addrlen;
	}
	freeaddrinfo(list);
}

static void *work(void *argument)
{
	const uint64_t one = 1;
	struct resolver *r = argument;
	struct addresses found;

	pthread_mutex_lock(&r->lock);
	for (;;) {
		while (!r->asked)
			pthread_cond_wait(&r->asked_now, &r->lock);
		r->asked = false;
		r->asking = true;
		pthread_mutex_unlock(&r->lock);
		look_up(r, AI_ADDRCONFIG, &found);
		pthread_mutex_lock(&r->lock);
		r->asking = false;
		r->has_answer = true;
		r->answer = found;
		if (write(r->answered, &one, sizeof(one)) < 0)
			continue; /* it is at its maximum: readable in any case */
	}
	return NULL;
}

static int start_thread(struct resolver *r)
{
	pthread_attr_t attributes;
	int error;

	r->answered = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->answered < 0)
		return -errno;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->asked_now, NULL);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	error = pthread_create(&r->thread, &attributes, work, r);
	pthread_attr_destroy(&attributes);
	return -error;
}

int resolver_start(const char *host, const char *port, int type, struct resolver **ret_resolver)
{
	/* The thread may use it until the process ends. */
	static struct resolver resolver;
	struct resolver *r = &resolver;
	int error = 0;

	memset(r, 0, sizeof(*r));
	if (strlen(host) >= sizeof(r->host) || strlen(port) >= sizeof(r->port))
		return -ENAMETOOLONG;
	memcpy(r->host, host, strlen(host) + 1);
	memcpy(r->port, port, strlen(port) + 1);
	r->type = type;
	r->answered = -1;
	look_up(r, AI_NUMERICHOST, &r->answer);
	if (r->answer.count == 0)
		error = start_thread(r);
	if (error < 0)
		return error;
	*ret_resolver = r;
	return 0;
}

int resolver_fd(const struct resolver *r)
{
	return r->answered;
}

void resolver_ask(struct resolver *r)
{
	if (r->answered < 0)
		return;
	pthread_mutex_lock(&r->lock);
	if (!r->asking) {
		r->has_answer = false;
		r->asked = true;
		pthread_cond_signal(&r->asked_now);
	}
	pthread_mutex_unlock(&r->lock);
}

bool resolver_take(struct resolver *r, struct addresses *ret_addresses)
{
	uint64_t count;
	bool taken;

	if (r->answered < 0) {
		*ret_addresses = r->answer;
		return true;
	}
	if (read(r->answered, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return false;
	pthread_mutex_lock(&r->lock);
	taken = r->has_answer;
	if (taken)
		*ret_addresses = r->answer;
	r->has_answer = false;
	pthread_mutex_unlock(&r->lock);
	return taken;
}
