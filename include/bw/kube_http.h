/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client that speaks HTTP/1.1 to an API server: libcurl's multi interface on the loop.
 *
 * I1 At most BW_KUBE_WRITES_MAX writes and BW_KUBE_READS_MAX reads are in flight, the others wait
 *    in order; watches and urgent calls pass, and urgent ones have connections of their own.
 * I2 Every call ends: by its answer, by its deadline, or because nothing came for too long.
 * I3 libcurl sends a request again when a kept connection turns out to be closed, a POST too. So a
 *    write may be carried out twice, and the second answer tells of the first.
 * I4 No credentials go over plain HTTP.
 */
#pragma once

#include <bw/defs.h>
#include <bw/kube_client.h>

struct bw_err;
struct bw_kube_config;
struct bw_loop;

#define BW_KUBE_WRITES_MAX 48
#define BW_KUBE_READS_MAX 8
#define BW_KUBE_QUEUE_MAX 65536 /* calls that wait for their turn */
#define BW_KUBE_BODY_MAX (64U << 20) /* bytes of an answer that is handed on whole */

/* Zeroes are the defaults. */
struct bw_kube_http_options {
	const char *agent; /* program/version; copied. Must not begin as curl, Wget or a browser */
	unsigned int connect_ms; /* 5000 */
	unsigned int call_ms; /* 30000; the wait for its turn counts */
	unsigned int list_ms; /* 120000 */
	unsigned int idle_s; /* 130: a watch with bookmarks that says nothing is dead */
	unsigned int reload_ms; /* 60000: how often token and certificate files are read again */
};

/**
 * bw_kube_http_new() - a client of the server that a configuration names
 * @loop: a real one; must outlive the client
 * @config: becomes the client's, also on failure
 * @o: NULL = all defaults
 * @ret: freed by bw_kube_client_free(), not from inside a callback of the client
 *
 * Connects to nothing yet. SIGPIPE becomes ignored unless the program handles it.
 * Return: 0; -ENOMEM; -EINVAL class INVALID a URL nobody can use.
 */
int bw_kube_http_new(struct bw_loop *loop, struct bw_kube_config **config,
		     const struct bw_kube_http_options *o, struct bw_kube_client **ret,
		     struct bw_err *err);

/* An answer that outlives its callback. Zeroed is empty. */
struct bw_kube_reply {
	enum bw_kube_result result;
	int http;
	unsigned int retry_ms;
	char *reason;
	char *message;
	char *body; /* NUL-terminated */
	size_t body_size;
};

/* NULL-safe. */
void bw_kube_reply_done(struct bw_kube_reply *r);
#define bw_autokubereply BW_CLEANUP(bw_kube_reply_done)

/**
 * bw_kube_do() - one request, waited for: for commands and start-up
 * @loop: runs meanwhile, other callbacks too; not from inside a callback
 * @c: any client on @loop
 * @r: not WATCH
 * @ret: the answer, whatever it is; owned by the caller
 *
 * Return: 0; what bw_kube_start() returns; -ENOMEM; -ECANCELED the loop has nothing left to do.
 */
int bw_kube_do(struct bw_loop *loop, struct bw_kube_client *c, const struct bw_kube_request *r,
	       struct bw_kube_reply *ret, struct bw_err *err);

/* Records an answer that is no BW_KUBE_OK as an error with a class; returns its -errno, or 0. */
int bw_kube_reply_err(const struct bw_kube_reply *r, struct bw_err *err);

#define BW_KUBE_MINOR_MIN 31 /* of Kubernetes 1; what the CRDs' rules need */

/**
 * bw_kube_version_check() - refuse a server that is too old
 * @text: the answer to GET /version
 * @size: bytes
 *
 * Return: 0; -EPROTONOSUPPORT class UNSUPPORTED one sentence with both versions; -EBADMSG class
 * DECODE it is no version.
 */
int bw_kube_version_check(const char *text, size_t size, struct bw_err *err);

/* Asks the server and checks. Return: as bw_kube_do(), bw_kube_reply_err() and the check. */
int bw_kube_require_version(struct bw_loop *loop, struct bw_kube_client *c, struct bw_err *err);
