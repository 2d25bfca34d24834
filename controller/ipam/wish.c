/* SPDX-License-Identifier: Apache-2.0 */
/* Declared addresses by ordinal: entries parted by ';', or one range that is counted off. */
#include <ctype.h>
#include <string.h>

#include <bw/err.h>
#include <bw/range.h>

#include "wish.h"

#define ORDINAL_MAX 1000000000
#define ENTRY_MAX 192 /* bytes: two ranges, a comma, blanks, NUL */

static int beyond(const char *text, int64_t ordinal, struct bw_err *err)
{
	return bw_reject(err, BW_ERR_INVALID, ERANGE,
			 "the declared addresses \"%.200s\" have none for ordinal %lld", text,
			 (long long)ordinal);
}

static int bad(const char *what, struct bw_err *err)
{
	return bw_reject(err, BW_ERR_INVALID, EINVAL,
			 "expected an address such as 10.99.2.77, two of both families, a list "
			 "parted by ; or a range, got \"%.200s\"",
			 what);
}

/* Copies [@s, @s + @len) without blanks around it. Return: 0; -EINVAL it is empty or too long. */
static int trimmed(const char *s, size_t len, char out[ENTRY_MAX])
{
	while (len && isspace((unsigned char)*s)) {
		s++;
		len--;
	}
	while (len && isspace((unsigned char)s[len - 1]))
		len--;
	if (len == 0 || len >= ENTRY_MAX)
		return -EINVAL;
	memcpy(out, s, len);
	out[len] = '\0';
	return 0;
}

/* An address, or the @ordinal-th of a range. */
static int one(const char *part, int64_t ordinal, struct bw_ip *ret, struct bw_err *err)
{
	struct bw_interval i;

	if (!strchr(part, '-'))
		return bw_ip_parse(part, ret) < 0 ? bad(part, err) : 0;
	if (ordinal < 0)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "the range %.200s is for the pods of a StatefulSet: this pod has "
				 "no ordinal",
				 part);
	if (bw_interval_parse(part, &i) < 0)
		return bad(part, err);
	if (bw_ip_distance(&i.first, &i.last) < (uint64_t)ordinal)
		return beyond(part, ordinal, err);
	*ret = i.first;
	return bw_ip_add(ret, ordinal);
}

/* "A[,A6]" */
static int entry(const char *text, int64_t ordinal, struct bw_ip ret[CTL_WISH_FAMILIES],
		 size_t *ret_n, struct bw_err *err)
{
	const char *comma = strchr(text, ',');
	struct bw_ip ip[CTL_WISH_FAMILIES] = { 0 };
	char part[ENTRY_MAX];
	size_t n = 0;
	int r;

	for (const char *at = text; at && n < CTL_WISH_FAMILIES; n++) {
		const char *end = n == 0 ? comma : NULL;

		if (trimmed(at, end ? (size_t)(end - at) : strlen(at), part) < 0)
			return bad(text, err);
		r = one(part, ordinal, &ip[n], err);
		if (r < 0)
			return r;
		at = end ? end + 1 : NULL;
	}
	if (n == 2 && ip[0].family == ip[1].family)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "\"%.200s\" has two addresses of one family; for the next pod "
				 "write ; between them",
				 text);
	memcpy(ret, ip, n * sizeof(*ip));
	*ret_n = n;
	return 0;
}

int ctl_wish_parse(const char *text, int64_t ordinal, struct bw_ip ret[CTL_WISH_FAMILIES],
		   size_t *ret_n, struct bw_err *err)
{
	char buf[ENTRY_MAX];
	int64_t left = ordinal;

	if (strnlen(text, CTL_WISH_MAX + 1) > CTL_WISH_MAX)
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "more than %d characters",
				 CTL_WISH_MAX);
	if (!strchr(text, ';')) {
		if (trimmed(text, strlen(text), buf) < 0)
			return bad(text, err);
		/* A range counts for itself; a single address is the first pod's. */
		if (ordinal > 0 && !strchr(buf, '-'))
			return beyond(text, ordinal, err);
		return entry(buf, ordinal, ret, ret_n, err);
	}
	if (ordinal < 0)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "a list parted by ; is for the pods of a StatefulSet: this pod "
				 "has no ordinal");
	for (const char *at = text; at; left--) {
		const char *end = strchr(at, ';');

		if (left == 0) {
			if (trimmed(at, end ? (size_t)(end - at) : strlen(at), buf) < 0)
				return bad(text, err);
			return entry(buf, -1, ret, ret_n, err);
		}
		at = end ? end + 1 : NULL;
	}
	return beyond(text, ordinal, err);
}

int64_t ctl_pod_ordinal(const char *name)
{
	const char *dash = strrchr(name, '-');
	int64_t n = 0;

	if (!dash || dash == name || !dash[1] || (dash[1] == '0' && dash[2]))
		return -1;
	for (const char *p = dash + 1; *p; p++) {
		if (!isdigit((unsigned char)*p))
			return -1;
		n = n * 10 + (*p - '0');
		if (n > ORDINAL_MAX)
			return -1;
	}
	return n;
}
