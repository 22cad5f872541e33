// SPDX-License-Identifier: Apache-2.0
#include "demo/netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

/* The loopback device is the first of every namespace. */
#define LOOPBACK_INDEX 1

static int loopback_up(void)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK};

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return -errno;
	return 0;
}

int netns_enter_new(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	return loopback_up();
}

struct address_request {
	struct nlmsghdr header;
	struct ifaddrmsg address;
	char attributes[64];
};

static void add_attribute(struct address_request *q, unsigned short type, const void *data, size_t length)
{
	struct rtattr *a = (struct rtattr *)((char *)q + NLMSG_ALIGN(q->header.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(length);
	memcpy(RTA_DATA(a), data, length);
	q->header.nlmsg_len = NLMSG_ALIGN(q->header.nlmsg_len) + (unsigned)RTA_ALIGN(a->rta_len);
}

static int ask_kernel(const struct nlmsghdr *q)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[256];
	} answer;

	if (fd < 0 || send(fd, q, q->nlmsg_len, 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0)
		return -errno;
	return answer.header.nlmsg_type == NLMSG_ERROR ? answer.error.error : -EPROTO;
}

int netns_add_address(const char *address)
{
	const bool six = strchr(address, ':');
	const unsigned char length = six ? 16 : 4;
	unsigned char ip[16];
	struct address_request q = {
		.header =
			{
				.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg)),
				.nlmsg_type = RTM_NEWADDR,
				.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
			},
		.address =
			{
				.ifa_family = six ? AF_INET6 : AF_INET,
				.ifa_prefixlen = (unsigned char)(length * 8),
				.ifa_flags = IFA_F_NODAD,
				.ifa_index = LOOPBACK_INDEX,
			},
	};

	if (inet_pton(six ? AF_INET6 : AF_INET, address, ip) != 1)
		return -EINVAL;
	add_attribute(&q, IFA_LOCAL, ip, length);
	add_attribute(&q, IFA_ADDRESS, ip, length);
	return ask_kernel(&q.header);
}
