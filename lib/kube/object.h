/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of the cache made from the server's text. */
#pragma once

#include <bw/kube_store.h>

struct bw_buf;

/* bw_kube_object_new() with @trim (NULL = bw_kube_text_strip()) making the text that is kept. */
int bw_kube_object_make(const struct bw_kube_kind *kind, const char *text, size_t size,
			int (*trim)(const char *text, size_t size, struct bw_buf *out),
			struct bw_kube_object **ret, struct bw_err *err);
