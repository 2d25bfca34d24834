/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status page: what the informers have, over HTTP, for people. It reads and shows; it changes
 * nothing. docs/page.md tells what is on it and who may see it.
 *
 * I1 Nothing of it ends or holds up the controller: what goes wrong is a line of the log.
 * I2 No read of the API is made for it, and no write but reviews of the tokens of those who ask.
 * I3 Beyond this machine it is served over TLS alone, to tokens that the API server knows and that
 *    may get Units.
 */
#pragma once

#include <bw/defs.h>

struct bw_err;
struct bw_ip;
struct bw_kube_client;
struct bw_kube_runtime;
struct bw_kube_store;
struct bw_loop;
struct bw_map;
struct bw_net_pool;
struct page;

#define PAGE_ADDRESS "127.0.0.1:9674" /* by default */
#define PAGE_STREAMS_MAX 16 /* pages that are open and live */
#define PAGE_CONNECTIONS_MAX 64

struct page_stores {
	struct bw_kube_store *units;
	struct bw_kube_store *claims;
	struct bw_kube_store *pools;
	struct bw_kube_store *addresses;
	struct bw_kube_store *reservations;
	struct bw_kube_store *nodes;
	struct bw_kube_store *node_networks;
};

/* What is served, and where. Texts are borrowed for the page's life. */
struct page_options {
	struct bw_loop *loop;
	struct bw_kube_runtime *rt;
	struct bw_kube_client *client; /* for reviews */
	struct page_stores st;
	const char *address;
	const char *cert; /* files; NULL = plain HTTP, to this machine alone */
	const char *key;
	const char *self; /* this replica's name */
	/* Marks the addresses of the pool's domain that are known. */
	void (*fill)(struct bw_map *map, const struct bw_net_pool *pool, void *arg);
	void *arg;
	unsigned int idle_s; /* 0 = 30: a connection that takes nothing for so long is closed */
};

/**
 * page_check() - whether a page may be served so
 * @address: NULL = the default; "" or "0" = no page
 * @cert: file or NULL, as @key
 * @ret: what to listen on; NULL = there is no page
 *
 * Return: 0; -EINVAL class INVALID in one sentence what is missing.
 */
int page_check(const char *address, const char *cert, const char *key, const char **ret,
	       struct bw_err *err);

/**
 * page_new() - serve it
 * @o: copied; the stores have not been read yet
 * @ret: owned by the caller, also after a failure: the stores know it from then on
 *
 * Return: 0; -errno of listening, of the certificate's files, -ENOMEM.
 */
int page_new(const struct page_options *o, struct page **ret, struct bw_err *err);

/* Who leads: @holder is its name, "" for nobody, NULL as before. NULL-safe. */
void page_leader(struct page *p, int leading, const char *holder);

/* The port that is listened on. */
unsigned int page_port(const struct page *p);

/* Serves nobody any more and lets go who waits. Call before bw_kube_runtime_free(). NULL-safe. */
void page_stop(struct page *p);

/* Call after page_stop() and bw_kube_runtime_free(), and before the client's. NULL-safe. */
void page_free(struct page **p);
