/* SPDX-License-Identifier: Apache-2.0 */
/* Probes and scrapes: paths and what answers them, over the loop's HTTP server. */
#include <string.h>

#include <bw/buf.h>
#include <bw/err.h>
#include <bw/kube_controller.h>
#include <bw/kube_health.h>
#include <bw/kube_metrics.h>
#include <bw/kube_web.h>

#include "process.h"

#define PATHS_MAX 8
#define WHY_MAX 512
#define HTTP_MEMORY                                                                                \
	8192 /* bytes of a connection's buffers: requests are a line and few headers               \
	      */

struct path {
	const char *path;
	bw_kube_health_fn fn;
	void *arg;
};

struct bw_kube_health {
	struct bw_web *web;
	struct path paths[PATHS_MAX];
	size_t n;
};

static enum MHD_Result reply(struct MHD_Connection *conn, unsigned int status, struct bw_buf *text)
{
	struct MHD_Response *response;
	enum MHD_Result r = MHD_NO;

	response = MHD_create_response_from_buffer(text->size, text->data ? text->data : (char *)"",
						   MHD_RESPMEM_MUST_COPY);
	if (!response)
		return MHD_NO;
	if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
				    "text/plain; version=0.0.4; charset=utf-8") == MHD_YES)
		r = MHD_queue_response(conn, status, response);
	MHD_destroy_response(response);
	return r;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *conn, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **state)
{
	bw_autobuf struct bw_buf text = { 0 };
	struct bw_kube_health *h = arg;
	int status = MHD_HTTP_NOT_FOUND;

	(void)version;
	(void)upload;
	(void)state;
	if (*upload_size) {
		*upload_size = 0; /* a body is read and forgotten */
		return MHD_YES;
	}
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return reply(conn, MHD_HTTP_METHOD_NOT_ALLOWED, &text);
	for (size_t i = 0; i < h->n; i++)
		if (!strcmp(url, h->paths[i].path))
			status = h->paths[i].fn(&text, h->paths[i].arg);
	return reply(conn, status < 0 ? MHD_HTTP_INTERNAL_SERVER_ERROR : (unsigned int)status,
		     &text);
}

int bw_kube_health_new(struct bw_loop *loop, const char *address, struct bw_kube_health **ret,
		       struct bw_err *err)
{
	struct bw_kube_health *h = calloc(1, sizeof(*h));
	const struct bw_web_options o = { .address = address,
					  .connections = BW_KUBE_HEALTH_CONNECTIONS,
					  .idle_s = BW_KUBE_HEALTH_IDLE_S,
					  .memory = HTTP_MEMORY,
					  .handler = on_request,
					  .arg = h };
	int r = h ? bw_web_new(loop, &o, &h->web, err)
		  : bw_fail(err, ENOMEM, "listen on %s", address);

	if (r < 0) {
		bw_kube_health_free(&h);
		return r;
	}
	*ret = h;
	return 0;
}

int bw_kube_health_add(struct bw_kube_health *h, const char *path, bw_kube_health_fn fn, void *arg)
{
	if (h->n == PATHS_MAX)
		return -E2BIG;
	h->paths[h->n++] = (struct path){ path, fn, arg };
	return 0;
}

unsigned int bw_kube_health_port(const struct bw_kube_health *h)
{
	return bw_web_port(h->web);
}

void bw_kube_health_free(struct bw_kube_health **health)
{
	struct bw_kube_health *h = *health;

	if (!h)
		return;
	bw_web_free(&h->web);
	free(h);
	*health = NULL;
}

int bw_kube_health_live(struct bw_buf *out, void *arg)
{
	(void)arg;
	return bw_buf_append(out, "ok\n", 3) < 0 ? -ENOMEM : MHD_HTTP_OK;
}

int bw_kube_health_ready(struct bw_buf *out, void *arg)
{
	char why[WHY_MAX];

	if (bw_kube_runtime_ready(arg, why, sizeof(why)))
		return bw_kube_health_live(out, NULL);
	return bw_buf_printf(out, "%s\n", why) < 0 ? -ENOMEM : MHD_HTTP_SERVICE_UNAVAILABLE;
}

int bw_kube_health_metrics(struct bw_buf *out, void *arg)
{
	if (bw_metrics_text(arg, out) < 0 || bw_process_text(out) < 0)
		return -ENOMEM;
	return MHD_HTTP_OK;
}
