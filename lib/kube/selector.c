/* SPDX-License-Identifier: Apache-2.0 */
/* Label selectors: whether the labels of an object fit one. */
#include <string.h>

#include <bw/kube_meta.h>

static int among(const struct bw_kube_expression *e, const char *value)
{
	for (size_t i = 0; i < e->values.n; i++)
		if (strcmp(e->values.items[i], value) == 0)
			return 1;
	return 0;
}

static int parse(const char *text, long long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoll(text, &end, 10);
	return *text && !*end && !errno;
}

/* <0, 0, >0 in *@ret; 0 when one of them is no integer. */
static int compare(const struct bw_kube_expression *e, const char *value, int *ret)
{
	long long a, b;

	if (!value || e->values.n != 1 || !parse(value, &a) || !parse(e->values.items[0], &b))
		return 0;
	*ret = (a > b) - (a < b);
	return 1;
}

static int fits_in(const struct bw_kube_expression *e, const char *value)
{
	return value && among(e, value);
}

static int fits_not_in(const struct bw_kube_expression *e, const char *value)
{
	return !fits_in(e, value);
}

static int fits_exists(const struct bw_kube_expression *e, const char *value)
{
	(void)e;
	return value != NULL;
}

static int fits_does_not_exist(const struct bw_kube_expression *e, const char *value)
{
	(void)e;
	return !value;
}

static int fits_gt(const struct bw_kube_expression *e, const char *value)
{
	int order;

	return compare(e, value, &order) && order > 0;
}

static int fits_lt(const struct bw_kube_expression *e, const char *value)
{
	int order;

	return compare(e, value, &order) && order < 0;
}

static const struct {
	const char *op;
	int (*fits)(const struct bw_kube_expression *e, const char *value);
} operators[] = {
	{ "In", fits_in },         { "NotIn", fits_not_in },
	{ "Exists", fits_exists }, { "DoesNotExist", fits_does_not_exist },
	{ "Gt", fits_gt },         { "Lt", fits_lt },
};

int bw_kube_expression_match(const struct bw_kube_expression *e, const struct bw_kube_pair *labels,
			     size_t n)
{
	const char *value = bw_kube_pair_get(labels, n, e->key);

	for (size_t i = 0; i < BW_ARRAY_SIZE(operators); i++)
		if (strcmp(operators[i].op, e->op) == 0)
			return operators[i].fits(e, value);
	return 0;
}

int bw_kube_selector_match(const struct bw_kube_selector *s, const struct bw_kube_pair *labels,
			   size_t n)
{
	for (size_t i = 0; i < s->labels.n; i++) {
		const struct bw_kube_pair *want = &s->labels.items[i];
		const char *have = bw_kube_pair_get(labels, n, want->key);

		if (!have || strcmp(have, want->value) != 0)
			return 0;
	}
	for (size_t i = 0; i < s->expressions.n; i++)
		if (!bw_kube_expression_match(&s->expressions.items[i], labels, n))
			return 0;
	return 1;
}
