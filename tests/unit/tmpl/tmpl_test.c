/* SPDX-License-Identifier: Apache-2.0 */
/* Templates: what they make, and what each mistake is answered with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bw/err.h>
#include <bw/tmpl.h>

#include "failalloc.h"

static const char *const peer_fields[] = { "name", "address", NULL };

static void add_peer(struct bw_tmpl_names *n, const char *name, const char *address)
{
	struct bw_tmpl_names *item = NULL;

	assert_int_equal(bw_tmpl_add_item(n, "peers", &item, NULL), 0);
	assert_int_equal(bw_tmpl_put(item, "name", name, 0, NULL), 0);
	assert_int_equal(bw_tmpl_put(item, "address", address, 0, NULL), 0);
}

/* What a Unit has, with two peers. */
static struct bw_tmpl_names *unit_names(void)
{
	struct bw_tmpl_names *n = NULL;

	assert_int_equal(bw_tmpl_names_new(&n, NULL), 0);
	assert_int_equal(bw_tmpl_put(n, "unit.name", "redis-0", 0, NULL), 0);
	assert_int_equal(bw_tmpl_put(n, "unit.address", "10.99.2.77", 0, NULL), 0);
	assert_int_equal(bw_tmpl_put(n, "unit.address6", "", 0, NULL), 0);
	assert_int_equal(
		bw_tmpl_put(n, "secret.redis.password", "s3cr{{et", BW_TMPL_F_SECRET, NULL), 0);
	assert_int_equal(bw_tmpl_put_list(n, "peers", peer_fields, NULL), 0);
	assert_int_equal(bw_tmpl_put_list(n, "none", peer_fields, NULL), 0);
	add_peer(n, "redis-1", "10.99.2.78");
	add_peer(n, "redis-2", "10.99.2.79");
	return n;
}

static int render(const char *text, struct bw_tmpl_out *out, struct bw_err *err)
{
	bw_autotmplnames struct bw_tmpl_names *n = unit_names();
	bw_autotmpl struct bw_tmpl *t = NULL;
	int r = bw_tmpl_parse(text, strlen(text), &t, err);

	return r < 0 ? r : bw_tmpl_render(t, n, out, err);
}

struct made {
	const char *text;
	const char *becomes;
	int secret;
};

static const struct made made[] = {
	{ "", "", 0 },
	{ "plain { } }} text\n", "plain { } }} text\n", 0 },
	{ "bind {{unit.address}}\n", "bind 10.99.2.77\n", 0 },
	{ "bind {{ unit.address\t}}", "bind 10.99.2.77", 0 },
	{ "{\"a\":\"{{unit.address}}\"}", "{\"a\":\"10.99.2.77\"}", 0 },
	{ "{\"a\":{{unit.name}}}", "{\"a\":redis-0}", 0 },
	{ "{{#peers}}{{name}} {{address}};{{/peers}}", "redis-1 10.99.2.78;redis-2 10.99.2.79;",
	  0 },
	{ "{{#peers}}\nnode {{address}}\n{{/peers}}\nend\n",
	  "node 10.99.2.78\nnode 10.99.2.79\nend\n", 0 },
	{ "  {{#peers}}  \r\nnode {{address}}\r\n\t{{/peers}}",
	  "node 10.99.2.78\r\nnode 10.99.2.79\r\n", 0 },
	{ "{{#peers}}{{name}} of {{unit.name}},{{/peers}}",
	  "redis-1 of redis-0,redis-2 of redis-0,", 0 },
	{ "a {{#none}}{{name}}{{/none}}{{^none}}alone{{/none}}", "a alone", 0 },
	{ "{{^peers}}alone{{/peers}}", "", 0 },
	{ "{{#unit.address6}}v6 {{unit.address6}}{{/unit.address6}}{{^unit.address6}}v4{{/"
	  "unit.address6}}",
	  "v4", 0 },
	{ "{{#unit.address}}{{unit.address}}{{/unit.address}}", "10.99.2.77", 0 },
	{ "a\n{{! nothing of\n this }}\nb {{!c}}d\n", "a\nb d\n", 0 },
	{ "{{\"{{\"}}x{{\"}}\"}}{{ \"\" }}", "{{x}}", 0 },
	/* A value is not read again, and what holds a secret says so. */
	{ "pass {{secret.redis.password}}", "pass s3cr{{et", 1 },
	{ "{{#none}}{{secret.redis.password}}{{/none}}", "", 0 },
	{ "{{#secret.redis.password}}auth{{/secret.redis.password}}", "auth", 1 },
};

static void template_becomes_its_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(made); i++) {
		bw_autotmplout struct bw_tmpl_out out = { 0 };
		struct bw_err err = { 0 };
		int r = render(made[i].text, &out, &err);

		if (r != 0)
			print_message("%s: %s\n", made[i].text, err.msg);
		assert_int_equal(r, 0);
		assert_string_equal(out.text.data, made[i].becomes);
		assert_int_equal(out.text.size, strlen(made[i].becomes));
		assert_int_equal(out.secret, made[i].secret);
	}
}

struct refused {
	const char *text;
	const char *says;
	int r;
};

static const struct refused refused[] = {
	{ "a\n{{unit.adress}}", "line 2: unknown name unit.adress; is unit.address meant?",
	  EINVAL },
	{ "{{completely.other}}", "line 1: unknown name completely.other", EINVAL },
	/* Also where nothing is put out. */
	{ "{{#none}}\n{{adress}}{{/none}}", "line 2: unknown name adress; is address meant?",
	  EINVAL },
	{ "{{^peers}}{{nobody}}{{/peers}}", "line 1: unknown name nobody", EINVAL },
	{ "{{name}}", "line 1: unknown name name", EINVAL },
	{ "{{#nobody}}{{/nobody}}", "line 1: unknown name nobody", EINVAL },
	{ "{{peers}}",
	  "line 1: peers is a list: write {{#peers}} before and {{/peers}} after what each item is "
	  "to become",
	  EINVAL },
	{ "\n\n{{#peers}}", "line 3: the section peers is never closed", EINVAL },
	{ "{{/peers}}", "line 1: {{/peers}} ends no section", EINVAL },
	{ "{{#peers}}\n{{/none}}", "line 2: {{/none}} where the section peers of line 1 is open",
	  EINVAL },
	{ "a {{unit.address",
	  "line 1: a {{ has no }} on its line; write {{\"{{\"}} for the text {{", EINVAL },
	{ "a {{unit.address\n}}",
	  "line 1: a {{ has no }} on its line; write {{\"{{\"}} for the text {{", EINVAL },
	{ "{{", "line 1: a {{ has no }} on its line; write {{\"{{\"}} for the text {{", EINVAL },
	{ "{{}}", "line 1: \"\" is no name", EINVAL },
	{ "{{a b}}", "line 1: \"a b\" is no name", EINVAL },
	{ "{{.}}", "line 1: \".\" is no name", EINVAL },
	{ "{{a.}}", "line 1: \"a.\" is no name", EINVAL },
	{ "{{{unit.address}}}",
	  "line 1: {{{ is not known: values are never escaped, {{name}} is enough", EINVAL },
	{ "{{>file}}", "line 1: tags of the kind {{> are not known", EINVAL },
	{ "{{\"abc}}", "line 1: a literal {{\" has no second quote", EINVAL },
	{ "{{\"abc\" x}}", "line 1: a literal must end with \"}}", EINVAL },
	{ "{{#none}}{{#none}}{{#none}}{{#none}}{{#none}}{{#none}}{{#none}}{{#none}}{{#none}}",
	  "line 1: more than 8 sections inside each other", E2BIG },
};

static void mistake_is_named_with_its_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(refused); i++) {
		struct bw_tmpl_out out = { 0 };
		struct bw_err err = { 0 };

		assert_int_equal(render(refused[i].text, &out, &err), -refused[i].r);
		assert_string_equal(err.msg, refused[i].says);
		assert_int_equal(err.class, BW_ERR_INVALID);
		assert_null(out.text.data);
	}
}

static void item_without_a_field_is_an_error(void **state)
{
	static const char text[] = "{{#peers}}{{address}}{{/peers}}";
	bw_autotmplnames struct bw_tmpl_names *n = unit_names();
	bw_autotmpl struct bw_tmpl *t = NULL;
	bw_autotmplout struct bw_tmpl_out out = { 0 };
	struct bw_tmpl_names *item;
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(bw_tmpl_add_item(n, "peers", &item, NULL), 0);
	assert_int_equal(bw_tmpl_parse(text, strlen(text), &t, NULL), 0);
	assert_int_equal(bw_tmpl_check(t, n, NULL), 0);
	assert_int_equal(bw_tmpl_render(t, n, &out, &err), -EINVAL);
	assert_string_equal(err.msg, "line 1: item 3 of peers has no address");
}

static int collect(const char *name, void *arg)
{
	struct bw_buf *b = arg;

	assert_int_equal(bw_buf_printf(b, "%s ", name), 0);
	return strcmp(name, "stop") == 0 ? -ECANCELED : 0;
}

static void names_of_a_template_can_be_listed(void **state)
{
	static const char text[] = "{{a}} x {{#b}}{{c}}{{/b}}{{^d}}{{/d}}{{secret.s.k}}{{!e}}";
	static const char stops[] = "{{a}}{{stop}}{{b}}";
	bw_autotmpl struct bw_tmpl *t = NULL;
	bw_autotmpl struct bw_tmpl *t2 = NULL;
	bw_autobuf struct bw_buf b = { 0 };

	(void)state;
	assert_int_equal(bw_tmpl_parse(text, strlen(text), &t, NULL), 0);
	assert_int_equal(bw_tmpl_each_name(t, collect, &b), 0);
	assert_string_equal(b.data, "a b c d secret.s.k ");
	b.size = 0;
	assert_int_equal(bw_tmpl_parse(stops, strlen(stops), &t2, NULL), 0);
	assert_int_equal(bw_tmpl_each_name(t2, collect, &b), -ECANCELED);
	assert_string_equal(b.data, "a stop ");
}

static void wrong_names_are_refused(void **state)
{
	static const char *const none[] = { NULL };
	static const char *const bad_fields[] = { "a b", NULL };
	static const char *const wrong[] = { "", ".", "a.", "-a", "a b", "a{b", "\xc3\xa4" };
	const char *many[BW_TMPL_FIELDS_MAX + 2] = { NULL };
	bw_autotmplnames struct bw_tmpl_names *n = unit_names();
	struct bw_tmpl_names *item;
	char name[BW_TMPL_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(wrong); i++)
		assert_int_equal(bw_tmpl_put(n, wrong[i], "", 0, NULL), -EINVAL);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(bw_tmpl_put(n, name, "", 0, NULL), -EINVAL);
	name[BW_TMPL_NAME_MAX] = '\0';
	assert_int_equal(bw_tmpl_put(n, name, "", 0, NULL), 0);
	assert_int_equal(bw_tmpl_put(n, "unit.name", "", 0, NULL), -EEXIST);
	assert_int_equal(bw_tmpl_put_list(n, "unit.name", none, NULL), -EEXIST);
	assert_int_equal(bw_tmpl_put_list(n, "l", bad_fields, NULL), -EINVAL);
	for (size_t i = 0; i <= BW_TMPL_FIELDS_MAX; i++)
		many[i] = "f";
	assert_int_equal(bw_tmpl_put_list(n, "l", many, NULL), -E2BIG);
	many[BW_TMPL_FIELDS_MAX] = NULL;
	assert_int_equal(bw_tmpl_put_list(n, "l", many, NULL), 0);
	assert_int_equal(bw_tmpl_add_item(n, "unit.name", &item, NULL), -ENOENT);
	assert_int_equal(bw_tmpl_add_item(n, "nobody", &item, NULL), -ENOENT);
}

static void names_and_items_are_bounded(void **state)
{
	static const char *const none[] = { NULL };
	bw_autotmplnames struct bw_tmpl_names *n = NULL;
	struct bw_tmpl_names *item;
	char name[16];

	(void)state;
	assert_int_equal(bw_tmpl_names_new(&n, NULL), 0);
	assert_int_equal(bw_tmpl_put_list(n, "list", none, NULL), 0);
	for (int i = 1; i < BW_TMPL_NAMES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(bw_tmpl_put(n, name, name, 0, NULL), 0);
	}
	assert_int_equal(bw_tmpl_put(n, "more", "", 0, NULL), -E2BIG);
	for (int i = 0; i < BW_TMPL_NAMES_MAX; i++)
		assert_int_equal(bw_tmpl_add_item(n, "list", &item, NULL), 0);
	assert_int_equal(bw_tmpl_add_item(n, "list", &item, NULL), -E2BIG);
}

/* Lists inside lists multiply: 4096 * 4096 pieces are refused, with or without output. */
static void work_and_output_are_bounded(void **state)
{
	static const char deep[] = "{{#l}}{{#l}}{{#l}}{{/l}}{{/l}}{{/l}}";
	static const char wide[] = "{{#l}}{{#l}}0123456789{{/l}}{{/l}}";
	static const char *const none[] = { NULL };
	static char large[BW_TMPL_TEXT_MAX + 1];
	bw_autotmplnames struct bw_tmpl_names *n = NULL;
	bw_autotmpl struct bw_tmpl *t = NULL;
	bw_autotmpl struct bw_tmpl *t2 = NULL;
	bw_autotmpl struct bw_tmpl *t3 = NULL;
	bw_autotmplout struct bw_tmpl_out out = { 0 };
	struct bw_tmpl_names *item;

	(void)state;
	assert_int_equal(bw_tmpl_names_new(&n, NULL), 0);
	assert_int_equal(bw_tmpl_put_list(n, "l", none, NULL), 0);
	for (int i = 0; i < BW_TMPL_NAMES_MAX; i++)
		assert_int_equal(bw_tmpl_add_item(n, "l", &item, NULL), 0);
	assert_int_equal(bw_tmpl_parse(deep, strlen(deep), &t, NULL), 0);
	assert_int_equal(bw_tmpl_render(t, n, &out, NULL), -E2BIG);
	assert_int_equal(bw_tmpl_parse(wide, strlen(wide), &t2, NULL), 0);
	assert_int_equal(bw_tmpl_render(t2, n, &out, NULL), -E2BIG);
	memset(large, 'x', sizeof(large));
	assert_int_equal(bw_tmpl_parse(large, sizeof(large), &t3, NULL), -E2BIG);
	assert_int_equal(bw_tmpl_parse(large, sizeof(large) - 1, &t3, NULL), 0);
	assert_int_equal(bw_tmpl_render(t3, n, &out, NULL), 0);
	assert_int_equal(out.text.size, BW_TMPL_OUTPUT_MAX);
	bw_tmpl_free(&t3);
	for (size_t i = 0; i + 2 <= sizeof(large); i += 2)
		memcpy(large + i, i % 6 == 4 ? "}}" : i % 6 == 2 ? "#a" : "{{", 2);
	assert_int_equal(bw_tmpl_parse(large, sizeof(large) - 1, &t3, NULL), -E2BIG);
}

static void too_many_tags_are_refused(void **state)
{
	bw_autobuf struct bw_buf b = { 0 };
	bw_autotmpl struct bw_tmpl *t = NULL;

	(void)state;
	for (unsigned int i = 0; i <= 2 * BW_TMPL_TAGS_MAX; i++)
		assert_int_equal(bw_buf_append(&b, "{{a}}", 5), 0);
	assert_int_equal(bw_tmpl_parse(b.data, b.size, &t, NULL), -E2BIG);
	assert_int_equal(bw_tmpl_parse(b.data, b.size / 2 / 5 * 5, &t, NULL), 0);
}

static int all_of_it(void)
{
	static const char text[] = "{{#peers}}{{name}}{{/peers}}{{secret.s.k}}";
	bw_autotmplnames struct bw_tmpl_names *n = NULL;
	bw_autotmpl struct bw_tmpl *t = NULL;
	bw_autotmplout struct bw_tmpl_out out = { 0 };
	struct bw_tmpl_names *item;
	int r = bw_tmpl_names_new(&n, NULL);

	if (r == 0)
		r = bw_tmpl_put(n, "secret.s.k", "v", BW_TMPL_F_SECRET, NULL);
	if (r == 0)
		r = bw_tmpl_put_list(n, "peers", peer_fields, NULL);
	if (r == 0)
		r = bw_tmpl_add_item(n, "peers", &item, NULL);
	if (r == 0)
		r = bw_tmpl_put(item, "name", "a", 0, NULL);
	if (r == 0)
		r = bw_tmpl_parse(text, strlen(text), &t, NULL);
	return r < 0 ? r : bw_tmpl_render(t, n, &out, NULL);
}

static void no_memory_is_an_error_everywhere(void **state)
{
	(void)state;
	fail_alloc_everywhere(all_of_it);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(template_becomes_its_text),
		cmocka_unit_test(mistake_is_named_with_its_line),
		cmocka_unit_test(item_without_a_field_is_an_error),
		cmocka_unit_test(names_of_a_template_can_be_listed),
		cmocka_unit_test(wrong_names_are_refused),
		cmocka_unit_test(names_and_items_are_bounded),
		cmocka_unit_test(work_and_output_are_bounded),
		cmocka_unit_test(too_many_tags_are_refused),
		cmocka_unit_test(no_memory_is_an_error_everywhere),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("tmpl", tests, NULL, NULL);
}
