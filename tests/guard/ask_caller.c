/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What asks the service for tests/guard/ask.c, by the name the question gives it. Linked statically: where it runs
 * there is no other file. ask_caller tcp|udp IP PORT [HEAD]; exit status: enum verdict.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ask.h"

int main(int argc, char **argv)
{
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6};
	struct sockaddr_in to4 = {.sin_family = AF_INET};
	bool udp, ipv4;
	int s;

	if (argc < 4)
		return ASK_BROKEN;
	udp = strcmp(argv[1], "udp") == 0;
	ipv4 = inet_pton(AF_INET, argv[2], &to4.sin_addr) == 1;
	to4.sin_port = to6.sin6_port = htons((uint16_t)atoi(argv[3]));
	if (!ipv4 && inet_pton(AF_INET6, argv[2], &to6.sin6_addr) != 1)
		return ASK_BROKEN;
	s = socket(ipv4 ? AF_INET : AF_INET6, udp ? SOCK_DGRAM : SOCK_STREAM, 0);
	if (s < 0)
		return ASK_BROKEN;
	if (connect(s, ipv4 ? (void *)&to4 : (void *)&to6, ipv4 ? sizeof(to4) : sizeof(to6)) < 0)
		return errno == EPERM ? ASK_EPERM : ASK_BROKEN;
	if (argc > 4) {
		size_t n = strlen(argv[4]);
		ssize_t sent = send(s, argv[4], n, MSG_NOSIGNAL);

		if (sent < 0)
			return errno == EACCES ? ASK_EACCES : ASK_BROKEN;
		if ((size_t)sent != n)
			return ASK_BROKEN;
	}
	return ASK_ALLOW;
}
