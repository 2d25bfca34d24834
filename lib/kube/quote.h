/* SPDX-License-Identifier: Apache-2.0 */
/* Texts as JSON strings. */
#pragma once

#include <bw/defs.h>

struct bw_buf;

/* Appends @s between quotation marks; what is no UTF-8 becomes "?". 0; -ENOMEM. */
int bw_kube_quote(struct bw_buf *out, const char *s);
