/* SPDX-License-Identifier: Apache-2.0 */
/* What a runtime hands to a plugin: the CNI_* environment and the network configuration. */
#pragma once

#include <bw/defs.h>

struct bw_err;
struct cJSON;

#define BW_CNI_STDIN_MAX (1U << 20) /* bytes */
#define BW_CNI_CID_MAX 256 /* characters; longer container IDs are refused */
#define BW_CNI_NAME_MAX 256 /* characters of a network's name */
#define BW_CNI_IFNAME_MAX 15 /* IFNAMSIZ - 1 */
#define BW_CNI_ARGS_MAX 64 /* pairs */

enum bw_cni_verb {
	BW_CNI_ADD,
	BW_CNI_DEL,
	BW_CNI_CHECK,
	BW_CNI_GC,
	BW_CNI_STATUS,
	BW_CNI_VERSION,
	BW_CNI_MAX_,
};

/* "ADD" and so on; "unknown" outside the enum. */
const char *bw_cni_verb_str(enum bw_cni_verb verb);

/* The variables of the protocol as they were found; "" and NULL are the same. Borrowed texts. */
struct bw_cni_env {
	const char *command;
	const char *container_id;
	const char *netns;
	const char *ifname;
	const char *args;
	const char *path;
	int netns_override; /* CNI_NETNS_OVERRIDE is 1 or true: CNI_NETNS is not looked at */
};

/* Fills @ret from this process's environment; the texts live as long as that. */
void bw_cni_env_read(struct bw_cni_env *ret);

/**
 * bw_cni_env_check() - which verb is asked for, and has it all variables it needs
 * @env: see above
 * @ret_verb: filled on success
 *
 * Return: 0; -EINVAL class ENVIRONMENT naming every missing variable, or the bad one and its value.
 * Source: CNI specification 1.1.0, "Parameters"; statements 2 to 7 of the conformance tests.
 */
int bw_cni_env_check(const struct bw_cni_env *env, enum bw_cni_verb *ret_verb, struct bw_err *err);

struct bw_cni_arg {
	const char *key;
	const char *value;
};

/* Everything is owned by the request and valid until bw_cni_request_free(). */
struct bw_cni_request {
	enum bw_cni_verb verb;
	const char *container_id; /* NULL when the verb has none */
	const char *netns; /* NULL or "" when not given */
	const char *ifname;
	const char *cni_path; /* NULL when not given */
	struct bw_cni_arg args[BW_CNI_ARGS_MAX];
	size_t n_args;
	int ignore_unknown; /* IgnoreUnknown among the args */

	const char *stdin_text; /* unchanged bytes, for delegates */
	size_t stdin_size;
	struct cJSON *conf; /* parsed stdin */
	const char *version; /* cniVersion of conf, "0.1.0" when absent */
	const char *name; /* network name; NULL on DEL with a bad one */
	const char *type; /* NULL when not given */

	char *own_text; /* what stdin_text points to */
	char *own_args; /* what args point into */
};

/**
 * bw_cni_request_new() - check a request and make it a value
 * @env: its texts must outlive the request
 * @verb: what bw_cni_env_check() found
 * @text: the configuration as it came, not NULL; copied
 * @size: bytes
 * @args_known: CNI_ARGS keys that are accepted beside IgnoreUnknown and K8S_*, NULL-ended; NULL =
 * all
 * @ret: owned by the caller
 *
 * DEL is taken whatever the configuration says, as long as it is a JSON object: a bad name is NULL,
 * an unknown version becomes the newest, bad CNI_ARGS are left out; each with a log line.
 * Return: 0; -EBADMSG class DECODE; -EINVAL class INVALID or ENVIRONMENT (CNI_ARGS);
 * -EPROTONOSUPPORT class VERSION, also when the version has no such verb; -ENOMEM.
 */
int bw_cni_request_new(const struct bw_cni_env *env, enum bw_cni_verb verb, const char *text,
		       size_t size, const char *const *args_known, struct bw_cni_request **ret,
		       struct bw_err *err);
void bw_cni_request_free(struct bw_cni_request **req);
#define bw_autorequest BW_CLEANUP(bw_cni_request_free)

/**
 * bw_cni_request_check_netns() - CNI_NETNS must be another namespace than our own
 * @req: netns may be taken away on DEL: see below
 * @override: of struct bw_cni_env: check nothing
 *
 * Two stat(2), before anything is changed. DEL never fails here: a namespace that is our own, or
 * a file that is no namespace, is forgotten with a log line, so that nothing in it is touched.
 * Return: 0; -errno of stat(2) class NO_CONTAINER; -EINVAL class ENVIRONMENT: no namespace file;
 * -EEXIST class NETNS: our own.
 */
int bw_cni_request_check_netns(struct bw_cni_request *req, int override, struct bw_err *err);

/* Value of one CNI_ARGS key (exact case), NULL when absent. */
const char *bw_cni_request_arg(const struct bw_cni_request *req, const char *key);
