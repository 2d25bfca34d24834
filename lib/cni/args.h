/* SPDX-License-Identifier: Apache-2.0 */
/* CNI_ARGS: KEY=VALUE;KEY=VALUE. */
#pragma once

#include <bw/cni_request.h>

struct bw_err;

/*
 * Fills args, n_args, ignore_unknown and own_args of @req. @known as in bw_cni_request_new().
 * With @lenient what is bad is left out and logged. 0; -EINVAL class ENVIRONMENT; -ENOMEM.
 */
int bw_cni_args_parse(struct bw_cni_request *req, const char *text, const char *const *known,
		      int lenient, struct bw_err *err);
