/* SPDX-License-Identifier: Apache-2.0 */
/* Statuses of the API server and what follows from them; resource versions. */
#include <string.h>

#include <bw/json.h>
#include <bw/kube_status.h>
#include <bw/kube_text.h>

#define MS_PER_S 1000

static void get_cut(struct bw_kube_slice in, const char *key, char *ret, size_t cap)
{
	bw_autofree char *text = NULL;
	size_t size;

	if (bw_kube_text_get(in, &in, key, NULL) < 0 || bw_kube_text_strdup(in, &text) < 0)
		return;
	bw_json_clean(text);
	size = strlen(text);
	if (size >= cap) {
		size = cap - 1;
		/* Not through the middle of a character. */
		while (size && ((unsigned char)text[size] & 0xc0) == 0x80)
			size--;
	}
	memcpy(ret, text, size);
	ret[size] = '\0';
}

static void get_details(struct bw_kube_slice in, struct bw_kube_status *s)
{
	struct bw_kube_slice value, cause, reason;
	struct bw_kube_iter it;
	int64_t seconds = 0;

	if (bw_kube_text_get(in, &in, "details", NULL) < 0)
		return;
	if (bw_kube_text_get(in, &value, "retryAfterSeconds", NULL) == 0 &&
	    bw_kube_text_int(value, &seconds) == 0 && seconds > 0)
		s->retry_ms = seconds > BW_KUBE_RETRY_MAX_MS / MS_PER_S
				      ? BW_KUBE_RETRY_MAX_MS
				      : (unsigned int)seconds * MS_PER_S;
	if (bw_kube_text_get(in, &value, "causes", NULL) < 0 || bw_kube_iter_init(&it, value) < 0)
		return;
	while (bw_kube_iter_next(&it, NULL, &cause) > 0) {
		if (bw_kube_text_get(cause, &reason, "reason", NULL) == 0 &&
		    bw_kube_text_is(reason, "ResourceVersionTooLarge"))
			s->too_new = 1;
	}
}

void bw_kube_status_read(struct bw_kube_slice in, struct bw_kube_status *ret)
{
	struct bw_kube_slice value;
	int64_t code = 0;

	memset(ret, 0, sizeof(*ret));
	get_cut(in, "reason", ret->reason, sizeof(ret->reason));
	get_cut(in, "message", ret->message, sizeof(ret->message));
	get_details(in, ret);
	if (bw_kube_text_get(in, &value, "code", NULL) == 0 &&
	    bw_kube_text_int(value, &code) == 0 && code >= 100 && code <= 599)
		ret->code = (int)code;
}

int bw_kube_status_decode(const char *text, size_t size, struct bw_kube_status *ret)
{
	struct bw_kube_slice in = { text, size };
	struct bw_kube_slice value;

	memset(ret, 0, sizeof(*ret));
	if (bw_kube_text_get(in, &value, "kind", NULL) < 0 || !bw_kube_text_is(value, "Status"))
		return -EBADMSG;
	bw_kube_status_read(in, ret);
	return 0;
}

/* What does not depend on more than the number. */
static const struct {
	int http;
	enum bw_kube_result result;
} by_code[] = {
	{ 400, BW_KUBE_INVALID },   { 401, BW_KUBE_UNAUTHORIZED }, { 403, BW_KUBE_FORBIDDEN },
	{ 404, BW_KUBE_NOT_FOUND }, { 405, BW_KUBE_INVALID },      { 406, BW_KUBE_INVALID },
	{ 410, BW_KUBE_GONE },      { 413, BW_KUBE_INVALID },      { 415, BW_KUBE_INVALID },
	{ 422, BW_KUBE_INVALID },   { 429, BW_KUBE_THROTTLED },
};

enum bw_kube_result bw_kube_status_result(int http, const struct bw_kube_status *s,
					  unsigned int retry_ms)
{
	if (http >= 200 && http <= 299)
		return BW_KUBE_OK;
	if (http == 409)
		return strcmp(s->reason, "AlreadyExists") == 0 ? BW_KUBE_EXISTS : BW_KUBE_CONFLICT;
	if (http == 504 && s->too_new)
		return BW_KUBE_TOO_NEW;
	if ((http == 500 || http == 503) && (retry_ms || s->retry_ms))
		return BW_KUBE_THROTTLED;
	for (size_t i = 0; i < BW_ARRAY_SIZE(by_code); i++) {
		if (by_code[i].http == http)
			return by_code[i].result;
	}
	/* A redirect or an unknown refusal: nobody has done it, and nobody will. */
	return http >= 300 && http <= 499 ? BW_KUBE_INVALID : BW_KUBE_UNKNOWN;
}

int bw_kube_rv_cmp(const char *a, const char *b)
{
	size_t len_a, len_b;

	a += strspn(a, "0");
	b += strspn(b, "0");
	len_a = strlen(a);
	len_b = strlen(b);
	if (len_a != len_b)
		return len_a < len_b ? -1 : 1;
	return memcmp(a, b, len_a);
}
