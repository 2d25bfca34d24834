/* SPDX-License-Identifier: Apache-2.0 */
/* The page's certificate and key: files that may be exchanged while it is served. */
#pragma once

#include <bw/defs.h>

struct bw_err;
struct bw_loop;
struct page_pem;

#define PAGE_PEM_S 30 /* how often the files are looked at */

/**
 * page_pem_new() - read both files and look after them
 * @cert: file, borrowed for the pem's life, as @key
 * @renew: called when both have been read again and one is another than before
 * @ret: owned by the caller
 *
 * Return: 0; -errno of reading; -ENOMEM.
 */
int page_pem_new(struct bw_loop *loop, const char *cert, const char *key,
		 void (*renew)(const char *cert, const char *key, void *arg), void *arg,
		 struct page_pem **ret, struct bw_err *err);

/* The contents; borrowed until they are renewed. */
const char *page_pem_cert(const struct page_pem *p);
const char *page_pem_key(const struct page_pem *p);

/* The key's memory is wiped. NULL-safe. */
void page_pem_free(struct page_pem **p);
