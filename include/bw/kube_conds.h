/* SPDX-License-Identifier: Apache-2.0 */
/* The conditions of an object as they are and as they should be. */
#pragma once

#include <bw/json.h>
#include <bw/kube_meta.h>

#define BW_KUBE_CONDS_MAX 16 /* conf/crds: maxItems */
#define BW_KUBE_COND_TEXT_MAX 512 /* bytes; the CRDs allow more */

struct bw_kube_cond {
	char type[64];
	char reason[64];
	char message[BW_KUBE_COND_TEXT_MAX];
	char since[32]; /* RFC 3339; "" = now */
	uint8_t status; /* 1 True, 0 False */
	int64_t generation;
};

struct bw_kube_conds {
	struct bw_kube_cond v[BW_KUBE_CONDS_MAX];
	size_t n;
	uint8_t changed; /* what ought to be differs from what is */
};

/* Takes over what the object has. */
void bw_kube_conds_load(struct bw_kube_conds *c, const struct bw_kube_condition *from, size_t n);

/*
 * What a condition should say. A message is only a change when it differs before ", next in", the
 * part that counts down.
 */
void bw_kube_conds_set(struct bw_kube_conds *c, const char *type, int status, const char *reason,
		       int64_t generation, const char *fmt, ...) BW_PRINTF(6, 7);

/* Takes a condition away. */
void bw_kube_conds_clear(struct bw_kube_conds *c, const char *type);

/* The condition; NULL when there is none. */
const struct bw_kube_cond *bw_kube_conds_get(const struct bw_kube_conds *c, const char *type);

/* Writes the list as member "conditions"; what changed is dated @real_s. */
void bw_kube_conds_put(const struct bw_kube_conds *c, struct bw_json_build *b, struct cJSON *status,
		       int64_t real_s);
