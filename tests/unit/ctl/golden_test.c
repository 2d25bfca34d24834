/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects in, plan out: each file of golden/ is one story.
 *
 *     + {...}                 the object is there
 *     > claim NS/NAME         one reconcile; the lines up to the next mark are its plan
 *     ! MS                    time passes
 *
 * Nobody leads, so nothing is carried out: what a plan assumes of itself stays assumed.
 * UPDATE=1 writes the plans into the files.
 */
#include <dirent.h>

#include <bw/buf.h>

#include "bed.h"

#define DIR_NAME "tests/unit/ctl/golden"
#define LINE_MAX_ 8192

static const struct {
	const char *word;
	enum sim_kind_id kind;
	bw_reconcile_fn fn;
} verbs[] = {
	{ "claim", SIM_CLAIM, ctl_claim_reconcile },
	{ "pod", SIM_POD, ctl_pod_reconcile },
	{ "address", SIM_ADDRESS, ctl_address_reconcile },
	{ "pool", SIM_POOL, ctl_pool_reconcile },
	{ "node", SIM_NODE, ctl_node_reconcile },
	{ "epoch", SIM_EPOCH, ctl_epoch_reconcile },
};

static struct bw_kube_store *store_of(struct bed *b, enum sim_kind_id kind)
{
	switch (kind) {
	case SIM_CLAIM:
		return b->ipam->st.claims;
	case SIM_POD:
		return b->ipam->st.pods;
	case SIM_ADDRESS:
		return b->ipam->st.addresses;
	case SIM_POOL:
		return b->ipam->st.pools;
	case SIM_NODE:
		return b->ipam->st.nodes;
	default:
		return b->ipam->st.epochs;
	}
}

static void reconcile(struct bed *b, const char *what, struct bw_buf *out)
{
	char word[32];
	char key[300];
	struct bw_plan *plan = NULL;
	bw_autofree char *text = NULL;
	struct bw_err err = { 0 };
	char *slash;

	assert_int_equal(sscanf(what, "%31s %299s", word, key), 2);
	slash = strchr(key, '/');
	assert_non_null(slash);
	*slash = '\0';
	for (size_t i = 0; i < BW_ARRAY_SIZE(verbs); i++) {
		struct bw_kube_object *o;

		if (strcmp(verbs[i].word, word) != 0)
			continue;
		bed_run(b, 2000);
		b->ipam->ready = 1;
		b->ipam->leading = 1;
		o = bw_kube_store_get(store_of(b, verbs[i].kind), key, slash + 1);
		assert_int_equal(bw_plan_new(&plan, &err), 0);
		if (verbs[i].fn(key, slash + 1, o, plan, b->ipam, &err) < 0)
			fail_msg("%s: %s", what, err.msg);
		assert_int_equal(bw_plan_print(plan, &text, &err), 0);
		bw_plan_free(&plan);
		assert_int_equal(bw_buf_append(out, text, strlen(text)), 0);
		b->ipam->leading = 0;
		return;
	}
	fail_msg("no reconcile of %s", word);
}

/* Carries the file out; @out is what it should look like. */
static void play(struct bed *b, FILE *in, struct bw_buf *out)
{
	bw_autofree char *line = malloc(LINE_MAX_);
	int skip = 0;

	assert_non_null(line);
	while (fgets(line, LINE_MAX_, in)) {
		if (skip && line[0] == '{')
			continue;
		skip = 0;
		assert_int_equal(bw_buf_append(out, line, strlen(line)), 0);
		if (line[0] == '+')
			bed_put(b, line + 1);
		else if (line[0] == '!')
			bed_run(b, atoi(line + 1));
		if (line[0] != '>')
			continue;
		reconcile(b, line + 1, out);
		skip = 1;
	}
}

static int one(const char *name)
{
	bw_autobuf struct bw_buf got = { 0 };
	bw_autobuf struct bw_buf want = { 0 };
	struct bed *b = calloc(1, sizeof(*b));
	char path[512];
	char piece[4096];
	size_t n;
	FILE *f;
	int same;

	assert_non_null(b);
	(void)snprintf(path, sizeof(path), "%s/%s", DIR_NAME, name);
	f = fopen(path, "re");
	assert_non_null(f);
	bed_init(b);
	play(b, f, &got);
	rewind(f);
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		assert_int_equal(bw_buf_append(&want, piece, n), 0);
	(void)fclose(f);
	bed_done(b);
	free(b);
	same = got.size == want.size && memcmp(got.data, want.data, got.size) == 0;
	if (!same && getenv("UPDATE")) {
		f = fopen(path, "we");
		assert_non_null(f);
		assert_int_equal(fwrite(got.data, 1, got.size, f), got.size);
		(void)fclose(f);
	} else if (!same) {
		print_message("# %s: expected\n%s\n# got\n%s\n", name, want.data, got.data);
	}
	return same;
}

static int is_story(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return len > 4 && strcmp(d->d_name + len - 4, ".txt") == 0;
}

static void each_story_ends_as_written(void **state)
{
	struct dirent **all = NULL;
	int n = scandir(DIR_NAME, &all, is_story, alphasort);
	int bad = 0;

	(void)state;
	assert_true(n > 0);
	for (int i = 0; i < n; i++) {
		bad += !one(all[i]->d_name);
		free(all[i]);
	}
	free(all);
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_story_ends_as_written) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
