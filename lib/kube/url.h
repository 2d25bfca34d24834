/* SPDX-License-Identifier: Apache-2.0 */
/* What a request looks like on the wire, without a connection. */
#pragma once

#include <bw/buf.h>
#include <bw/defs.h>
#include <bw/kube_client.h>

/* The URL behind the server's: path and query. Appended to @b. 0; -ENOMEM. */
int kube_url_build(const struct bw_kube_request *r, struct bw_buf *b);

/* Percent-encodes all but what RFC 3986 calls unreserved; appended to @b. 0; -ENOMEM. */
int kube_url_encode(struct bw_buf *b, const char *s);

const char *kube_url_method(enum bw_kube_verb verb);

/* Value of Content-Type; NULL = no body. */
const char *kube_url_content_type(enum bw_kube_verb verb);

/* Value of Accept. */
const char *kube_url_accept(const struct bw_kube_request *r);

/* Whether the server's state may change. */
int kube_url_is_write(enum bw_kube_verb verb);

/* DeleteOptions, appended to @b. 0; -ENOMEM. */
int kube_url_delete_options(const struct bw_kube_request *r, struct bw_buf *b);
