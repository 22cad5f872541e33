/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The wire header: every record that travels from the kernel programs to user space, and nothing else. The same
 * bytes, behind a file header (capture/recording.h), are what `watch --record` writes and `replay` reads.
 *
 * Rules: fixed-width integers and byte arrays only, no implicit padding (-Wpadded is an error here), sizes asserted
 * below, enums append-only with 0 = invalid. Host byte order, except where a field says "network order".
 * Every record starts with struct record_header; `length` counts the whole record. The kernel may reserve more than
 * `length` bytes in the ring: what follows `length` is meaningless and is never read.
 */
#pragma once

#include <linux/types.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"

/* Largest number of payload bytes in one stream record. Larger packets are sent as several records. */
#define STREAM_CHUNK  4096
/* Direct ancestors taken along in the kernel, the parent first. */
#define ANCESTORS_MAX 16
/* As TASK_COMM_LEN: 15 characters and a NUL. */
#define COMM_SIZE     16
/* The executable's path components, leaf first; twice the longest path seen in distributions' packages. */
#define EXE_SIZE      256
/* The cgroup's path components, leaf first; a Kubernetes pod's container in systemd form has about 200. */
#define CGROUP_SIZE   320
/* First part of the arguments; the rest comes from /proc when the process still lives. */
#define ARGS_SIZE     1024

enum record_kind {
	RECORD_INVALID = 0,
	RECORD_CONNECT = 1, /* a process asked to connect: who, and to where */
	RECORD_OPEN = 2,    /* the SYN left: the socket's own address */
	RECORD_STREAM = 3,  /* payload, or a SYN-ACK, FIN or RST without one */
	RECORD_CLOSE = 4,   /* the conversation is over */
	RECORD_LOSS = 5,    /* written by user space: the kernel's loss counters changed */
	RECORD_VERDICT = 6, /* the guard decided; written by its programs (guard.bpf.c) into the ring of every tracer */
	RECORD_KIND_MAX = 7,
};

/* Kinds the probe's own programs write, and count when the ring has no room. */
#define RECORD_KINDS_COUNTED 6

struct record_header {
	__u16 kind;  /* enum record_kind */
	__u16 flags; /* RECORD_F_* */
	__u32 length;
	__u64 time;         /* ns, CLOCK_BOOTTIME */
	__u64 conversation; /* socket cookie: unique until the next boot. A socket that connects again keeps it. */
};
_Static_assert(sizeof(struct record_header) == 24, "wire size");

/* RECORD_F_*: bits of record_header.flags. */
#define RECORD_F_LOST        0x0001 /* records of this conversation were lost before this one */
#define RECORD_F_UNANNOUNCED 0x0002 /* no connect was seen for this socket: it was open before the program started */
#define RECORD_F_LATE        0x0004 /* connect: the ring was full at connect time; sent again later */
#define RECORD_F_EXE_CUT     0x0008 /* connect: exe holds the last components only */
#define RECORD_F_CGROUP_CUT  0x0010 /* connect: cgroup holds the last components only */
#define RECORD_F_ARGS_CUT    0x0020 /* connect: the arguments are longer than what is here */
#define RECORD_F_INGRESS     0x0040 /* stream: towards the caller (a response) */
#define RECORD_F_NO_OFFSET                                                                                             \
	0x0080 /* stream: `offset` is the raw TCP sequence, its origin is not known; verdict: no offset */
#define RECORD_F_CUT           0x0100 /* stream: bytes of this packet after this record's data were not captured */
#define RECORD_F_RELEASED      0x0200 /* close: the caller gave the socket up before a SYN was sent */
#define RECORD_F_ANCESTORS_CUT 0x0400 /* connect: the chain of ancestors is longer than what is here */
#define RECORD_F_NO_CONNECT    0x0800 /* the SYN was seen, but no connect before it: nobody knows the caller */
#define RECORD_F_GUARD         0x1000 /* connect: from the guard; nothing else follows of this socket but its verdict */

/* A socket address. IPv4 is stored as ::ffff:a.b.c.d. */
struct wire_address {
	__u8 ip[16];    /* network order */
	__u16 port;     /* host order; 0 when not known yet */
	__u16 mapped;   /* connect: 1 when the socket is IPv6 and the address v4-mapped */
	__u32 reserved; /* 0 */
};
_Static_assert(sizeof(struct wire_address) == 24, "wire size");

struct wire_process {
	__u32 pid;   /* thread group id, in the initial pid namespace */
	__u32 flags; /* 0 */
	__u64 start; /* ns, CLOCK_BOOTTIME, of the group leader */
	char comm[COMM_SIZE];
};
_Static_assert(sizeof(struct wire_process) == 32, "wire size");

struct connect_record {
	struct record_header header;
	struct wire_address destination;
	struct wire_process process;
	__u32 tid;
	__u32 uid;         /* effective, in the initial user namespace */
	__u32 gid;         /* effective */
	__u32 loginuid;    /* (__u32)-1: not set */
	__u64 cgroup;      /* id on the v2 hierarchy */
	__u32 netns;       /* inode number of the network namespace */
	__u16 ancestors;   /* how many of ancestor[] are valid */
	__u16 exe;         /* bytes used in exe_names, each name with its NUL */
	__u16 cgroup_path; /* bytes used in cgroup_names */
	__u16 args;        /* bytes behind this struct: the arguments, each ended by a NUL as in /proc/PID/cmdline */
	__u32 stack;       /* bits 4 to 35 of where the stack begins, by chance for every exec(); 0: not known */
	struct wire_process ancestor[ANCESTORS_MAX];
	char exe_names[EXE_SIZE];       /* path components, leaf first: "curl\0bin\0usr\0" */
	char cgroup_names[CGROUP_SIZE]; /* the same for the cgroup v2 path; the root has no component */
};
_Static_assert(sizeof(struct connect_record) == 24 + 24 + 32 + 16 + 8 + 4 + 12 + 512 + 256 + 320, "wire size");

struct open_record {
	struct record_header header;
	struct wire_address source;
	struct wire_address destination;
};
_Static_assert(sizeof(struct open_record) == 72, "wire size");

/* TCP flags as on the wire (RFC 9293 section 3.1). */
#define TCP_F_FIN 0x01
#define TCP_F_SYN 0x02
#define TCP_F_RST 0x04
#define TCP_F_ACK 0x10
#define TCP_F_URG 0x20

struct stream_record {
	struct record_header header;
	__u32 offset;         /* of the first byte in the stream of its direction, modulo 2^32; the first byte is 0 */
	__u32 data;           /* bytes behind this struct, at most STREAM_CHUNK */
	__u16 source;         /* the caller's port, host order */
	__u16 port;           /* the service's port, host order */
	__u8 tcp_flags;       /* of the packet; FIN and RST only on the packet's last record, SYN on its first */
	__u8 hop_limit;       /* IP TTL or hop limit of the packet */
	__u16 reserved;       /* 0 */
	__u8 destination[16]; /* the service's address as the socket knows it, network order, IPv4 mapped */
};
_Static_assert(sizeof(struct stream_record) == 56, "wire size");

struct close_record {
	struct record_header header;
	__u32 error;     /* the socket's errno (ECONNREFUSED, ETIMEDOUT ...), 0 when there was none */
	__u32 old_state; /* TCP state left */
};
_Static_assert(sizeof(struct close_record) == 32, "wire size");

/* In loss_record.lost: records of the guard the ring had no room for (readers.h). */
#define LOST_VERDICTS RECORD_INVALID

struct loss_record {
	struct record_header header;
	__u64 lost[RECORD_KINDS_COUNTED]; /* records by kind the ring had no room for, since start */
	__u64 truncated;                  /* packets of which bytes were not captured, since start */
	__u64 unannounced;                /* conversations seen that were open before start */
};
_Static_assert(sizeof(struct loss_record) == 88, "wire size");

enum record_verdict { RECORD_ALLOWED = 1, RECORD_WOULD_DENY = 2, RECORD_DENIED = 3 };
enum record_stage {
	RECORD_AT_CONNECT = 1, /* by who alone; also for a socket that is no TCP, at its first datagram */
	RECORD_AT_REQUEST = 2,
};

/* The verdict of a call that is allowed stands before the last bytes of its request, if they are in the same ring. */
struct verdict_record {
	struct record_header header; /* RECORD_F_CUT: more bytes were refused than are here */
	__u32 request;               /* which one of its connection, from 0; at connect: 0 */
	__u32 data;     /* refused bytes behind this struct, at most STREAM_CHUNK: what would have come next */
	__u32 line;     /* of the rule in `file`; 0: no rule matched, the default decided */
	__u8 verdict;   /* enum record_verdict */
	__u8 stage;     /* enum record_stage */
	__u8 protocol;  /* IPPROTO_* */
	__u8 unread;    /* 1: the bytes could not be read as a request, and the rule needs one */
	__u32 offset;   /* of the first refused byte, as in a stream record; RECORD_F_NO_OFFSET: not known */
	__u32 reserved; /* 0 */
	char file[128]; /* of the rules, ended by a NUL */
};
_Static_assert(sizeof(struct verdict_record) == 24 + 24 + 128, "wire size");

#pragma GCC diagnostic pop
