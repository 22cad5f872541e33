/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/link.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#define NS_PER_S      1000000000ULL
#define NS_PER_MS     1000000ULL
#define BACKOFF_MAX_S 60
#define CONNECT_NS    (20 * NS_PER_S) /* for one address, with TLS */
#define GOOD_NS       (30 * NS_PER_S)
#define SILENCE_NS    NS_PER_S
#define STEADY_NS     (3 * NS_PER_S)
#define RESOLVE_NS    (60 * NS_PER_S)
#define UNANSWERED_MS 60000 /* what is sent must be acknowledged within that time */
#define IDLE_S        60    /* then the server is asked whether it is there */
#define INTERVAL_S    15
#define PROBES        4
#define STREAM_BUFFER (256 * 1024)  /* what may have to be sent again is bounded by it */
#define PACKET_BUFFER (4096 * 1024) /* a datagram can be no longer; the kernel's own bound may be lower */
#define LOOK_AGAIN_MS 100

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* "[::1]:514" → "::1", "514". */
static void split(const char *to, struct link *l)
{
	const char *colon = strrchr(to, ':');
	bool bracketed = to[0] == '[' && colon > to && colon[-1] == ']';
	const char *host = to + bracketed;

	snprintf(l->host, sizeof(l->host), "%.*s", (int)(colon - bracketed - host), host);
	snprintf(l->port, sizeof(l->port), "%s", colon + 1);
}

int link_open(struct link *l, const struct syslog_settings *s, struct problem *problem)
{
	static const char *const prefixes[] = {"unix:", "udp:", "tcp:", "tls:"};
	int r;

	*l = (struct link){.fd = -1, .settings = *s};
	for (unsigned i = LINK_UNIX; i <= LINK_TLS; i++)
		if (strncmp(s->to, prefixes[i], strlen(prefixes[i])) == 0)
			l->kind = (enum link_kind)i;
	l->stream = l->kind == LINK_TCP || l->kind == LINK_TLS;
	if (l->kind == LINK_UNIX)
		return 0;
	split(s->to + 4, l);
	r = resolver_start(l->host, l->port, l->stream ? SOCK_STREAM : SOCK_DGRAM, &l->resolver);
	if (r < 0)
		return problem_set(problem, r, "syslog %s: addresses cannot be looked up: %s", s->to, strerror(-r));
	return l->kind == LINK_TLS ? tls_context(s, &l->context, problem) : 0;
}

static void release(struct link *l)
{
	if (l->session)
		SSL_free(TAKE_PTR(l->session));
	if (l->fd >= 0)
		close(take_fd(&l->fd));
	l->sent = l->arrived = 0;
	l->wants = 0;
	l->up_since = 0;
	l->silent_until = 0;
	l->state = LINK_DOWN;
}

/* Not all hosts that lost their server come back to it at the same moment. */
static uint64_t backoff(unsigned attempts)
{
	uint64_t s = attempts < 6 ? 1ULL << attempts : BACKOFF_MAX_S;
	uint32_t chance = 0;

	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) < 0)
		chance = (uint32_t)now();
	s = s < BACKOFF_MAX_S ? s : BACKOFF_MAX_S;
	return s * NS_PER_S + s * (chance % 250) * NS_PER_MS;
}

/* Down, until the time for another attempt has come. Returns r. */
static int give_up(struct link *l, int r, const char *why)
{
	if (l->up_since != 0 && now() - l->up_since > GOOD_NS)
		l->attempts = 0;
	if (l->kind == LINK_UDP && r == -ECONNREFUSED)
		l->refusals++;
	release(l);
	snprintf(l->why, sizeof(l->why), "%s", why);
	l->retry_at = now() + backoff(l->attempts++);
	return r;
}

/* The next address, or the end of this attempt. */
static void address_failed(struct link *l, int error)
{
	if (l->next_address >= l->addresses.count) {
		give_up(l, -error, strerror(error));
		return;
	}
	release(l);
	l->state = LINK_RESOLVING; /* with the addresses at hand */
}

static void set_number(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

/* A host that vanished is noticed, and does not keep the connection for hours. */
static void tune(const struct link *l)
{
	if (!l->stream) {
		set_number(l->fd, SOL_SOCKET, SO_SNDBUF, PACKET_BUFFER);
		return;
	}
	set_number(l->fd, SOL_SOCKET, SO_SNDBUF, STREAM_BUFFER);
	if (l->kind == LINK_UNIX)
		return;
	set_number(l->fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_number(l->fd, IPPROTO_TCP, TCP_KEEPIDLE, IDLE_S);
	set_number(l->fd, IPPROTO_TCP, TCP_KEEPINTVL, INTERVAL_S);
	set_number(l->fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
	set_number(l->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNANSWERED_MS);
	set_number(l->fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

static void up(struct link *l)
{
	l->state = LINK_UP;
	l->up_since = now();
	l->wants = 0;
}

static int begin_tls(struct link *l)
{
	const char *name = l->settings.server_name[0] ? l->settings.server_name : l->host;

	l->session = tls_session(l->context, l->fd, name);
	if (!l->session)
		return give_up(l, -ENOMEM, "TLS: out of memory");
	l->state = LINK_SECURING;
	l->wants = POLLIN | POLLOUT;
	return 0;
}

static void connected(struct link *l)
{
	if (l->kind == LINK_TLS)
		begin_tls(l);
	else
		up(l);
}

static int start_connecting(struct link *l, int family, const struct sockaddr *address, socklen_t length)
{
	l->fd = socket(family, (l->stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return -errno;
	tune(l);
	if (connect(l->fd, address, length) == 0) {
		connected(l);
		return 0;
	}
	if (errno != EINPROGRESS)
		return -errno;
	l->state = LINK_CONNECTING;
	l->wants = POLLOUT;
	return 0;
}

/* A datagram socket as /dev/log mostly is; else a stream. */
static void connect_unix(struct link *l)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int r;

	strncpy(address.sun_path, l->settings.to + 5, sizeof(address.sun_path) - 1);
	l->stream = false;
	r = start_connecting(l, AF_UNIX, (const struct sockaddr *)&address, sizeof(address));
	if (r == -EPROTOTYPE) {
		release(l);
		l->stream = true;
		r = start_connecting(l, AF_UNIX, (const struct sockaddr *)&address, sizeof(address));
	}
	if (r < 0)
		give_up(l, r, strerror(-r));
}

static void connect_next(struct link *l)
{
	unsigned i = l->next_address++;
	const struct sockaddr *address = (const struct sockaddr *)&l->addresses.address[i];
	int r;

	l->deadline = now() + CONNECT_NS;
	r = start_connecting(l, address->sa_family, address, l->addresses.length[i]);
	if (r < 0)
		address_failed(l, -r);
}

static void begin(struct link *l)
{
	if (l->kind == LINK_UNIX) {
		l->deadline = now() + CONNECT_NS;
		connect_unix(l);
		return;
	}
	l->addresses.count = l->next_address = 0;
	l->state = LINK_RESOLVING;
	l->deadline = now() + RESOLVE_NS;
	resolver_ask(l->resolver);
}

static void go_on_resolving(struct link *l)
{
	if (l->next_address < l->addresses.count) {
		connect_next(l);
		return;
	}
	if (!resolver_take(l->resolver, &l->addresses)) {
		if (now() >= l->deadline)
			give_up(l, -ETIMEDOUT, "its address is not known in time");
		return;
	}
	if (l->addresses.count == 0)
		give_up(l, -EHOSTUNREACH, l->addresses.why);
	else
		connect_next(l);
}

static void go_on_connecting(struct link *l)
{
	struct pollfd p = {.fd = l->fd, .events = POLLOUT};
	socklen_t length = sizeof(int);
	int error = 0;

	if (poll(&p, 1, 0) == 0) {
		if (now() >= l->deadline)
			address_failed(l, ETIMEDOUT);
		return;
	}
	if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		error = errno;
	if (error != 0)
		address_failed(l, error);
	else
		connected(l);
}

static void read_away_secured(struct link *l)
{
	char bytes[512], why[sizeof(l->why)];
	short wants;
	int n;

	ERR_clear_error();
	n = SSL_read(l->session, bytes, sizeof(bytes));
	if (n <= 0 && tls_outcome(l->session, n, &wants, why, sizeof(why)) < 0)
		give_up(l, -EPIPE, why);
}

/*
 * With TLS 1.3 our side is ready before the server has looked at our certificate, or missed it. What it says then
 * (session tickets), or its silence for a while, means that it goes on with us.
 */
static bool is_accepted(struct link *l)
{
	uint64_t heard;

	if (SSL_version(l->session) < TLS1_3_VERSION)
		return true;
	heard = BIO_number_read(SSL_get_rbio(l->session));
	if (l->silent_until == 0) {
		l->silent_until = now() + SILENCE_NS;
		l->heard = heard;
	}
	l->wants = POLLIN;
	read_away_secured(l);
	return l->state == LINK_SECURING &&
	       (now() >= l->silent_until || BIO_number_read(SSL_get_rbio(l->session)) > l->heard);
}

static void go_on_securing(struct link *l)
{
	char why[sizeof(l->why)];
	int r;

	ERR_clear_error();
	errno = 0;
	r = SSL_do_handshake(l->session);
	if (r == 1) {
		if (is_accepted(l))
			up(l);
		return;
	}
	r = tls_outcome(l->session, r, &l->wants, why, sizeof(why));
	if (r < 0)
		give_up(l, r, why);
	else if (now() >= l->deadline)
		give_up(l, -ETIMEDOUT, "it does not answer to TLS");
}

/* A syslog server says nothing: whatever can be read is the end, an error that waits, or of TLS itself. */
static void read_away(struct link *l)
{
	char bytes[512];
	ssize_t n;

	errno = 0;
	if (l->session) {
		read_away_secured(l);
		return;
	}
	n = recv(l->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n == 0 && l->stream)
		give_up(l, -EPIPE, "it closed the connection");
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		give_up(l, -errno, strerror(errno));
}

bool link_drive(struct link *l)
{
	enum link_state before;
	bool more;

	do {
		before = l->state;
		if (l->state == LINK_DOWN && now() >= l->retry_at)
			begin(l);
		else if (l->state == LINK_RESOLVING)
			go_on_resolving(l);
		else if (l->state == LINK_CONNECTING)
			go_on_connecting(l);
		else if (l->state == LINK_SECURING)
			go_on_securing(l);
		else if (l->state == LINK_UP)
			read_away(l);
		more = l->state != before || (l->state == LINK_RESOLVING && l->next_address < l->addresses.count);
	} while (more && l->state != LINK_UP && l->state != LINK_DOWN);
	return l->state == LINK_UP;
}

static ssize_t send_secured(struct link *l, struct span bytes)
{
	char why[sizeof(l->why)];
	int n, r;

	ERR_clear_error();
	errno = 0;
	n = SSL_write(l->session, bytes.data, (int)bytes.length);
	if (n > 0) {
		l->sent = BIO_number_written(SSL_get_wbio(l->session));
		l->wants = 0;
		return n;
	}
	r = tls_outcome(l->session, n, &l->wants, why, sizeof(why));
	return r < 0 ? give_up(l, r, why) : -EAGAIN;
}

ssize_t link_send(struct link *l, struct span bytes)
{
	ssize_t n;

	if (l->session)
		return send_secured(l, bytes);
	n = send(l->fd, bytes.data, bytes.length, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n >= 0) {
		l->wants = 0;
		l->sent += (uint64_t)n;
		if (!l->stream)
			l->arrived = l->sent;
		return n;
	}
	if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS) {
		l->wants = POLLOUT;
		return -EAGAIN;
	}
	if (errno == EMSGSIZE && !l->stream)
		return -EMSGSIZE;
	return give_up(l, -errno, strerror(errno));
}

void link_look(struct link *l)
{
	int waiting;

	if (l->state != LINK_UP || !l->stream || ioctl(l->fd, SIOCOUTQ, &waiting) < 0)
		return;
	/* A unix socket counts memory, not bytes. */
	if (l->kind == LINK_UNIX)
		l->arrived = waiting == 0 ? l->sent : l->arrived;
	else if ((uint64_t)waiting <= l->sent)
		l->arrived = l->sent - (uint64_t)waiting;
}

void link_is_good(struct link *l)
{
	l->attempts = 0;
	l->why[0] = '\0';
}

bool link_is_steady(const struct link *l)
{
	return l->up_since != 0 && now() - l->up_since > STEADY_NS;
}

unsigned link_watch(const struct link *l, bool has_more, struct pollfd *fd)
{
	if (l->state == LINK_RESOLVING && resolver_fd(l->resolver) >= 0) {
		*fd = (struct pollfd){.fd = resolver_fd(l->resolver), .events = POLLIN};
		return 1;
	}
	if (l->fd < 0)
		return 0;
	*fd = (struct pollfd){.fd = l->fd, .events = l->wants};
	if (l->state == LINK_UP) {
		fd->events |= l->stream ? POLLIN : 0;
		if (has_more && l->wants == 0)
			fd->events |= POLLOUT;
	}
	return 1;
}

int link_wait(const struct link *l)
{
	uint64_t time = now(), until = l->state == LINK_DOWN ? l->retry_at : l->deadline;

	if (l->state == LINK_SECURING && l->silent_until != 0)
		until = l->silent_until;
	if (l->state == LINK_UP)
		return l->stream && l->arrived < l->sent ? LOOK_AGAIN_MS : -1;
	return until > time ? (int)((until - time) / NS_PER_MS + 1) : 0;
}

void link_reload(struct link *l)
{
	struct problem problem = {0};
	SSL_CTX *context;

	if (l->kind != LINK_TLS)
		return;
	if (tls_context(&l->settings, &context, &problem) < 0) {
		log_line("%s; the ones read before stay in use", problem.text);
		return;
	}
	SSL_CTX_free(l->context);
	l->context = context;
}

void link_close(struct link *l)
{
	if (l->session && l->state == LINK_UP)
		SSL_shutdown(l->session);
	release(l);
	if (l->context)
		SSL_CTX_free(TAKE_PTR(l->context));
}
