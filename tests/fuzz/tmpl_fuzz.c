/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any template over a Unit's names: it is refused or rendered, within bounds; what the check lets
 * through only size can stop; no value is in an error's text.
 * fuzz seconds: 3
 */
#include <assert.h>
#include <string.h>

#include <bw/err.h>
#include <bw/tmpl.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECRET "Geheimnis-{{unit.address}}"

static void add_peer(struct bw_tmpl_names *n, const char *name)
{
	struct bw_tmpl_names *item = NULL;

	assert(bw_tmpl_add_item(n, "peers", &item, NULL) == 0);
	assert(bw_tmpl_put(item, "name", name, 0, NULL) == 0);
	assert(bw_tmpl_put(item, "address", "10.99.2.78", 0, NULL) == 0);
}

static struct bw_tmpl_names *make_names(void)
{
	static const char *const fields[] = { "name", "address", NULL };
	struct bw_tmpl_names *n = NULL;

	assert(bw_tmpl_names_new(&n, NULL) == 0);
	assert(bw_tmpl_put(n, "unit.address", "10.99.2.77", 0, NULL) == 0);
	assert(bw_tmpl_put(n, "unit.gateway", "", 0, NULL) == 0);
	assert(bw_tmpl_put(n, "secret.s.k", SECRET, BW_TMPL_F_SECRET, NULL) == 0);
	assert(bw_tmpl_put_list(n, "peers", fields, NULL) == 0);
	assert(bw_tmpl_put_list(n, "none", fields, NULL) == 0);
	add_peer(n, "a");
	add_peer(n, "b");
	return n;
}

static int seen(const char *name, void *arg)
{
	size_t *n = arg;

	assert(name[0] && strlen(name) <= BW_TMPL_NAME_MAX);
	++*n;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bw_autotmplnames struct bw_tmpl_names *n = make_names();
	bw_autotmpl struct bw_tmpl *t = NULL;
	bw_autotmplout struct bw_tmpl_out out = { 0 };
	struct bw_err err = { 0 };
	size_t tags = 0;
	int r = bw_tmpl_parse((const char *)data, size, &t, &err);

	assert(!strstr(err.msg, SECRET));
	if (r < 0) {
		assert(err.msg[0]);
		return 0;
	}
	assert(bw_tmpl_each_name(t, seen, &tags) == 0 && tags <= 2 * BW_TMPL_TAGS_MAX);
	r = bw_tmpl_check(t, n, &err);
	if (r < 0)
		assert(bw_tmpl_render(t, n, &out, &err) == r);
	else
		assert(bw_tmpl_render(t, n, &out, &err) == 0 || err.errnum == E2BIG);
	assert(!strstr(err.msg, SECRET));
	assert(out.text.size <= BW_TMPL_OUTPUT_MAX);
	/* A secret in the output is marked; the data can hold its text by chance. */
	if (out.text.data && memmem(out.text.data, out.text.size, SECRET, strlen(SECRET)))
		assert(out.secret || memmem(data, size, "Geheimnis", strlen("Geheimnis")));
	return 0;
}
