/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol between a plugin and the daemon of its node: a stream socket, one JSON line each
 * way, then it is closed. Messages are pure; the client below is the plugin's side.
 *
 *     {"op":"claim","containerID":"...","ifname":"eth0","namespace":"db","name":"redis-0",
 *      "uid":"...","annotations":{"net.barewire.dev/claim":"redis-0"},"waitMs":30000}
 *     {"ok":true,"uid":"...","interface":"eth0","token":3}
 *     {"ok":false,"code":11,"msg":"claim db/redis-0 is Pending: ...","details":"..."}
 *
 * I1 The daemon answers a claim only when its binding is in the journal: the plugin reads it there.
 * I2 Neither side sends more than BW_AGENT_LINE_MAX bytes; what is longer is refused unread.
 * I3 The socket is the daemon's own folder's, mode 0600; the daemon takes root alone (SO_PEERCRED).
 */
#pragma once

#include <bw/cni_request.h>
#include <bw/defs.h>

struct bw_err;

#define BW_AGENT_DIR "/run/barewire"
#define BW_AGENT_SOCK BW_AGENT_DIR "/agent.sock"
#define BW_AGENT_SOCK_ENV "BAREWIRE_AGENT_SOCK" /* another path, for tests */
#define BW_AGENT_LINE_MAX 65536 /* bytes with the newline */
#define BW_AGENT_WAIT_MAX_MS 300000 /* longest wait a plugin may ask for */
#define BW_AGENT_GRACE_MS 2000 /* the client waits so much longer than it asked the daemon to */
#define BW_AGENT_ANNOTATION_PREFIX "net.barewire.dev/"
#define BW_AGENT_ANNOTATIONS_MAX 32 /* only those with the prefix are sent */

enum bw_agent_op {
	BW_AGENT_CLAIM, /* wait until the claim of this pod's interface is served here */
	BW_AGENT_STATUS, /* is the daemon able to serve? */
	BW_AGENT_NUDGE, /* the outbox has something new */
	BW_AGENT_OP_MAX_,
};

/* "claim", "status", "nudge"; "unknown" outside the enum. */
const char *bw_agent_op_str(enum bw_agent_op op);

struct bw_agent_annotation {
	const char *key; /* with the prefix */
	const char *value;
};

/* Texts are borrowed: from the tree after a decode, from the caller for an encode. */
struct bw_agent_request {
	enum bw_agent_op op;
	const char *container_id;
	const char *ifname;
	const char *ns; /* of the pod */
	const char *name;
	const char *uid; /* NULL = the runtime does not say */
	int has_annotations; /* 0 = the runtime does not pass them: the daemon has to find out */
	struct bw_agent_annotation annotations[BW_AGENT_ANNOTATIONS_MAX];
	size_t n_annotations;
	uint32_t wait_ms;
	struct cJSON *tree; /* owned; NULL when not decoded */
};

/**
 * bw_agent_request_decode() - read a request
 * @line: without the newline, need not be NUL-terminated
 * @size: bytes, below BW_AGENT_LINE_MAX
 * @ret: filled; bw_agent_request_done() frees it, also after a failure
 *
 * A claim needs containerID, ifname, namespace and name. Unknown keys are ignored.
 * Return: 0; -EBADMSG class DECODE; -EINVAL class INVALID; -EOPNOTSUPP class UNSUPPORTED an unknown
 * op; -ENOMEM.
 */
int bw_agent_request_decode(const char *line, size_t size, struct bw_agent_request *ret,
			    struct bw_err *err);

/* Frees what a decode made. NULL-safe. */
void bw_agent_request_done(struct bw_agent_request *req);

/* Writes it as one line with its newline; owned by the caller. 0; -E2BIG; -ENOMEM. */
int bw_agent_request_encode(const struct bw_agent_request *req, char **ret, struct bw_err *err);

/* Of annotations: the value of net.barewire.dev/<key>; NULL = absent. Borrowed. */
const char *bw_agent_request_annotation(const struct bw_agent_request *req, const char *key);

/* CNI error codes an answer may carry. Source: CNI specification 1.1.0 "Error". */
#define BW_AGENT_CODE_INVALID 7
#define BW_AGENT_CODE_AGAIN 11

struct bw_agent_reply {
	uint8_t ok;
	const char *uid; /* of the claim: where the binding is in the journal */
	const char *iface;
	uint64_t token;
	uint32_t code; /* not ok: BW_AGENT_CODE_* */
	const char *msg; /* not ok: names what is missing */
	const char *details; /* not ok: what to do; may be NULL */
	struct cJSON *tree; /* owned; NULL when not decoded */
};

/* As bw_agent_request_decode(). A claim's answer that is ok has uid, interface and token. Return:
 * 0; -EBADMSG class DECODE; -EINVAL class INVALID; -ENOMEM. */
int bw_agent_reply_decode(const char *line, size_t size, struct bw_agent_reply *ret,
			  struct bw_err *err);
/* Frees what a decode made. NULL-safe. */
void bw_agent_reply_done(struct bw_agent_reply *reply);
/* Writes it as one line with its newline; owned by the caller. Return: 0; -E2BIG; -ENOMEM. */
int bw_agent_reply_encode(const struct bw_agent_reply *reply, char **ret, struct bw_err *err);

/*
 * Makes the answer to a claim that failed: code 7 for class INVALID and UNSUPPORTED, else 11. Its
 * texts are @err's. Return: nothing, it cannot fail.
 */
void bw_agent_reply_from_err(const struct bw_err *err, struct bw_agent_reply *ret);

/**
 * bw_agent_call() - ask the daemon and wait for its answer
 * @path: of the socket; NULL = BW_AGENT_SOCK, or what BW_AGENT_SOCK_ENV names
 * @req: a claim waits .wait_ms and BW_AGENT_GRACE_MS, others BW_AGENT_GRACE_MS
 * @ret: the answer, also one that is not ok; bw_agent_reply_done() frees it
 *
 * Return: 0; -ENOENT class BUSY there is no daemon (no socket, or nobody listens); -ETIMEDOUT class
 * BUSY; -EPIPE class BUSY it went away without an answer; -EBADMSG, -EINVAL its answer is none;
 * -errno.
 */
int bw_agent_call(const char *path, const struct bw_agent_request *req, struct bw_agent_reply *ret,
		  struct bw_err *err);

/* Tells the daemon of new rows in the outbox: nobody waits, a failure is nobody's. */
void bw_agent_nudge(const char *path);
