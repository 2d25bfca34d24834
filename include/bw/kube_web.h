/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP server in the loop: libmicrohttpd without its threads. No thread, no wait; with a
 * certificate it speaks TLS alone.
 */
#pragma once

#include <microhttpd.h>

#include <bw/defs.h>

struct bw_err;
struct bw_loop;
struct bw_web;

#define BW_WEB_PEM_MAX 65536 /* bytes of a certificate chain or a key */

struct bw_web_options {
	const char *address; /* "127.0.0.1:8081", "[::1]:8081", ":8081" for all; port 0 = any */
	unsigned int connections; /* at once; more are closed */
	unsigned int idle_s; /* one that neither sends nor takes anything is closed */
	size_t memory; /* bytes of a connection's buffers */
	MHD_AccessHandlerCallback handler; /* runs in the loop */
	MHD_RequestCompletedCallback completed; /* NULL = nobody has to know */
	void *arg; /* of both */
	const char *cert; /* PEM; NULL = plain HTTP; borrowed for the call, as the key */
	const char *key;
	uint8_t suspend; /* the handler may suspend connections */
};

/**
 * bw_web_new() - listen
 * @loop: a real one, borrowed
 * @o: copied
 * @ret: owned by the caller
 *
 * Return: 0; -EINVAL class INVALID the address, or a certificate that does not fit its key;
 * -EADDRINUSE and what else bind(2) says; -ENOMEM.
 */
int bw_web_new(struct bw_loop *loop, const struct bw_web_options *o, struct bw_web **ret,
	       struct bw_err *err);

/**
 * bw_web_renew() - another certificate
 * @w: of a server that has one; no connection of it may be suspended
 * @cert: PEM, borrowed for the call
 * @key: PEM, borrowed for the call
 *
 * What is open is closed: who comes again sees the new one. Not from inside its handler.
 * Return: 0; -EINVAL class INVALID they do not fit, and the old ones stay; -errno of dup(2).
 */
int bw_web_renew(struct bw_web *w, const char *cert, const char *key, struct bw_err *err);

/* Lets a suspended connection go on; MHD_resume_connection() alone would not be noticed. */
void bw_web_resume(struct bw_web *w, struct MHD_Connection *conn);

/* The port that is listened on. */
unsigned int bw_web_port(const struct bw_web *w);

/* Closes all; none may be suspended. NULL-safe. */
void bw_web_free(struct bw_web **w);

/**
 * bw_web_is_local() - whether only this machine can reach an address
 * @address: as above
 * @ret: 1 = 127.0.0.0/8 or ::1
 *
 * Return: 0; -EINVAL class INVALID it is none.
 */
int bw_web_is_local(const char *address, int *ret, struct bw_err *err);
