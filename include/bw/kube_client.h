/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to an API server, answered in the loop. What stands behind a client is a table of
 * two functions: libcurl (bw_kube_http), or a model server in the simulation. Everything above
 * speaks this alone.
 *
 * I1 .done is called exactly once for a call that was started and not cancelled, never from inside
 *    bw_kube_start().
 * I2 A call that ended without an answer may have been carried out: BW_KUBE_UNKNOWN says so.
 * I3 Bodies are texts of the fields we own; no document that was read is ever sent back.
 */
#pragma once

#include <bw/defs.h>
#include <bw/kube_kind.h>

struct bw_err;
struct bw_kube_call;
struct bw_kube_client;
struct bw_metrics;

enum bw_kube_verb {
	BW_KUBE_GET,
	BW_KUBE_LIST,
	BW_KUBE_WATCH,
	BW_KUBE_CREATE, /* POST */
	BW_KUBE_UPDATE, /* PUT; for Leases alone */
	BW_KUBE_APPLY, /* server-side apply */
	BW_KUBE_MERGE, /* RFC 7386; with metadata.resourceVersion in the body a compare-and-swap */
	BW_KUBE_STRATEGIC, /* a merge that knows lists by their keys; of the server's own kinds
			    */
	BW_KUBE_JSON_PATCH, /* RFC 6902 */
	BW_KUBE_DELETE, /* body: DeleteOptions, made from .uid and .resource_version */
	BW_KUBE_RAW, /* GET of .path: /version, /readyz */
	BW_KUBE_VERB_MAX_,
};
const char *bw_kube_verb_str(enum bw_kube_verb verb);

#define BW_KUBE_F_DRY_RUN (1U << 0)
#define BW_KUBE_F_METADATA (1U << 1) /* PartialObjectMetadata instead of objects */
#define BW_KUBE_F_BOOKMARKS (1U << 2) /* WATCH: allowWatchBookmarks */
#define BW_KUBE_F_INITIAL (1U << 3) /* WATCH: sendInitialEvents, with NotOlderThan */
#define BW_KUBE_F_TABLE (1U << 4) /* GET, LIST: as a Table, for people */
#define BW_KUBE_F_URGENT (1U << 5) /* passes the limit of calls in flight: Leases */

/* Texts are borrowed until bw_kube_start() returns. NULL = not given. */
struct bw_kube_request {
	enum bw_kube_verb verb;
	unsigned int flags; /* BW_KUBE_F_* */
	const struct bw_kube_kind *kind; /* NULL for RAW */
	const char *namespace; /* NULL in a LIST or WATCH of a namespaced kind = all */
	const char *name;
	const char *subresource; /* "status", "resize", "token", ... */
	const char *path; /* RAW */
	const char *manager; /* field manager of a write */
	const char *field_selector;
	const char *label_selector;
	const char *resource_version; /* LIST, WATCH: where from; DELETE: precondition */
	const char *match; /* LIST: resourceVersionMatch */
	const char *cont; /* LIST: continue */
	const char *uid; /* DELETE: precondition; always given for what was read */
	const char *propagation; /* DELETE: Background by default */
	int64_t grace_s; /* DELETE: 0 = the object's own, -1 = none at all */
	unsigned int limit; /* LIST: items a page; 0 = all */
	unsigned int timeout_ms; /* 0 = the verb's own; WATCH: timeoutSeconds of the server */
	const char *body;
	size_t body_size;
};

/* What became of a request, as far as the next step depends on it. */
enum bw_kube_result {
	BW_KUBE_OK, /* 2xx */
	BW_KUBE_EXISTS, /* 409 AlreadyExists */
	BW_KUBE_CONFLICT, /* 409 Conflict: a precondition or resourceVersion did not hold */
	BW_KUBE_NOT_FOUND, /* 404 */
	BW_KUBE_GONE, /* 410: the resourceVersion is too old */
	BW_KUBE_TOO_NEW, /* 504 ResourceVersionTooLarge */
	BW_KUBE_INVALID, /* 400, 413, 415, 422: no repetition helps */
	BW_KUBE_FORBIDDEN, /* 403 */
	BW_KUBE_UNAUTHORIZED, /* 401, after credentials were read again */
	BW_KUBE_THROTTLED, /* 429, and 500, 503 with Retry-After: nothing was done; .retry_ms */
	BW_KUBE_REFUSED, /* no connection: nothing was done */
	BW_KUBE_UNKNOWN, /* the connection broke, time ran out, or another 5xx: it may have been
			    done */
	BW_KUBE_RESULT_MAX_,
};
const char *bw_kube_result_str(enum bw_kube_result result);

/* An answer; everything is borrowed for the callback. */
struct bw_kube_answer {
	enum bw_kube_result result;
	int http; /* 0 = none came */
	unsigned int retry_ms; /* the server's wish; 0 = none */
	const char *reason; /* of the Status; "" */
	const char *message; /* one sentence for people, also when there is no Status */
	const char *body; /* NUL-terminated JSON of the object, the list, or the Status */
	size_t body_size;
};

/* A call in flight; lives in its owner, who must not move it. */
struct bw_kube_call {
	struct bw_kube_client *client; /* NULL = idle */
	void (*done)(const struct bw_kube_answer *a, void *arg);
	/*
	 * WATCH: called with pieces of the stream as they come, cut anywhere. LIST: optional; when
	 * given the body comes here and .done has none. Return 0; -errno ends the call.
	 */
	int (*data)(const char *data, size_t size, void *arg);
	void *arg;
	void *impl; /* the client's own */
};

struct bw_kube_podexec;
struct bw_kube_podexec_request;

struct bw_kube_client_ops {
	int (*start)(struct bw_kube_client *c, const struct bw_kube_request *r,
		     struct bw_kube_call *call, struct bw_err *err);
	void (*cancel)(struct bw_kube_call *call);
	void (*free)(struct bw_kube_client *c);
	/* Commands in containers, for <bw/kube_podexec.h> alone; NULL = it runs none. */
	int (*podexec_start)(struct bw_kube_client *c, const struct bw_kube_podexec_request *r,
			     struct bw_kube_podexec *x, struct bw_err *err);
	void (*podexec_cancel)(struct bw_kube_podexec *x);
	int (*podexec_put)(struct bw_kube_podexec *x, int channel, const void *data, size_t size,
			   int end);
};

/* First member of whatever implements a client. */
struct bw_kube_client {
	const struct bw_kube_client_ops *ops;
	struct bw_metrics *metrics; /* where requests are counted; NULL = nowhere */
};

/* From here on requests are counted in @m, borrowed until another one or NULL is given. */
static inline void bw_kube_client_measure(struct bw_kube_client *c, struct bw_metrics *m)
{
	c->metrics = m;
}

/**
 * bw_kube_start() - send a request
 * @c: client
 * @r: borrowed for the call
 * @call: .done, .data and .arg set, idle; the caller's until .done or bw_kube_cancel()
 *
 * Return: 0; -ENOMEM; -EINVAL class INVALID a name no path can hold, or a verb without what it
 * needs. .done is not called then.
 */
int bw_kube_start(struct bw_kube_client *c, const struct bw_kube_request *r,
		  struct bw_kube_call *call, struct bw_err *err);

/* Forgets a call: .done never comes. It may be carried out nevertheless. Harmless when idle. */
void bw_kube_cancel(struct bw_kube_call *call);

/*
 * For what implements a client: the call is idle and .done has run when it returns. The call's
 * owner may have freed it or started it again by then.
 */
void bw_kube_finish(struct bw_kube_call *call, const struct bw_kube_answer *a);

/* NULL-safe. Calls in flight must have been cancelled. */
void bw_kube_client_free(struct bw_kube_client **c);
