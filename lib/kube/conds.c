/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions: a list keyed by type; the time moves only with the status. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bw/kube_conds.h>

#include "time.h"

static void copy(char *out, size_t size, const char *s)
{
	(void)snprintf(out, size, "%s", s ? s : ""); /* a longer text is cut, ignoring */
}

void bw_kube_conds_load(struct bw_kube_conds *c, const struct bw_kube_condition *from, size_t n)
{
	c->n = 0;
	c->changed = 0;
	for (size_t i = 0; i < n && i < BW_KUBE_CONDS_MAX; i++) {
		struct bw_kube_cond *to = &c->v[c->n];

		/* No server would take it back: the write of all the others would fail with it. */
		if (!from[i].type || !*from[i].type)
			continue;
		c->n++;
		*to = (struct bw_kube_cond){ 0 };
		copy(to->type, sizeof(to->type), from[i].type);
		copy(to->reason, sizeof(to->reason),
		     from[i].reason && *from[i].reason ? from[i].reason : "Unknown");
		copy(to->message, sizeof(to->message), from[i].message);
		copy(to->since, sizeof(to->since), from[i].last_transition_time);
		to->status = from[i].status && strcmp(from[i].status, "True") == 0;
		to->generation = from[i].observed_generation;
	}
}

static struct bw_kube_cond *find(struct bw_kube_conds *c, const char *type)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->v[i].type, type) == 0)
			return &c->v[i];
	return NULL;
}

const struct bw_kube_cond *bw_kube_conds_get(const struct bw_kube_conds *c, const char *type)
{
	return find((struct bw_kube_conds *)c, type);
}

/* Equal up to the part that counts down. */
static int same_message(const char *a, const char *b)
{
	const char *x = strstr(a, ", next in");
	const char *y = strstr(b, ", next in");
	size_t n = x ? (size_t)(x - a) : strlen(a);
	size_t m = y ? (size_t)(y - b) : strlen(b);

	return n == m && memcmp(a, b, n) == 0;
}

void bw_kube_conds_set(struct bw_kube_conds *c, const char *type, int status, const char *reason,
		       int64_t generation, const char *fmt, ...)
{
	struct bw_kube_cond *at = find(c, type);
	char message[BW_KUBE_COND_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap); /* a longer text is cut, ignoring */
	va_end(ap);
	if (!at) {
		if (c->n == BW_KUBE_CONDS_MAX)
			return;
		at = &c->v[c->n++];
		memset(at, 0, sizeof(*at));
		copy(at->type, sizeof(at->type), type);
		c->changed = 1;
	} else if (at->status == !!status && strcmp(at->reason, reason) == 0 &&
		   same_message(at->message, message)) {
		return;
	}
	if (at->status != !!status)
		at->since[0] = '\0';
	at->status = !!status;
	at->generation = generation;
	copy(at->reason, sizeof(at->reason), reason);
	copy(at->message, sizeof(at->message), message);
	c->changed = 1;
}

void bw_kube_conds_clear(struct bw_kube_conds *c, const char *type)
{
	struct bw_kube_cond *at = find(c, type);

	if (!at)
		return;
	*at = c->v[--c->n];
	c->changed = 1;
}

void bw_kube_conds_put(const struct bw_kube_conds *c, struct bw_json_build *b, struct cJSON *status,
		       int64_t real_s)
{
	struct cJSON *list = bw_json_put_array(b, status, "conditions");
	char now[BW_KUBE_TIME_MAX];

	(void)bw_kube_time_str(real_s, now);
	for (size_t i = 0; i < c->n; i++) {
		const struct bw_kube_cond *v = &c->v[i];
		struct cJSON *o = bw_json_put_object(b, list, NULL);

		bw_json_put_str(b, o, "type", v->type);
		bw_json_put_str(b, o, "status", v->status ? "True" : "False");
		bw_json_put_str(b, o, "reason", v->reason);
		bw_json_put_str(b, o, "message", v->message);
		bw_json_put_int(b, o, "observedGeneration", v->generation);
		bw_json_put_str(b, o, "lastTransitionTime", v->since[0] ? v->since : now);
	}
}
