/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that are waited for, and the check of the server's version. */
#include <string.h>

#include <bw/err.h>
#include <bw/json.h>
#include <bw/kube_http.h>
#include <bw/kube_text.h>
#include <bw/loop.h>

struct wait {
	struct bw_kube_reply *reply;
	int over;
	int failed;
};

void bw_kube_reply_done(struct bw_kube_reply *r)
{
	if (!r)
		return;
	free(r->reason);
	free(r->message);
	free(r->body);
	*r = (struct bw_kube_reply){ 0 };
}

static void on_done(const struct bw_kube_answer *a, void *arg)
{
	struct wait *w = arg;
	struct bw_kube_reply *r = w->reply;

	*r = (struct bw_kube_reply){
		.result = a->result,
		.http = a->http,
		.retry_ms = a->retry_ms,
		.reason = strdup(a->reason ? a->reason : ""),
		.message = strdup(a->message ? a->message : ""),
		.body = malloc(a->body_size + 1),
		.body_size = a->body_size,
	};
	w->over = 1;
	w->failed = !r->reason || !r->message || !r->body;
	if (w->failed)
		return;
	if (a->body_size)
		memcpy(r->body, a->body, a->body_size);
	r->body[a->body_size] = '\0';
}

int bw_kube_do(struct bw_loop *loop, struct bw_kube_client *c, const struct bw_kube_request *r,
	       struct bw_kube_reply *ret, struct bw_err *err)
{
	struct bw_kube_reply reply = { 0 };
	struct wait w = { .reply = &reply };
	struct bw_kube_call call = { .done = on_done, .arg = &w };
	int e = bw_kube_start(c, r, &call, err);

	while (e >= 0 && !w.over) {
		e = bw_loop_step(loop, 1000, INT64_MAX, err);
		if (e == 0 && bw_loop_is_virtual(loop) && !w.over)
			e = bw_fail(err, ECANCELED, "wait for an answer");
	}
	bw_kube_cancel(&call);
	if (e >= 0 && w.failed)
		e = bw_fail(err, ENOMEM, "keep an answer");
	if (e < 0) {
		bw_kube_reply_done(&reply);
		return e;
	}
	*ret = reply;
	return 0;
}

/* What an answer means to somebody who cannot go on without it. */
static const struct {
	enum bw_err_class class;
	int errnum;
} classes[BW_KUBE_RESULT_MAX_] = {
	[BW_KUBE_EXISTS] = { BW_ERR_INVALID, EEXIST },
	[BW_KUBE_CONFLICT] = { BW_ERR_BUSY, EAGAIN },
	[BW_KUBE_NOT_FOUND] = { BW_ERR_INVALID, ENOENT },
	[BW_KUBE_GONE] = { BW_ERR_BUSY, ESTALE },
	[BW_KUBE_TOO_NEW] = { BW_ERR_BUSY, ESTALE },
	[BW_KUBE_INVALID] = { BW_ERR_INVALID, EINVAL },
	[BW_KUBE_FORBIDDEN] = { BW_ERR_INVALID, EACCES },
	[BW_KUBE_UNAUTHORIZED] = { BW_ERR_INVALID, EPERM },
	[BW_KUBE_THROTTLED] = { BW_ERR_BUSY, EAGAIN },
	[BW_KUBE_REFUSED] = { BW_ERR_BUSY, ECONNREFUSED },
	[BW_KUBE_UNKNOWN] = { BW_ERR_BUSY, EIO },
};

int bw_kube_reply_err(const struct bw_kube_reply *r, struct bw_err *err)
{
	if (r->result == BW_KUBE_OK)
		return 0;
	return bw_reject(err, classes[r->result].class, classes[r->result].errnum, "%s",
			 r->message && r->message[0] ? r->message : bw_kube_result_str(r->result));
}

/* "31", or "31+" of somebody's own build. -1 = no number. */
static int64_t number(struct bw_kube_slice in, const char *key)
{
	char text[16];
	int64_t n = 0;
	size_t len;

	if (bw_kube_text_get(in, &in, key, NULL) < 0 ||
	    bw_kube_text_str(in, text, sizeof(text)) < 0)
		return -1;
	len = strspn(text, "0123456789");
	return bw_kube_text_int((struct bw_kube_slice){ text, len }, &n) < 0 ? -1 : n;
}

int bw_kube_version_check(const char *text, size_t size, struct bw_err *err)
{
	struct bw_kube_slice in = { text, size };
	int64_t major = number(in, "major");
	int64_t minor = number(in, "minor");
	char version[64];

	if (major < 0 || minor < 0)
		return bw_reject(err, BW_ERR_DECODE, EBADMSG,
				 "the API server does not say its version");
	if (major > 1 || (major == 1 && minor >= BW_KUBE_MINOR_MIN))
		return 0;
	if (bw_kube_text_copy(text, size, version, sizeof(version), "gitVersion") < 0)
		version[0] = '\0';
	bw_json_clean(version);
	return bw_reject(err, BW_ERR_UNSUPPORTED, EPROTONOSUPPORT,
			 "the API server is Kubernetes %s, barewire needs 1.%d or newer",
			 version[0] ? version : "older than that", BW_KUBE_MINOR_MIN);
}

int bw_kube_require_version(struct bw_loop *loop, struct bw_kube_client *c, struct bw_err *err)
{
	struct bw_kube_request r = { .verb = BW_KUBE_RAW, .path = "/version" };
	bw_autokubereply struct bw_kube_reply reply = { 0 };
	int e = bw_kube_do(loop, c, &r, &reply, err);

	if (e == 0)
		e = bw_kube_reply_err(&reply, err);
	if (e < 0)
		return bw_wrap(err, e, "ask the API server for its version");
	return bw_kube_version_check(reply.body, reply.body_size, err);
}
