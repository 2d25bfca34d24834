/* SPDX-License-Identifier: Apache-2.0 */
/* What an endpoint looks like in bw_ep: for adding and for checking. */
#pragma once

#include "dir.h"

/* Fills the map's value. 0; -EINVAL class INVALID: more addresses than it holds. */
int dp_endpoint_fill(const struct bw_dp_endpoint *in, uint32_t slot, struct bw_ep *ret,
		     struct bw_err *err);
