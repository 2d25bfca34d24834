/* SPDX-License-Identifier: Apache-2.0 */
/* CNI_ARGS: pairs parted by semicolons, the first = parts key from value. */
#include <string.h>
#include <strings.h>

#include <bw/err.h>
#include <bw/log.h>

#include "args.h"

#define IGNORE_UNKNOWN "IgnoreUnknown"
#define SHOWN_MAX 80 /* characters of a refused pair in a message */

static int parse_bool(const char *value, int *ret)
{
	if (strcmp(value, "1") == 0 || strcasecmp(value, "true") == 0)
		*ret = 1;
	else if (strcmp(value, "0") == 0 || strcasecmp(value, "false") == 0)
		*ret = 0;
	else
		return -EINVAL;
	return 0;
}

/* One pair, cut out of the text already. */
static int take_pair(struct bw_cni_request *req, char *pair, struct bw_err *err)
{
	char *value = strchr(pair, '=');
	const char *held;

	if (!value || value == pair)
		return bw_reject(err, BW_ERR_ENVIRONMENT, EINVAL,
				 "CNI_ARGS: expected KEY=VALUE;KEY=VALUE, got \"%.*s\"", SHOWN_MAX,
				 pair);
	*value++ = '\0';
	if (strcmp(pair, IGNORE_UNKNOWN) == 0) {
		if (parse_bool(value, &req->ignore_unknown) < 0)
			return bw_reject(err, BW_ERR_ENVIRONMENT, EINVAL,
					 "CNI_ARGS: IgnoreUnknown: expected 1, 0, true or false, "
					 "got \"%.*s\"",
					 SHOWN_MAX, value);
		return 0;
	}
	held = bw_cni_request_arg(req, pair);
	if (held && strcmp(held, value) == 0)
		return 0;
	if (held)
		return bw_reject(err, BW_ERR_ENVIRONMENT, EINVAL,
				 "CNI_ARGS: %.*s is given twice, as \"%.*s\" and \"%.*s\"",
				 SHOWN_MAX, pair, SHOWN_MAX, held, SHOWN_MAX, value);
	if (req->n_args == BW_CNI_ARGS_MAX)
		return bw_reject(err, BW_ERR_ENVIRONMENT, EINVAL,
				 "CNI_ARGS: more than %d pairs, the first too many is %.*s",
				 BW_CNI_ARGS_MAX, SHOWN_MAX, pair);
	req->args[req->n_args++] = (struct bw_cni_arg){ .key = pair, .value = value };
	return 0;
}

static int is_known(const char *key, const char *const *known)
{
	if (strncmp(key, "K8S_", 4) == 0)
		return 1;
	for (; *known; known++)
		if (strcmp(*known, key) == 0)
			return 1;
	return 0;
}

static int check_known(const struct bw_cni_request *req, const char *const *known,
		       struct bw_err *err)
{
	for (size_t i = 0; !req->ignore_unknown && known && i < req->n_args; i++) {
		if (!is_known(req->args[i].key, known))
			return bw_reject(err, BW_ERR_ENVIRONMENT, EINVAL,
					 "CNI_ARGS: unknown key %.*s with value \"%.*s\"; "
					 "IgnoreUnknown=1 allows any",
					 SHOWN_MAX, req->args[i].key, SHOWN_MAX,
					 req->args[i].value);
	}
	return 0;
}

int bw_cni_args_parse(struct bw_cni_request *req, const char *text, const char *const *known,
		      int lenient, struct bw_err *err)
{
	char *save = NULL;

	if (!text || !*text)
		return 0;
	req->own_args = strdup(text);
	if (!req->own_args)
		return bw_fail(err, ENOMEM, "read CNI_ARGS");
	for (char *pair = strtok_r(req->own_args, ";", &save); pair;
	     pair = strtok_r(NULL, ";", &save)) {
		struct bw_err why = { 0 };
		int r = take_pair(req, pair, &why);

		if (r < 0 && !lenient) {
			if (err)
				*err = why;
			return r;
		}
		if (r < 0)
			bw_log_warn("leave out a bad argument", "error", why.msg);
	}
	return lenient ? 0 : check_known(req, known, err);
}

const char *bw_cni_request_arg(const struct bw_cni_request *req, const char *key)
{
	for (size_t i = 0; i < req->n_args; i++)
		if (strcmp(req->args[i].key, key) == 0)
			return req->args[i].value;
	return NULL;
}
