/* SPDX-License-Identifier: Apache-2.0 */
/* The result of the plugins before this one in a chain, and of ADD itself for CHECK. */
#pragma once

#include <bw/cni_request.h>

struct bw_cni_result;
struct bw_err;

/**
 * bw_cni_prevresult() - read the request's prevResult
 * @req: the request, borrowed
 * @ret: empty on input; filled when there is one, of any supported version
 *
 * Return: 1 there is one; 0 there is none; -EINVAL class INVALID or -EPROTONOSUPPORT class VERSION,
 * naming the path under prevResult; -ENOMEM.
 */
int bw_cni_prevresult(const struct bw_cni_request *req, struct bw_cni_result *ret,
		      struct bw_err *err);

/**
 * bw_cni_prevresult_need() - the same for CHECK, which cannot do without
 *
 * Return: 0; -EINVAL class INVALID also when there is none; otherwise as bw_cni_prevresult().
 */
int bw_cni_prevresult_need(const struct bw_cni_request *req, struct bw_cni_result *ret,
			   struct bw_err *err);
