/* SPDX-License-Identifier: Apache-2.0 */
/* The request's path and the status that ends a command; and what all clients' calls share. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/kube_text.h>

#include "podexec.h"
#include "url.h"

#define SEGMENT_MAX 253 /* characters of a name: RFC 1123 subdomain */
#define CODE_MAX 255

static int check_name(const char *what, const char *s, struct bw_err *err)
{
	size_t len = s ? strlen(s) : 0;

	if (!len || len > SEGMENT_MAX || strcmp(s, ".") == 0 || strcmp(s, "..") == 0 ||
	    strpbrk(s, "/%"))
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "%s \"%.300s\" cannot stand in a path of the API", what,
				 s ? s : "");
	return 0;
}

static int check_argv(const char *const *argv, struct bw_err *err)
{
	size_t n = 0, size = 0;

	if (!argv || !argv[0])
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "no command to run in the container");
	for (; n <= BW_KUBE_PODEXEC_ARGS_MAX && size <= BW_KUBE_PODEXEC_ARGS_SIZE_MAX && argv[n];
	     n++)
		size += strlen(argv[n]);
	if (n > BW_KUBE_PODEXEC_ARGS_MAX || size > BW_KUBE_PODEXEC_ARGS_SIZE_MAX)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "a command in a container has at most %d arguments and %u bytes",
				 BW_KUBE_PODEXEC_ARGS_MAX, BW_KUBE_PODEXEC_ARGS_SIZE_MAX);
	return 0;
}

static int check(const struct bw_kube_podexec_request *r, struct bw_err *err)
{
	int e = check_name("namespace", r->namespace, err);

	if (e == 0)
		e = check_name("pod", r->pod, err);
	if (e == 0)
		e = check_argv(r->argv, err);
	if (e == 0 && (r->input_size > BW_KUBE_PODEXEC_INPUT_MAX ||
		       r->output_max > BW_KUBE_PODEXEC_OUTPUT_MAX))
		e = bw_reject(err, BW_ERR_INVALID, EINVAL,
			      "a command's input has at most %u bytes, its output %u",
			      BW_KUBE_PODEXEC_INPUT_MAX, BW_KUBE_PODEXEC_OUTPUT_MAX);
	return e;
}

static int put(struct bw_buf *b, const char *before, const char *value)
{
	return bw_buf_append(b, before, strlen(before)) < 0 ? -ENOMEM : kube_url_encode(b, value);
}

int kube_podexec_path(const struct bw_kube_podexec_request *r, struct bw_buf *b, struct bw_err *err)
{
	int in = r->input || (r->flags & BW_KUBE_PODEXEC_F_STDIN);
	int tty = (r->flags & BW_KUBE_PODEXEC_F_TTY) != 0;
	int e = check(r, err);
	int failed;

	if (e < 0)
		return e;
	failed = put(b, "/api/v1/namespaces/", r->namespace) < 0 || put(b, "/pods/", r->pod) < 0;
	/* With a terminal there is no second output: the server refuses to have both. */
	failed = failed || bw_buf_printf(b, "/exec?stdout=true&stderr=%s&stdin=%s&tty=%s",
					 tty ? "false" : "true", in ? "true" : "false",
					 tty ? "true" : "false") < 0;
	failed = failed || (r->container && put(b, "&container=", r->container) < 0);
	for (size_t i = 0; !failed && r->argv[i]; i++)
		failed = put(b, "&command=", r->argv[i]) < 0;
	return failed ? bw_fail(err, ENOMEM, "prepare a command in a container") : 0;
}

/* The cause ExitCode; -1 = there is none. */
static int exit_code(struct bw_kube_slice in)
{
	struct bw_kube_slice causes, cause, value;
	struct bw_kube_iter it;
	char text[16];
	char *end;
	long n;

	if (bw_kube_text_get(in, &causes, "details", "causes", NULL) < 0 ||
	    bw_kube_iter_init(&it, causes) < 0)
		return -1;
	while (bw_kube_iter_next(&it, NULL, &cause) > 0) {
		if (bw_kube_text_get(cause, &value, "reason", NULL) < 0 ||
		    !bw_kube_text_is(value, "ExitCode") ||
		    bw_kube_text_get(cause, &value, "message", NULL) < 0 ||
		    bw_kube_text_str(value, text, sizeof(text)) < 0)
			continue;
		errno = 0;
		n = strtol(text, &end, 10);
		return errno || end == text || *end || n < 0 || n > CODE_MAX ? -1 : (int)n;
	}
	return -1;
}

int kube_podexec_end(const char *text, size_t size, struct kube_podexec_end *ret)
{
	struct bw_kube_slice in = { text, size };
	struct bw_kube_slice value;

	memset(ret, 0, sizeof(*ret));
	ret->exit_code = -1;
	if (bw_kube_text_get(in, &value, "status", NULL) < 0)
		return -EBADMSG;
	if (bw_kube_text_is(value, "Success")) {
		ret->exit_code = 0;
		return 0;
	}
	if (!bw_kube_text_is(value, "Failure"))
		return -EBADMSG;
	bw_kube_status_read(in, &ret->status);
	ret->exit_code = exit_code(in);
	return 0;
}

int bw_kube_podexec_start(struct bw_kube_client *c, const struct bw_kube_podexec_request *r,
			  struct bw_kube_podexec *x, struct bw_err *err)
{
	int e;

	assert(!x->client && x->done);
	if (!c->ops->podexec_start)
		return bw_reject(err, BW_ERR_UNSUPPORTED, ENOTSUP,
				 "this client runs no commands in containers");
	e = c->ops->podexec_start(c, r, x, err);
	if (e == 0)
		x->client = c;
	return e;
}

void bw_kube_podexec_cancel(struct bw_kube_podexec *x)
{
	if (!x->client)
		return;
	x->client->ops->podexec_cancel(x);
	x->client = NULL;
	x->impl = NULL;
}

int bw_kube_podexec_send(struct bw_kube_podexec *x, const void *data, size_t size)
{
	return x->client ? x->client->ops->podexec_put(x, KUBE_PODEXEC_STDIN, data, size, 0)
			 : -EPIPE;
}

int bw_kube_podexec_send_end(struct bw_kube_podexec *x)
{
	return x->client ? x->client->ops->podexec_put(x, KUBE_PODEXEC_STDIN, NULL, 0, 1) : -EPIPE;
}

int bw_kube_podexec_resize(struct bw_kube_podexec *x, unsigned int width, unsigned int height)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "{\"Width\":%u,\"Height\":%u}", width, height);

	return x->client ? x->client->ops->podexec_put(x, KUBE_PODEXEC_RESIZE, text, (size_t)n, 0)
			 : -EPIPE;
}
