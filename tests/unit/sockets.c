/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "caller/sockets.h"
#include "fake_proc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>

#define HEAD "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
/* 10.0.0.5:PORT to 169.254.169.254:80 */
#define TCP(port, state, inode)                                                                                        \
	"   0: 0500000A:" port " FEA9FEA9:0050 " state " 00000000:00000000 00:00000000 00000000  1000        0 " inode \
	" 1 0000000000000000 100 0 0 10 0                     \n"
#define TCP6(remote, inode)                                                                                            \
	"   0: 0000000000000000FFFF00000500000A:1000 " remote                                                          \
	":0050 01 00000000:00000000 00:00000000 00000000     0        0 " inode " 1 0000000000000000 20 0 0 10 -1\n"

static bool is_imds(const uint8_t ip[16], uint16_t port, void *data)
{
	static const uint8_t v4[16] = {[10] = 0xff, [11] = 0xff, [12] = 169, 254, 169, 254};
	static const uint8_t v6[16] = {0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54};

	return port == 80 && (memcmp(ip, v4, 16) == 0 || memcmp(ip, v6, 16) == 0);
}

static struct open_sockets found;

static void make_process(struct fake_proc *f, unsigned pid, const char *netns, const char *tcp, const char *tcp6)
{
	char name[32];

	for (const char *const *d = (const char *const[]){"", "/ns", "/net", "/fd", NULL}; *d; d++) {
		snprintf(name, sizeof(name), "%u%s", pid, *d);
		fake_proc_directory(f, name);
	}
	fake_proc_link(f, pid, "ns/net", netns);
	if (tcp)
		fake_proc_text(f, pid, "net/tcp", tcp);
	if (tcp6)
		fake_proc_text(f, pid, "net/tcp6", tcp6);
}

static void lines(void **state)
{
	static const char line[] = TCP("9C40", "01", "4711");
	struct open_socket s;

	assert_true(sockets_parse_line((struct span){line, sizeof(line) - 2}, &s));
	assert_memory_equal(s.local, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\x05", 16);
	assert_memory_equal(s.remote, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xa9\xfe\xa9\xfe", 16);
	assert_int_equal(s.local_port, 40000);
	assert_int_equal(s.remote_port, 80);
	assert_int_equal(s.state, 1);
	assert_int_equal(s.inode, 4711);
	for (size_t n = 0; n < 91; n++) /* cut before the inode */
		assert_false(sockets_parse_line((struct span){line, n}, &s));
	assert_true(sockets_parse_line(SPAN_LITERAL(TCP6("C20E00FD000000000000000054020000", "5")), &s));
	assert_true(is_imds(s.remote, s.remote_port, NULL));
}

static void bad_lines(void **state)
{
	static const char *const rows[] = {
		HEAD,
		"",
		"0: ",
		"0: 0500000A:0050",
		"0: 0500000A:0050 FEA9FEA9:0050 ",
		"0: 0500000A:0050 FEA9FEA9:0050 01 0:0 0:0 0 0 0",
		"0: 0500000A:0050 FEA9FEA9:0050 01 0:0 0:0 0 0 0 x",
		"0: 0500000A:0050 FEA9FEA9:0050 01 0:0 0:0 0 0 0 1x",
		"0: 0500000A:0050 FEA9FEA9:0050 01 0:0 0:0 0 0 0 99999999999999999999",
		"0: 0500000A:0050 FEA9FEA9:0050 1 0:0 0:0 0 0 0 1",
		"0: 0500000A:0050 FEA9FEA9:00050 01 0:0 0:0 0 0 0 1",
		"0: 0500000AA:0050 FEA9FEA9:0050 01 0:0 0:0 0 0 0 1",
		"0: 0500000a:0050 FEA9FEA9:0050 01 0:0 0:0 0 0 0 1",
		"0: 0500000A0500000A:0050 FEA9FEA9:0050 01 0:0 0:0 0 0 0 1",
		"x: 0500000A:0050 FEA9FEA9:0050 01 0:0 0:0 0 0 0 1",
	};
	struct open_socket s;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_false(sockets_parse_line(span_of(rows[i]), &s));
	assert_true(sockets_parse_line(SPAN_LITERAL("0: 0500000A:0050 FEA9FEA9:0050 01 0:0 0:0 0 0 0 1"), &s));
}

static void states_and_owner(void **state)
{
	struct fake_proc f;

	fake_proc_make(&f);
	make_process(&f, 1, "net:[4026531840]",
		     HEAD TCP("1001", "01", "11") TCP("1002", "02", "12") TCP("1003", "03", "13")
			     TCP("1004", "04", "14") TCP("1005", "05", "0") TCP("1006", "06", "0")
				     TCP("1007", "07", "17") TCP("1008", "08", "18") TCP("1009", "09", "19")
					     TCP("100A", "0A", "20") TCP("100B", "0B", "21") TCP("100C", "FF", "22"),
		     HEAD TCP6("C20E00FD000000000000000054020000", "31") TCP6("0000000000000000FFFF0000FEA9FEA9", "32")
			     TCP6("0000000000000000FFFF0000FEA9FEAA", "33"));
	make_process(&f, 77, "net:[4026531840]", NULL, NULL); /* the namespace is known: not read again */
	fake_proc_link(&f, 77, "fd/3", "socket:[12]");
	fake_proc_link(&f, 77, "fd/4", "/dev/null");
	fake_proc_link(&f, 77, "fd/5", "socket:[32]");
	fake_proc_directory(&f, "self");
	assert_int_equal(sockets_open(f.fd, is_imds, NULL, &found), 0);
	assert_true(found.complete);
	assert_int_equal(found.count, 7);
	assert_int_equal(found.listed, 7);
	for (unsigned i = 0; i < found.listed; i++) {
		assert_int_equal(found.list[i].pid, found.list[i].inode == 12 || found.list[i].inode == 32 ? 77 : 0);
		assert_int_equal(found.list[i].netns, 4026531840);
		assert_true(is_imds(found.list[i].remote, found.list[i].remote_port, NULL));
	}
	fake_proc_remove(&f);
}

/* A namespace whose counters say 0 is not walked; any doubt and it is. */
static void counters_save_the_walk(void **state)
{
	static const struct {
		const char *sockstat;
		unsigned count;
	} rows[] = {{"sockets: used 1\nTCP: inuse 0 orphan 0 tw 0 alloc 1 mem 1\n", 0},
		    {"sockets: used 1\nTCP: inuse 1 orphan 0 tw 0 alloc 1 mem 1\n", 1},
		    {"TCP: inuse 10", 1},
		    {"TCP: inuse 0", 1},
		    {"TCP: inuse \n", 1},
		    {"", 1}};
	struct fake_proc f;

	fake_proc_make(&f);
	make_process(&f, 1, "net:[7]", HEAD TCP("1001", "01", "11"), NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fake_proc_text(&f, 1, "net/sockstat", rows[i].sockstat);
		assert_int_equal(sockets_open(f.fd, is_imds, NULL, &found), 0);
		assert_int_equal(found.count, rows[i].count);
		assert_true(found.complete);
	}
	fake_proc_remove(&f);
}

static void every_namespace_once(void **state)
{
	char netns[32];
	struct fake_proc f;

	fake_proc_make(&f);
	for (unsigned pid = 1; pid <= 40; pid++) {
		snprintf(netns, sizeof(netns), "net:[%u]", 100 + pid % 4);
		make_process(&f, pid, netns, HEAD TCP("1001", "01", "11"), NULL);
	}
	assert_int_equal(sockets_open(f.fd, is_imds, NULL, &found), 0);
	assert_int_equal(found.count, 4);
	assert_true(found.complete);
	fake_proc_remove(&f);
}

static void gaps_are_told(void **state)
{
	struct fake_proc f;

	fake_proc_make(&f);
	/* Ended while we looked: another process of the namespace serves. */
	make_process(&f, 1, "net:[7]", NULL, NULL);
	make_process(&f, 2, "net:[7]", HEAD TCP("1001", "01", "11"), NULL);
	assert_int_equal(sockets_open(f.fd, is_imds, NULL, &found), 0);
	assert_int_equal(found.count, 1);
	assert_true(found.complete);
	/* A namespace that cannot be told. */
	make_process(&f, 3, "rubbish", HEAD TCP("1001", "01", "11"), NULL);
	assert_int_equal(sockets_open(f.fd, is_imds, NULL, &found), 0);
	assert_int_equal(found.count, 1);
	assert_false(found.complete);
	fake_proc_remove(&f);
	assert_int_equal(sockets_open(-1, is_imds, NULL, &found), -EBADF);
	assert_int_equal(found.count, 0);
}

static void more_than_the_list(void **state)
{
	size_t size = 400 * sizeof(TCP("1001", "01", "11"));
	char *table = malloc(size + sizeof(HEAD)), *out = stpcpy(table, HEAD);
	struct fake_proc f;

	for (int i = 0; i < 400; i++)
		out = stpcpy(out, TCP("1001", "01", "11"));
	fake_proc_make(&f);
	make_process(&f, 1, "net:[7]", table, "");
	assert_int_equal(sockets_open(f.fd, is_imds, NULL, &found), 0);
	assert_int_equal(found.count, 400);
	assert_int_equal(found.listed, OPEN_SOCKETS_MAX);
	assert_false(found.complete);
	fake_proc_remove(&f);
	free(table);
}

static void endless_line(void **state)
{
	char *table = malloc(100001);
	struct fake_proc f;

	memset(table, 'x', 100000);
	table[100000] = '\0';
	fake_proc_make(&f);
	make_process(&f, 1, "net:[7]", table, NULL);
	assert_int_equal(sockets_open(f.fd, is_imds, NULL, &found), 0);
	assert_int_equal(found.count, 0);
	assert_false(found.complete);
	fake_proc_remove(&f);
	free(table);
}

static bool is_mine(const uint8_t ip[16], uint16_t port, void *data)
{
	return port == *(uint16_t *)data;
}

/* The real /proc: a connection of our own is found with its owner. */
static void own_connection(void **state)
{
	int proc = open("/proc", O_RDONLY | O_DIRECTORY), server = socket(AF_INET, SOCK_STREAM, 0),
	    client = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	uint16_t port;

	assert_int_equal(bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(server, 1), 0);
	getsockname(server, (struct sockaddr *)&address, &length);
	assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
	port = ntohs(address.sin_port);
	assert_int_equal(sockets_open(proc, is_mine, &port, &found), 0);
	assert_int_equal(found.count, 1);
	assert_int_equal(found.list[0].pid, getpid());
	assert_int_equal(found.list[0].state, 1);
	close(client);
	close(server);
	close(proc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(bad_lines),
		cmocka_unit_test(states_and_owner),
		cmocka_unit_test(counters_save_the_walk),
		cmocka_unit_test(every_namespace_once),
		cmocka_unit_test(gaps_are_told),
		cmocka_unit_test(more_than_the_list),
		cmocka_unit_test(endless_line),
		cmocka_unit_test(own_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
