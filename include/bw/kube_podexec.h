/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command in a container of a pod, by WebSocket (v5.channel.k8s.io, else v4): its output, its
 * exit status, its terminal. Needs get and create on pods/exec.
 *
 * I1 .done is called exactly once for a call that was started and not cancelled, never from inside
 *    bw_kube_podexec_start().
 * I2 A call that ended without the command's status may have run it: BW_KUBE_UNKNOWN says so.
 * I3 Every call ends by its deadline, and keeps at most its limit of output.
 */
#pragma once

#include <bw/defs.h>
#include <bw/kube_client.h>

struct bw_err;

#define BW_KUBE_PODEXEC_ARGS_MAX 256
#define BW_KUBE_PODEXEC_ARGS_SIZE_MAX 32768U /* bytes of all arguments: they travel in the URL */
#define BW_KUBE_PODEXEC_INPUT_MAX (1U << 20) /* bytes of standard input that wait to be sent */
#define BW_KUBE_PODEXEC_OUTPUT_MAX (16U << 20) /* bytes of either output, at most */
#define BW_KUBE_PODEXEC_OUTPUT (1U << 20) /* the same, unless asked for otherwise */
#define BW_KUBE_PODEXEC_MS 30000U /* deadline unless asked for otherwise */

#define BW_KUBE_PODEXEC_F_STDIN (1U << 0) /* input may come by bw_kube_podexec_send() */
#define BW_KUBE_PODEXEC_F_TTY (1U << 1) /* a terminal; both outputs come as one */

/* Texts are borrowed until bw_kube_podexec_start() returns. NULL = not given. */
struct bw_kube_podexec_request {
	unsigned int flags; /* BW_KUBE_PODEXEC_F_* */
	const char *namespace;
	const char *pod;
	const char *container; /* NULL = the pod's default one */
	const char *const *argv; /* ended by NULL; no shell is involved */
	const char *input; /* NULL = none; it ends with its last byte unless F_STDIN is set */
	size_t input_size;
	size_t output_max; /* bytes of either output that are kept; 0 = BW_KUBE_PODEXEC_OUTPUT */
	unsigned int timeout_ms; /* 0 = BW_KUBE_PODEXEC_MS */
};

/* What became of it; everything is borrowed for the callback. */
struct bw_kube_podexec_answer {
	enum bw_kube_result result; /* OK: the command has run and ended, well or not */
	int http; /* of a refusal; 0 = none */
	int exit_code; /* 0..255; -1 unless .result is OK */
	unsigned int retry_ms; /* the server's wish; 0 = none */
	const char *reason; /* of the Status; "" */
	const char *message; /* one sentence for people */
	const char *out; /* NUL-terminated; with F_TTY or .data nothing, or what came of both */
	size_t out_size;
	const char *errout;
	size_t errout_size;
	int cut; /* more output came than was kept */
};

/* A call in flight; lives in its owner, who must not move it. */
struct bw_kube_podexec {
	struct bw_kube_client *client; /* NULL = idle */
	void (*done)(const struct bw_kube_podexec_answer *a, void *arg);
	/* Optional: pieces of output as they come, which are not kept then. @fd is 1 or 2. */
	void (*data)(int fd, const char *data, size_t size, void *arg);
	/* Optional: what bw_kube_podexec_send() refused may be sent now. Also once at the start. */
	void (*writable)(void *arg);
	void *arg;
	void *impl; /* the client's own */
};

/**
 * bw_kube_podexec_start() - run a command in a container
 * @c: client
 * @r: borrowed for the call
 * @x: .done and .arg set, idle; the caller's until .done or bw_kube_podexec_cancel()
 *
 * Return: 0; -EINVAL class INVALID a name no path can hold, no command, or more than the bounds;
 * -ENOTSUP this client runs none; -ENOMEM. .done is not called then.
 */
int bw_kube_podexec_start(struct bw_kube_client *c, const struct bw_kube_podexec_request *r,
			  struct bw_kube_podexec *x, struct bw_err *err);

/* Forgets a call: .done never comes. The command goes on until it minds. Harmless when idle. */
void bw_kube_podexec_cancel(struct bw_kube_podexec *x);

/**
 * bw_kube_podexec_send() - more standard input
 * @x: started with F_STDIN
 * @data: copied; whole or not at all
 *
 * Return: 0; -EAGAIN too much waits already: .writable tells when; -EPIPE the call has ended or its
 * input has; -ENOMEM.
 */
int bw_kube_podexec_send(struct bw_kube_podexec *x, const void *data, size_t size);

/* Ends the standard input. 0; -EPIPE it has ended; -ENOTSUP the server speaks v4 alone; -ENOMEM. */
int bw_kube_podexec_send_end(struct bw_kube_podexec *x);

/* The terminal's size in characters. 0; -EPIPE the call has ended; -ENOMEM. */
int bw_kube_podexec_resize(struct bw_kube_podexec *x, unsigned int width, unsigned int height);
