/* SPDX-License-Identifier: Apache-2.0 */
/* Flags of the daemons: what is taken, and what a person reads when one is wrong. */
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bw/err.h>
#include <bw/kube_daemon.h>

#define ARGS_MAX 8

struct got {
	const char *name;
	int nets;
	uint8_t quiet;
};

static int add_net(const char *value, void *arg, struct bw_err *err)
{
	struct got *g = arg;

	if (strcmp(value, "10.0.0.0/8") != 0)
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "expected 10.0.0.0/8");
	g->nets++;
	return 0;
}

/* Parses words parted by blanks; @said gets what was written to @fd. */
static int parse(const char *words, struct got *g, int fd, char said[256])
{
	const struct bw_daemon_flag flags[] = {
		{ "name", .text = &g->name },
		{ "net", .add = add_net, .arg = g },
		{ "quiet", .set = &g->quiet },
		{ .name = NULL },
	};
	const struct bw_daemon_about about = { "prog", "1.2", "usage: prog\n", flags };
	char *argv[ARGS_MAX] = { (char *)(uintptr_t) "prog" };
	bw_autofree char *copy = strdup(words);
	FILE *to = tmpfile();
	int argc = 1, r, keep = dup(fd);
	size_t n;

	assert_true(copy && to && keep >= 0);
	for (char *w = strtok(copy, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	*g = (struct got){ 0 };
	assert_int_equal(dup2(fileno(to), fd), fd);
	optind = 0; /* getopt_long() begins anew */
	r = bw_daemon_parse(argc, argv, &about);
	assert_int_equal(dup2(keep, fd), fd);
	close(keep);
	rewind(to);
	n = fread(said, 1, 255, to);
	said[n] = '\0';
	(void)fclose(to); /* a temporary file, ignoring */
	if (g->name)
		g->name = strcmp(g->name, "x") == 0 ? "x" : "another";
	return r;
}

static void values_are_taken_and_lists_grow(void **state)
{
	char said[256];
	struct got g;

	(void)state;
	assert_int_equal(parse("--name x --net 10.0.0.0/8 --net=10.0.0.0/8", &g, 2, said), 0);
	assert_string_equal(g.name, "x");
	assert_int_equal(g.nets, 2);
	assert_string_equal(said, "");
	assert_false(g.quiet);
	assert_int_equal(parse("--quiet --name x", &g, 2, said), 0);
	assert_true(g.quiet);
	assert_string_equal(g.name, "x");
	assert_int_equal(parse("", &g, 2, said), 0);
	assert_null(g.name);
}

static void questions_are_answered(void **state)
{
	char said[256];
	struct got g;

	(void)state;
	assert_int_equal(parse("--version", &g, 1, said), 1);
	assert_string_equal(said, "prog 1.2\n");
	assert_int_equal(parse("--help", &g, 1, said), 1);
	assert_string_equal(said, "usage: prog\n");
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *words, *said;
	} bad[] = {
		{ "--nope", "prog: --nope: there is no such flag (prog --help says more)\n" },
		{ "--name", "prog: --name: the value is missing (prog --help says more)\n" },
		{ "x", "prog: x: expected flags alone (prog --help says more)\n" },
		{ "--net 1", "prog: --net 1: expected 10.0.0.0/8 (prog --help says more)\n" },
	};
	char said[256];
	struct got g;

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++) {
		assert_int_equal(parse(bad[i].words, &g, 2, said), -EINVAL);
		assert_string_equal(said, bad[i].said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_taken_and_lists_grow),
		cmocka_unit_test(questions_are_answered),
		cmocka_unit_test(what_is_wrong_is_named),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
