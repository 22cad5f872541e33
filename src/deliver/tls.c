/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

static const char *library_error(void)
{
	unsigned long error = ERR_peek_last_error();
	const char *reason = error ? ERR_reason_error_string(error) : NULL;

	if (error && ERR_SYSTEM_ERROR(error))
		reason = strerror(ERR_GET_REASON(error));
	return reason ? reason : "unknown error";
}

static int trust(SSL_CTX *context, const struct syslog_settings *s, struct problem *problem)
{
	if (!s->ca[0] && SSL_CTX_set_default_verify_paths(context) == 1)
		return 0;
	if (s->ca[0] && SSL_CTX_load_verify_file(context, s->ca) == 1)
		return 0;
	return problem_set(problem, -EINVAL, "the certificates in %s cannot be read: %s",
			   s->ca[0] ? s->ca : "the system's store", library_error());
}

static int identify(SSL_CTX *context, const struct syslog_settings *s, struct problem *problem)
{
	if (!s->certificate[0])
		return 0;
	if (SSL_CTX_use_certificate_chain_file(context, s->certificate) != 1)
		return problem_set(problem, -EINVAL, "the certificate in %s cannot be read: %s", s->certificate,
				   library_error());
	if (SSL_CTX_use_PrivateKey_file(context, s->key, SSL_FILETYPE_PEM) != 1)
		return problem_set(problem, -EINVAL, "the key in %s cannot be used: %s", s->key, library_error());
	return 0;
}

/* A key that needs a pass phrase must not ask for it on a terminal. */
static int no_pass_phrase(char *buffer, int size, int writing, void *data)
{
	return 0;
}

int tls_context(const struct syslog_settings *s, SSL_CTX **ret_context, struct problem *problem)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	int r;

	if (!context)
		return problem_set(problem, -ENOMEM, "TLS cannot be set up: %s", library_error());
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					  SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_default_passwd_cb(context, no_pass_phrase);
	ERR_clear_error();
	r = trust(context, s, problem);
	if (r == 0)
		r = identify(context, s, problem);
	if (r < 0) {
		SSL_CTX_free(context);
		return r;
	}
	*ret_context = context;
	return 0;
}

static bool is_numeric(const char *name)
{
	struct in6_addr address;

	return inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;
}

static bool expect(SSL *session, const char *name)
{
	if (is_numeric(name))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), name) == 1;
	SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(session, name) == 1 && SSL_set_tlsext_host_name(session, name) == 1;
}

SSL *tls_session(SSL_CTX *context, int fd, const char *name)
{
	SSL *session = SSL_new(context);

	if (!session)
		return NULL;
	if (!expect(session, name) || SSL_set_fd(session, fd) != 1) {
		SSL_free(session);
		return NULL;
	}
	SSL_set_connect_state(session);
	return session;
}

static int explain(SSL *session, char *why, size_t size)
{
	long verified = SSL_get_verify_result(session);

	if (verified != X509_V_OK)
		snprintf(why, size, "its certificate is refused: %s", X509_verify_cert_error_string(verified));
	else
		snprintf(why, size, "TLS: %s", library_error());
	return -EPROTO;
}

int tls_outcome(SSL *session, int result, short *ret_wants, char *why, size_t size)
{
	int saved = errno;

	switch (SSL_get_error(session, result)) {
	case SSL_ERROR_WANT_READ:
		*ret_wants = POLLIN;
		return 0;
	case SSL_ERROR_WANT_WRITE:
		*ret_wants = POLLIN | POLLOUT;
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		snprintf(why, size, "it closed the connection");
		return -EPIPE;
	case SSL_ERROR_SYSCALL:
		snprintf(why, size, "%s", saved ? strerror(saved) : "it closed the connection");
		return -EPIPE;
	default:
		return explain(session, why, size);
	}
}
