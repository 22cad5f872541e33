// SPDX-License-Identifier: Apache-2.0
/* Sockets, whole sends, answers to stdout. */
#include "act.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

int open_socket(const struct act *a, int flags, int protocol)
{
	int fd = socket(a->address.ss_family, SOCK_STREAM | flags, protocol);

	if (fd < 0)
		err(1, "socket");
	return fd;
}

void connect_socket(const struct act *a, int fd)
{
	if (connect(fd, (const struct sockaddr *)&a->address, a->address_length) < 0)
		err(1, "connect");
}

int connected(const struct act *a)
{
	int fd = open_socket(a, SOCK_CLOEXEC, 0);

	connect_socket(a, fd);
	return fd;
}

bool send_some(int fd, struct span bytes)
{
	while (bytes.length) {
		ssize_t n = send(fd, bytes.data, bytes.length, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		bytes.data += n;
		bytes.length -= (size_t)n;
	}
	return true;
}

void send_all(int fd, struct span bytes)
{
	if (!send_some(fd, bytes))
		err(1, "send");
}

void print_rest(int fd)
{
	char piece[65536];
	ssize_t n;

	while ((n = recv(fd, piece, sizeof(piece), 0)) > 0)
		fwrite(piece, 1, (size_t)n, stdout);
	fflush(stdout);
}

/* Reads a head byte by byte: what follows it belongs to the next reader. */
static bool read_head(int fd, struct buffer *head)
{
	char c;

	buffer_reset(head);
	while (head->length < 4 || memcmp(head->data + head->length - 4, "\r\n\r\n", 4) != 0) {
		if (recv(fd, &c, 1, 0) != 1)
			return false;
		buffer_byte(head, c);
	}
	buffer_byte(head, 0);
	return true;
}

static bool read_answer(int fd, FILE *out, int *ret_status)
{
	struct buffer head = {0};
	const char *length;
	size_t left = 0;
	char piece[65536];

	if (!read_head(fd, &head)) {
		buffer_done(&head);
		return false;
	}
	*ret_status = head.length > 12 ? atoi(head.data + 9) : -1;
	length = strcasestr(head.data, "\r\nContent-Length:");
	if (length)
		left = strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
	if (out)
		fwrite(head.data, 1, head.length - 1, out);
	buffer_done(&head);
	while (left) {
		ssize_t n = recv(fd, piece, left < sizeof(piece) ? left : sizeof(piece), 0);

		if (n <= 0)
			return false;
		if (out)
			fwrite(piece, 1, (size_t)n, out);
		left -= (size_t)n;
	}
	return true;
}

bool print_answer(int fd)
{
	int status;

	return read_answer(fd, stdout, &status);
}

int read_status(int fd)
{
	int status = -1;

	return read_answer(fd, NULL, &status) ? status : -1;
}

void plain_request(struct buffer *b, const struct act *a, bool keep)
{
	buffer_printf(b, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: act/1\r\n", a->path, a->host);
	if (a->token)
		buffer_printf(b, "X-aws-ec2-metadata-token: %s\r\n", a->token);
	if (a->header)
		buffer_printf(b, "%s\r\n", a->header);
	buffer_string(b, keep ? "\r\n" : "Connection: close\r\n\r\n");
}

void ask(const struct act *a, int fd)
{
	struct buffer b = {0};

	plain_request(&b, a, false);
	send_all(fd, buffer_view(&b));
	buffer_done(&b);
	print_rest(fd);
}
