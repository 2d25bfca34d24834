/* SPDX-License-Identifier: Apache-2.0 */
/* The page's certificate and key. They are small: read and compared, no time stamp is believed. */
#include <string.h>

#include <bw/buf.h>
#include <bw/err.h>
#include <bw/io.h>
#include <bw/kube_web.h>
#include <bw/log.h>
#include <bw/loop.h>

#include "pem.h"

#define NS_PER_S 1000000000LL

struct page_pem {
	struct bw_loop *loop;
	const char *cert_file;
	const char *key_file;
	struct bw_buf cert;
	struct bw_buf key;
	struct bw_timer timer;
	void (*renew)(const char *cert, const char *key, void *arg);
	void *arg;
	uint8_t complained; /* once for one trouble */
};

static void wipe(struct bw_buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->size);
	bw_buf_done(b);
}

static int read_both(const struct page_pem *p, struct bw_buf *cert, struct bw_buf *key,
		     struct bw_err *err)
{
	int r = bw_io_read_file(p->cert_file, BW_WEB_PEM_MAX, cert, err);

	if (r == 0)
		r = bw_io_read_file(p->key_file, BW_WEB_PEM_MAX, key, err);
	if (r == 0 && (!cert->size || !key->size))
		r = bw_reject(err, BW_ERR_INVALID, EINVAL, "%s is empty",
			      cert->size ? p->key_file : p->cert_file);
	return r;
}

static int same(const struct bw_buf *a, const struct bw_buf *b)
{
	return a->size == b->size && a->data && b->data && memcmp(a->data, b->data, a->size) == 0;
}

static void look_again(struct page_pem *p)
{
	/* Without memory the files stay as they are known, ignoring. */
	(void)bw_timer_set(&p->timer, bw_loop_now_ns(p->loop) + PAGE_PEM_S * NS_PER_S);
}

static void on_time(void *arg)
{
	BW_CLEANUP(wipe) struct bw_buf cert = { 0 };
	BW_CLEANUP(wipe) struct bw_buf key = { 0 };
	struct page_pem *p = arg;
	struct bw_err err = { 0 };

	look_again(p);
	if (read_both(p, &cert, &key, &err) < 0) {
		if (!p->complained++)
			bw_log_warn("the page keeps its certificate", "why", err.msg);
		return;
	}
	p->complained = 0;
	if (same(&cert, &p->cert) && same(&key, &p->key))
		return;
	wipe(&p->cert);
	wipe(&p->key);
	p->cert = cert;
	p->key = key;
	memset(&cert, 0, sizeof(cert));
	memset(&key, 0, sizeof(key));
	p->renew(p->cert.data, p->key.data, p->arg);
}

int page_pem_new(struct bw_loop *loop, const char *cert, const char *key,
		 void (*renew)(const char *cert, const char *key, void *arg), void *arg,
		 struct page_pem **ret, struct bw_err *err)
{
	BW_CLEANUP(page_pem_free) struct page_pem *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return bw_fail(err, ENOMEM, "read %s", cert);
	p->loop = loop;
	p->cert_file = cert;
	p->key_file = key;
	p->renew = renew;
	p->arg = arg;
	bw_timer_init(&p->timer, loop, on_time, p);
	r = read_both(p, &p->cert, &p->key, err);
	if (r < 0)
		return r;
	look_again(p);
	*ret = BW_TAKE_PTR(p);
	return 0;
}

const char *page_pem_cert(const struct page_pem *p)
{
	return p->cert.data;
}

const char *page_pem_key(const struct page_pem *p)
{
	return p->key.data;
}

void page_pem_free(struct page_pem **pem)
{
	struct page_pem *p = *pem;

	if (!p)
		return;
	bw_timer_stop(&p->timer);
	wipe(&p->cert);
	wipe(&p->key);
	free(p);
	*pem = NULL;
}
