// SPDX-License-Identifier: Apache-2.0
#include "demo/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_DIRECTORIES "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define PATH_LIST        "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"
/* No client may hang longer than this, s. */
#define CLIENT_MAX       10

#define IPV4             "169.254.169.254"
#define IPV6             "fd00:ec2::254"
#define SCRIPT                                                                                                         \
	"t=$(curl -s -m 5 -X PUT -H '" HEADER "-ttl-seconds: 60' http://" IPV4 "/latest/api/token); "                  \
	"curl -s -m 5 -H \"" HEADER ": $t\" http://" IPV4 ROLE
#define PYTHON                                                                                                         \
	"from urllib.request import urlopen, Request as R\n"                                                           \
	"t = urlopen(R('http://" IPV4 "/latest/api/token', method='PUT', headers={'" HEADER                            \
	"-ttl-seconds': '60'})).read().decode()\n"                                                                     \
	"urlopen(R('http://" IPV4 "/latest/meta-data/mac', headers={'" HEADER "': t})).read()"
#define HEADER "X-aws-ec2-metadata-token"
#define ROLE   "/latest/meta-data/iam/security-credentials/demo-role"
#define OLD    "aws-cli/1.15.10 Python/2.7.12 Linux/4.4 botocore/1.10.19"

static const char role_url[] = "http://" IPV4 ROLE;
static const char document_url[] = "http://" IPV4 "/latest/dynamic/instance-identity/document";

struct client {
	const char *headline;
	const char *program; /* which must be installed */
	bool optional;       /* else the built-in client stands in */
	const char *argv[6];
	/* For the built-in client. */
	const char *host, *path, *token; /* token "": ask for one first; NULL: none */
};

static const struct client clients[] = {
	{"curl, no token (IMDSv1)",
	 "curl",
	 false,
	 {"curl", "-s", "http://" IPV4 "/latest/meta-data/instance-id"},
	 IPV4,
	 "/latest/meta-data/instance-id",
	 NULL},
	{"a shell script: a token, then the role's credentials with it (IMDSv2)",
	 "curl",
	 false,
	 {"sh", "-c", SCRIPT},
	 IPV4,
	 ROLE,
	 ""},
	{"curl, a token that is not valid: refused with 401",
	 "curl",
	 false,
	 {"curl", "-s", "-H", HEADER ": not-a-token", "http://" IPV4 "/latest/user-data"},
	 IPV4,
	 "/latest/user-data",
	 "not-a-token"},
	{"curl, a slow answer",
	 "curl",
	 false,
	 {"curl", "-s", "http://" IPV4 "/latest/meta-data/placement/region?delay=700"},
	 IPV4,
	 "/latest/meta-data/placement/region?delay=700",
	 NULL},
	{"curl over IPv6",
	 "curl",
	 false,
	 {"curl", "-s", "-g", "http://[" IPV6 "]/latest/meta-data/hostname"},
	 IPV6,
	 "/latest/meta-data/hostname",
	 NULL},
	{"an SDK too old for tokens", "curl", false, {"curl", "-s", "-A", OLD, role_url}, IPV4, ROLE, NULL},
	{"wget", "wget", true, {"wget", "-q", "-O", "-", document_url}},
	{"python3", "python3", true, {"python3", "-c", PYTHON}},
};

unsigned client_count(void)
{
	return sizeof(clients) / sizeof(*clients);
}

static bool installed(const char *program)
{
	static const char *const directories[] = {PATH_LIST};
	char path[128];

	for (size_t i = 0; i < sizeof(directories) / sizeof(*directories); i++) {
		snprintf(path, sizeof(path), "%s/%s", directories[i], program);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

const char *client_headline(unsigned i, const char **ret_missing)
{
	*ret_missing = installed(clients[i].program) ? NULL : clients[i].program;
	return clients[i].headline;
}

_Bool client_optional(unsigned i)
{
	return clients[i].optional;
}

static int connect_to(const char *host)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(80)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
	bool six = inet_pton(AF_INET, host, &in.sin_addr) != 1;
	const struct sockaddr *a = six ? (const struct sockaddr *)&in6 : (const struct sockaddr *)&in;
	int fd;

	if (six && inet_pton(AF_INET6, host, &in6.sin6_addr) != 1)
		return -1;
	fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, a, six ? sizeof(in6) : sizeof(in)) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* One request, one connection. The last word of the answer is the token when one was asked for. */
static void exchange(const char *host, const char *request, char *answer, size_t size)
{
	int fd = connect_to(host);
	size_t length = 0;
	ssize_t n;

	answer[0] = 0;
	if (fd < 0)
		return;
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) > 0)
		while (length + 1 < size && (n = recv(fd, answer + length, size - 1 - length, 0)) > 0)
			length += (size_t)n;
	answer[length] = 0;
	close(fd);
}

static void run_built_in(const struct client *c)
{
	char request[1024], answer[8192], token[256];
	const char *body;

	prctl(PR_SET_NAME, "demo-client");
	snprintf(token, sizeof(token), "%s", c->token ? c->token : "");
	if (c->token && !*c->token) {
		snprintf(request, sizeof(request),
			 "PUT /latest/api/token HTTP/1.1\r\nHost: %s\r\n" HEADER
			 "-ttl-seconds: 60\r\nConnection: close\r\n\r\n",
			 c->host);
		exchange(c->host, request, answer, sizeof(answer));
		body = strstr(answer, "\r\n\r\n");
		snprintf(token, sizeof(token), "%s", body ? body + 4 : "none");
	}
	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: %s\r\n%s%s%sConnection: close\r\n\r\n", c->path,
		 c->host, *token ? HEADER ": " : "", token, *token ? "\r\n" : "");
	exchange(c->host, request, answer, sizeof(answer));
}

/* A clean place for a client: no proxy settings, no configuration files, nothing on the terminal. */
static void become_client(const struct client *c)
{
	char *const environment[] = {(char *)"PATH=" PATH_DIRECTORIES, (char *)"HOME=/nonexistent", (char *)"LANG=C",
				     NULL};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	alarm(CLIENT_MAX);
	if (installed(c->program)) {
		setenv("PATH", PATH_DIRECTORIES, 1);
		execvpe(c->argv[0], (char *const *)(uintptr_t)c->argv, environment);
		_exit(127);
	}
	run_built_in(c);
	_exit(0);
}

int client_run(unsigned i)
{
	pid_t parent = getpid(), pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			become_client(&clients[i]);
		_exit(1);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}
