/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of the cache made from the server's text. */
#pragma once

#include <bw/kube_store.h>

struct bw_kube_keep;

/* bw_kube_object_new() whose text has what @keep names; NULL = bw_kube_text_strip(). */
int bw_kube_object_make(const struct bw_kube_kind *kind, const char *text, size_t size,
			const struct bw_kube_keep *keep, struct bw_kube_object **ret,
			struct bw_err *err);
