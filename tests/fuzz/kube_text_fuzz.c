/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts of the API server, whatever they are: a stream cut in two places gives what it gives in
 * one piece, what is stripped once stays as it is, and every value that the walk finds the getter
 * finds too. The first two bytes say where the stream is cut.
 */
#include <assert.h>
#include <string.h>

#include <bw/err.h>
#include <bw/kube_text.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int collect(const char *text, size_t size, void *arg)
{
	struct bw_buf *b = arg;

	assert(bw_buf_append(b, text, size) == 0 && bw_buf_append(b, "|", 1) == 0);
	return 0;
}

static int same(const struct bw_buf *a, const struct bw_buf *b)
{
	return a->size == b->size && (!a->size || memcmp(a->data, b->data, a->size) == 0);
}

static int cut(enum bw_kube_cut_mode mode, const char *text, size_t size, size_t a, size_t b,
	       struct bw_buf *out, struct bw_buf *rest)
{
	const size_t borders[] = { 0, a < b ? a : b, a < b ? b : a, size };
	struct bw_kube_cut c;
	int r = 0;

	bw_kube_cut_init(&c, mode, collect, out);
	for (int i = 0; r == 0 && i < 3; i++)
		r = bw_kube_cut_feed(&c, text + borders[i], borders[i + 1] - borders[i], NULL);
	if (r == 0)
		r = bw_kube_cut_end(&c, NULL);
	assert(bw_buf_append(rest, bw_kube_cut_rest(&c).p, bw_kube_cut_rest(&c).size) == 0);
	bw_kube_cut_done(&c);
	return r;
}

static void check_cut(enum bw_kube_cut_mode mode, const char *text, size_t size, size_t a, size_t b)
{
	bw_autobuf struct bw_buf one = { 0 }, one_rest = { 0 };
	bw_autobuf struct bw_buf three = { 0 }, three_rest = { 0 };
	int r = cut(mode, text, size, 0, 0, &one, &one_rest);

	assert(cut(mode, text, size, a, b, &three, &three_rest) == r);
	assert(same(&one, &three));
	/* After an error a part may have been kept or not. */
	assert(r < 0 || same(&one_rest, &three_rest));
}

static void check_value(struct bw_kube_slice v)
{
	bw_autofree char *text = NULL;
	int64_t n;
	int b;

	(void)bw_kube_text_int(v, &n); /* whatever it is, ignoring */
	(void)bw_kube_text_bool(v, &b); /* likewise, ignoring */
	if (bw_kube_text_strdup(v, &text) == 0)
		assert(bw_kube_text_is(v, text) && strlen(text) + 2 <= v.size);
}

static void check_walk(struct bw_kube_slice in, int depth)
{
	struct bw_kube_slice key, value, found;
	struct bw_kube_iter it;

	if (bw_kube_iter_init(&it, in) < 0)
		return;
	while (bw_kube_iter_next(&it, &key, &value) > 0) {
		bw_autofree char *name = NULL;

		assert(value.p >= in.p && value.p + value.size <= in.p + in.size);
		check_value(value);
		if (key.size && bw_kube_text_strdup(key, &name) == 0) {
			int r = bw_kube_text_get(in, &found, name, NULL);

			/* The first of a name counts; null is no value. */
			assert(r == -ENOENT || (r == 0 && found.p <= value.p));
		}
		if (depth < 3)
			check_walk(value, depth + 1);
	}
}

/* What is kept of a text can be kept of it again, and its values are those of the text. */
static void check_keep(const char *text, size_t size)
{
	static const struct bw_kube_keep in[] = { { "name", NULL },
						  { "a*", NULL },
						  { NULL, NULL } };
	static const struct bw_kube_keep what[] = { { "metadata", in },
						    { "items", in },
						    { NULL, NULL } };
	bw_autobuf struct bw_buf once = { 0 }, twice = { 0 };
	struct bw_kube_slice a, b;

	if (bw_kube_text_keep(text, size, what, &once, NULL) < 0)
		return;
	assert(once.size <= size);
	assert(bw_kube_text_keep(once.data, once.size, what, &twice, NULL) == 0);
	assert(same(&once, &twice));
	if (bw_kube_text_get((struct bw_kube_slice){ text, size }, &a, "metadata", "name", NULL) ==
	    0)
		assert(bw_kube_text_get((struct bw_kube_slice){ once.data, once.size }, &b,
					"metadata", "name", NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bw_autobuf struct bw_buf once = { 0 }, twice = { 0 };
	const char *text = (const char *)data + 2;
	size_t a, b;

	if (size < 3)
		return 0;
	size -= 2;
	a = data[0] % (size + 1);
	b = data[1] * 7U % (size + 1);
	check_cut(BW_KUBE_CUT_LINES, text, size, a, b);
	check_cut(BW_KUBE_CUT_ITEMS, text, size, a, b);
	check_walk((struct bw_kube_slice){ text, size }, 0);
	check_keep(text, size);
	if (bw_kube_text_strip(text, size, &once, NULL) == 0) {
		assert(once.size <= size);
		assert(bw_kube_text_strip(once.data, once.size, &twice, NULL) == 0);
		assert(same(&once, &twice));
	}
	return 0;
}
