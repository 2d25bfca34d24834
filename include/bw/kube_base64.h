/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 of RFC 4648 section 4. */
#pragma once

#include <bw/buf.h>
#include <bw/defs.h>

/* Appends the bytes; white space in between is passed over. 0; -EBADMSG; -ENOMEM. */
int bw_kube_base64_decode(const char *text, size_t size, struct bw_buf *ret);

/* Appends the text. 0; -ENOMEM. */
int bw_kube_base64_encode(const void *data, size_t size, struct bw_buf *ret);
