/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.2 and newer over a socket that does not wait (RFC 5425): the server's certificate is always verified. */
#pragma once

#include <openssl/ssl.h>
#include <stddef.h>

#include "base/problem.h"
#include "config/settings.h"

/* What all connections share: trusted certificates and our own. 0 or -errno with *problem. */
int tls_context(const struct syslog_settings *s, SSL_CTX **ret_context, struct problem *problem);

/* One connection over `fd`, to the server `name`: a host name, or a numeric address. NULL when memory is out. */
SSL *tls_session(SSL_CTX *context, int fd, const char *name);

/*
 * What became of an SSL_*() that returned `result`: 0: to be repeated after poll(2) for *ret_wants; or -errno with the
 * reason in `why`.
 */
int tls_outcome(SSL *session, int result, short *ret_wants, char *why, size_t size);
