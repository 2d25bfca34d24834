/* SPDX-License-Identifier: Apache-2.0 */
/* The server of the page: what is asked for, by whom, and the answer. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include <bw/err.h>
#include <bw/ip.h>
#include <bw/kube_controller.h>
#include <bw/kube_metrics.h>
#include <bw/kube_web.h>
#include <bw/log.h>

#include "assets.h"
#include "auth.h"
#include "pem.h"
#include "stream.h"

#define IDLE_S 30
#define MEMORY 65536 /* bytes of a connection: a token may have 16 KiB, and events go by blocks */

static const struct bw_metric_family requests = { "barewire_controller_page_requests_total",
						  "Requests to the page, by their answer's status",
						  BW_METRIC_COUNTER, NULL, 0 };
static const struct bw_metric_family streams = { "barewire_controller_page_streams",
						 "Pages that are open and live", BW_METRIC_GAUGE,
						 NULL, 0 };

struct page {
	struct page_options o;
	struct page_model model;
	struct page_streams streams;
	struct page_auth *auth; /* NULL = whoever can ask may see */
	struct page_pem *pem; /* NULL = no TLS */
	struct bw_web *web; /* NULL = it is over, or never was */
	struct bw_metrics *metrics;
	struct bw_list loading; /* requests that wait for the model */
};

/* One request, from its first line to its answer's end. */
struct request {
	struct bw_list node; /* in .loading */
	struct page *page;
	struct MHD_Connection *conn;
	struct page_waiter waiter;
	enum page_verdict verdict; /* PAGE_ASKING = nobody has decided */
	uint8_t asked; /* for a review */
	uint8_t uses; /* the model */
	uint8_t suspended;
};

/* ANSWERS */

struct header {
	const char *name;
	const char *value;
};

/* Of every answer. Scripts, styles and images come from here alone; nothing is put into frames. */
static const struct header always[] = {
	{ "Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'none'; "
				     "frame-ancestors 'none'; object-src 'none'" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
};

/* Takes @r, which may be NULL: then the connection is closed. */
static enum MHD_Result reply(struct page *p, struct MHD_Connection *conn, unsigned int status,
			     struct MHD_Response *r, const struct header *more, size_t n)
{
	enum MHD_Result ok = MHD_YES;
	char code[16];

	if (!r)
		return MHD_NO;
	(void)snprintf(code, sizeof(code), "%u", status); /* fits, ignoring */
	bw_metric_add(bw_metrics_get(p->metrics, &requests, "code", code, NULL), 1);
	for (size_t i = 0; ok == MHD_YES && i < BW_ARRAY_SIZE(always); i++)
		ok = MHD_add_response_header(r, always[i].name, always[i].value);
	for (size_t i = 0; ok == MHD_YES && i < n; i++)
		ok = MHD_add_response_header(r, more[i].name, more[i].value);
	if (ok == MHD_YES)
		ok = MHD_queue_response(conn, status, r);
	MHD_destroy_response(r);
	return ok;
}

/* Instead of the page: a sentence, and perhaps one more header. */
static enum MHD_Result say(struct page *p, struct MHD_Connection *conn, unsigned int status,
			   const char *text, const struct header *also)
{
	struct header more[] = { { "Content-Type", "text/plain; charset=utf-8" },
				 { "Cache-Control", "no-store" },
				 { also ? also->name : "", also ? also->value : "" } };
	struct MHD_Response *r = MHD_create_response_from_buffer(
		strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);

	return reply(p, conn, status, r, more, also ? 3 : 2);
}

static enum MHD_Result send_asset(struct page *p, struct MHD_Connection *conn,
				  const struct page_asset *a)
{
	size_t size = (size_t)(a->end - a->start);
	const char *have = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "If-None-Match");
	struct MHD_Response *r;
	char etag[24];
	struct header more[] = { { "Content-Type", a->type },
				 { "Cache-Control", "no-cache" },
				 { "ETag", etag } };

	(void)snprintf(etag, sizeof(etag), "\"%016llx\"",
		       (unsigned long long)bw_fnv64(BW_FNV64_BASIS, a->start, size)); /* fits */
	if (have && strstr(have, etag))
		size = 0;
	r = MHD_create_response_from_buffer(size, (void *)(uintptr_t)a->start,
					    MHD_RESPMEM_PERSISTENT);
	return reply(p, conn, have && !size ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, r, more,
		     BW_ARRAY_SIZE(more));
}

static const char head[] =
	"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
	"<meta name=\"color-scheme\" content=\"light dark\"><title>barewire</title>"
	"<link rel=\"stylesheet\" href=\"page.css\">"
	"<link rel=\"icon\" href=\"icon.svg\" type=\"image/svg+xml\">"
	"<script src=\"page.js\" defer></script>"
	"<noscript><meta http-equiv=\"refresh\" content=\"30\"></noscript></head>\n";

static void put_page(struct page_html *h, const struct page *p, const struct page_shot *s)
{
	char at[PAGE_AT_MAX];

	page_raw(h, head);
	page_put(h, "<body data-at=\"", page_streams_at(&p->streams, at),
		 "\"><a class=\"skip\" href=\"#part-waits\">To what waits</a>"
		 "<header class=\"top\"><h1>barewire</h1>"
		 "<p id=\"live\"><noscript>This page is read again every 30 seconds."
		 "</noscript></p><p id=\"said\" class=\"sr\" role=\"status\" "
		 "aria-live=\"polite\"></p></header>\n<main>\n",
		 NULL);
	for (int i = 0; i < PAGE_PART_MAX_; i++) {
		page_shot_part(h, s, (enum page_part)i);
		page_raw(h, "\n");
	}
	page_raw(h, "</main>\n<footer>This page shows and changes nothing. "
		    "<code>barewire unit describe NAMESPACE/NAME</code> tells the whole story of "
		    "one Unit.</footer></body></html>\n");
}

static void html_done(struct page_html *h)
{
	bw_buf_done(&h->b);
}

static enum MHD_Result send_page(struct page *p, struct MHD_Connection *conn,
				 const struct page_view *v)
{
	static const struct header more[] = { { "Content-Type", "text/html; charset=utf-8" },
					      { "Cache-Control", "no-store" } };
	BW_CLEANUP(page_shot_done) struct page_shot shot = { 0 };
	BW_CLEANUP(html_done) struct page_html h = { 0 };
	struct MHD_Response *r;

	if (page_shot_take(&p->model, v, &shot) == 0)
		put_page(&h, p, &shot);
	if (!h.b.size || h.failed)
		return say(p, conn, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory\n",
			   &(struct header){ "Retry-After", "5" });
	r = MHD_create_response_from_buffer(h.b.size, h.b.data, MHD_RESPMEM_MUST_FREE);
	if (r)
		h.b.data = NULL;
	return reply(p, conn, MHD_HTTP_OK, r, more, BW_ARRAY_SIZE(more));
}

static enum MHD_Result send_stream(struct page *p, struct MHD_Connection *conn,
				   const struct page_view *v)
{
	static const struct header more[] = { { "Content-Type", "text/event-stream" },
					      { "Cache-Control", "no-store" },
					      { "X-Accel-Buffering", "no" } };
	const char *at = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Last-Event-ID");
	struct MHD_Response *r;

	if (!at)
		at = MHD_lookup_connection_value(conn, MHD_GET_ARGUMENT_KIND, "at");
	r = page_streams_open(&p->streams, conn, v, at);
	if (!r)
		return say(p, conn, MHD_HTTP_SERVICE_UNAVAILABLE,
			   "too many pages are open: this one does not change by itself\n",
			   &(struct header){ "Retry-After", "15" });
	return reply(p, conn, MHD_HTTP_OK, r, more, BW_ARRAY_SIZE(more));
}

/* WHO ASKS */

/*
 * Whether a name means this machine. A page of somebody else may have a name of its own lead to
 * 127.0.0.1, and would read what is here as its own.
 */
static int host_is_local(const char *host)
{
	static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };

	for (size_t i = 0; host && i < BW_ARRAY_SIZE(names); i++) {
		size_t n = strlen(names[i]);

		if (strncasecmp(host, names[i], n) == 0 &&
		    (!host[n] || (host[n] == ':' &&
				  strspn(host + n + 1, "0123456789") == strlen(host + n + 1))))
			return 1;
	}
	return 0;
}

static enum MHD_Result refuse(struct page *p, struct MHD_Connection *conn, enum page_verdict v)
{
	static const struct {
		unsigned int status;
		const char *text;
		struct header also;
	} all[] = {
		[PAGE_UNKNOWN] = { MHD_HTTP_UNAUTHORIZED,
				   "a bearer token of this cluster is needed (docs/page.md)\n",
				   { "WWW-Authenticate", "Bearer realm=\"barewire\"" } },
		[PAGE_FORBIDDEN] = { MHD_HTTP_FORBIDDEN,
				     "this token may not get units.db.barewire.dev in all "
				     "namespaces, the right that this page asks for\n",
				     { "WWW-Authenticate",
				       "Bearer realm=\"barewire\", error=\"insufficient_scope\"" } },
		[PAGE_BUSY] = { MHD_HTTP_SERVICE_UNAVAILABLE,
				"too many tokens are being reviewed\n",
				{ "Retry-After", "2" } },
		[PAGE_UNDECIDED] = { MHD_HTTP_SERVICE_UNAVAILABLE,
				     "the token could not be reviewed: the controller's log says "
				     "why\n",
				     { "Retry-After", "10" } },
	};

	assert(v > PAGE_ALLOWED && (unsigned int)v < BW_ARRAY_SIZE(all));
	return say(p, conn, all[v].status, page_or(all[v].text, ""), &all[v].also);
}

static void go_on(struct request *q)
{
	if (!q->suspended)
		return;
	q->suspended = 0;
	bw_web_resume(q->page->web, q->conn);
}

static enum MHD_Result hold(struct request *q)
{
	q->suspended = 1;
	MHD_suspend_connection(q->conn);
	return MHD_YES;
}

static void on_decided(enum page_verdict v, void *arg)
{
	struct request *q = arg;

	q->verdict = v;
	go_on(q);
}

/* WHAT IS ASKED FOR */

static int read_view(struct MHD_Connection *conn, struct page_view *v)
{
	static const char *const keys[] = { "node", "namespace", "page" };
	int r = 0;

	*v = (struct page_view){ .page = 1 };
	for (size_t i = 0; r == 0 && i < BW_ARRAY_SIZE(keys); i++)
		r = page_view_set(
			v, keys[i],
			MHD_lookup_connection_value(conn, MHD_GET_ARGUMENT_KIND, keys[i]));
	return r;
}

static enum MHD_Result send_model(struct request *q, int stream)
{
	struct page *p = q->page;
	struct page_view view;

	if (read_view(q->conn, &view) < 0)
		return say(p, q->conn, MHD_HTTP_BAD_REQUEST,
			   "node, namespace or page: no such name or number\n", NULL);
	if (!q->uses)
		page_model_use(&p->model);
	q->uses = 1;
	if (!p->model.loaded) {
		bw_list_del(&q->node);
		bw_list_add_tail(&p->loading, &q->node);
		return hold(q);
	}
	page_model_settle(&p->model);
	return stream ? send_stream(p, q->conn, &view) : send_page(p, q->conn, &view);
}

static enum MHD_Result answer(struct request *q, const char *url, const char *method)
{
	struct page *p = q->page;
	const struct page_asset *asset = page_asset_find(url);
	int stream = strcmp(url, "/events") == 0;

	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return say(p, q->conn, MHD_HTTP_METHOD_NOT_ALLOWED, "this page is read only\n",
			   &(struct header){ "Allow", "GET, HEAD" });
	if (!p->pem &&
	    !host_is_local(MHD_lookup_connection_value(q->conn, MHD_HEADER_KIND, "Host")))
		return say(p, q->conn, MHD_HTTP_MISDIRECTED_REQUEST,
			   "this page answers to localhost, 127.0.0.1 and [::1] alone\n", NULL);
	if (!asset && !stream && strcmp(url, "/") != 0)
		return say(p, q->conn, MHD_HTTP_NOT_FOUND, "there is no such page\n", NULL);
	if (stream && strcmp(method, "HEAD") == 0)
		return say(p, q->conn, MHD_HTTP_OK, "", NULL);
	if (p->auth && !q->asked) {
		q->asked = 1;
		q->verdict = page_auth_ask(
			p->auth,
			MHD_lookup_connection_value(q->conn, MHD_HEADER_KIND, "Authorization"),
			&q->waiter);
	}
	if (p->auth && q->verdict == PAGE_ASKING)
		return hold(q);
	if (p->auth && q->verdict != PAGE_ALLOWED)
		return refuse(p, q->conn, q->verdict);
	return asset ? send_asset(p, q->conn, asset) : send_model(q, stream);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *conn, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **state)
{
	struct request *q = *state;

	(void)version;
	(void)upload;
	if (*upload_size) {
		*upload_size = 0; /* a body is read and forgotten */
		return MHD_YES;
	}
	if (q)
		return answer(q, url, method);
	q = calloc(1, sizeof(*q));
	if (!q)
		return MHD_NO;
	q->page = arg;
	q->conn = conn;
	q->waiter.decided = on_decided;
	q->waiter.arg = q;
	bw_list_init(&q->node);
	bw_list_init(&q->waiter.node);
	*state = q;
	return MHD_YES;
}

static void on_completed(void *arg, struct MHD_Connection *conn, void **state,
			 enum MHD_RequestTerminationCode how)
{
	struct page *p = arg;
	struct request *q = *state;

	(void)conn;
	(void)how;
	if (!q)
		return;
	bw_list_del(&q->node);
	page_waiter_stop(&q->waiter);
	if (q->uses)
		page_model_unuse(&p->model);
	free(q);
	*state = NULL;
}

/* CHANGES */

static void on_told(void *arg)
{
	struct page *p = arg;

	bw_list_for_each (i, &p->loading) {
		struct request *q = bw_list_entry(i, struct request, node);

		bw_list_del(&q->node);
		go_on(q);
	}
	page_streams_feed(&p->streams);
}

void page_leader(struct page *p, int leading, const char *holder)
{
	if (!p)
		return;
	p->model.leading = leading != 0;
	if (holder)
		/* A pod's name without what tells two processes of it apart; bounded, ignoring. */
		(void)snprintf(p->model.holder, sizeof(p->model.holder), "%.*s",
			       (int)strcspn(holder, "_"), holder);
	page_model_touch(&p->model);
}

static void measure(void *arg)
{
	struct page *p = arg;

	bw_metric_set(bw_metrics_get(p->metrics, &streams, NULL), (double)p->streams.n);
}

/* Whoever waits is let go: none of the server's connections may be suspended. */
static void let_go(struct page *p)
{
	page_streams_end(&p->streams);
	bw_list_for_each (i, &p->loading) {
		struct request *q = bw_list_entry(i, struct request, node);

		bw_list_del(&q->node);
		go_on(q);
	}
	page_auth_end(p->auth);
}

static void on_pem(const char *cert, const char *key, void *arg)
{
	struct page *p = arg;
	struct bw_err err = { 0 };

	let_go(p);
	if (bw_web_renew(p->web, cert, key, &err) < 0)
		bw_log_warn(err.msg, "page", p->o.address);
	else
		bw_log_info("the page has another certificate", "page", p->o.address);
}

/* START AND END */

int page_check(const char *address, const char *cert, const char *key, const char **ret,
	       struct bw_err *err)
{
	const char *a = address ? address : PAGE_ADDRESS;
	int local = 0;
	int r;

	if (!*a || strcmp(a, "0") == 0) {
		*ret = NULL;
		return 0;
	}
	r = bw_web_is_local(a, &local, err);
	if (r < 0)
		return bw_wrap(err, r, "--page-address");
	if (!cert != !key)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "--page-tls-cert and --page-tls-key belong together");
	if (!local && !cert)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "--page-address %s: beyond 127.0.0.1 and ::1 the page needs "
				 "--page-tls-cert and --page-tls-key, and asks for tokens",
				 a);
	*ret = a;
	return 0;
}

static int serve(struct page *p, struct bw_err *err)
{
	struct bw_web_options w = { .address = p->o.address,
				    .connections = PAGE_CONNECTIONS_MAX,
				    .idle_s = p->o.idle_s ? p->o.idle_s : IDLE_S,
				    .memory = MEMORY,
				    .handler = on_request,
				    .completed = on_completed,
				    .arg = p,
				    .suspend = 1 };
	int r = 0;

	if (p->o.cert)
		r = page_pem_new(p->o.loop, p->o.cert, p->o.key, on_pem, p, &p->pem, err);
	if (r == 0 && p->pem) {
		w.cert = page_pem_cert(p->pem);
		w.key = page_pem_key(p->pem);
		r = page_auth_new(p->o.loop, p->o.client, p->metrics, &p->auth, err);
	}
	if (r == 0)
		r = bw_web_new(p->o.loop, &w, &p->web, err);
	p->streams.web = p->web;
	return r;
}

int page_new(const struct page_options *o, struct page **ret, struct bw_err *err)
{
	struct page *p = calloc(1, sizeof(*p));
	uint64_t boot = 0;
	int r;

	*ret = p;
	if (!p)
		return bw_fail(err, ENOMEM, "serve a page");
	p->o = *o;
	p->metrics = bw_kube_runtime_metrics(o->rt);
	bw_list_init(&p->loading);
	if (getrandom(&boot, sizeof(boot), 0) != sizeof(boot))
		return bw_fail(err, errno, "get random bytes");
	r = page_model_init(&p->model, &p->o, on_told, p, err);
	if (r < 0)
		return r;
	page_streams_init(&p->streams, &p->model, boot, o->cert ? PAGE_TERM_S : 0);
	r = bw_metrics_on_text(p->metrics, measure, p, err);
	return r < 0 ? r : serve(p, err);
}

unsigned int page_port(const struct page *p)
{
	return p->web ? bw_web_port(p->web) : 0;
}

void page_stop(struct page *p)
{
	if (!p)
		return;
	if (p->web)
		let_go(p);
	bw_web_free(&p->web);
	page_pem_free(&p->pem);
	page_auth_free(&p->auth);
}

void page_free(struct page **page)
{
	struct page *p = *page;

	if (!p)
		return;
	page_stop(p);
	page_streams_done(&p->streams);
	page_model_done(&p->model);
	free(p);
	*page = NULL;
}
