/* SPDX-License-Identifier: Apache-2.0 */
/* A kind of object as the API server knows it. Tables of them are generated from conf/crds. */
#pragma once

#include <bw/defs.h>

#define BW_KUBE_NAME_MAX 253 /* characters, RFC 1123 subdomain */
#define BW_KUBE_NS_MAX 63 /* characters, RFC 1123 label */
#define BW_KUBE_UID_MAX 63 /* characters; a UUID has 36 */
#define BW_KUBE_RV_MAX 31 /* characters; compared as decimal numbers (KEP-5504) */

struct bw_kube_kind {
	const char *group; /* "" = core */
	const char *version;
	const char *plural; /* lower case, as in paths */
	const char *kind;
	uint8_t namespaced;
};

/* Compares two resource versions as decimal numbers; "" is the smallest. <0, 0, >0 as strcmp(). */
int bw_kube_rv_cmp(const char *a, const char *b);
