/* SPDX-License-Identifier: Apache-2.0 */
/* barewire ipam check | repair: the journal against itself, and against the containers that live.
 */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/ipam.h>
#include <bw/journal.h>
#include <bw/json.h>

#include "cli.h"
#include "ipam.h"

struct fix {
	const struct cli_args *args;
	struct bw_journal *j;
	struct bw_json_build build;
	struct cJSON *findings; /* borrowed from build */
	struct cJSON *notes; /* likewise */
	char boot_id[BW_BOOT_ID_LEN + 1];
	unsigned int n; /* findings, or rows removed */
};

static void fix_done(struct fix *f)
{
	bw_journal_close(&f->j);
	bw_json_build_done(&f->build);
}

/*
 * What nothing of the kernel is left of, so that its row alone can go: a row of another boot, and
 * one of a delegate, whose caller has the kernel side.
 */
static int is_only_a_row(const struct fix *f, const struct bw_attachment *a)
{
	return strcmp(a->boot_id, f->boot_id) != 0 || strcmp(a->program, "barewire-ipam") == 0;
}

static void say(struct fix *f, struct cJSON *list, const char *text)
{
	if (f->args->json)
		bw_json_put_str(&f->build, list, NULL, text);
	else
		(void)printf("%s\n", text); /* nobody reads what cannot be printed, ignoring */
}

static void finding(const char *text, void *arg)
{
	struct fix *f = arg;

	f->n++;
	say(f, f->findings, text);
}

static int check_one(const struct bw_attachment *a, void *arg, struct bw_err *err)
{
	struct fix *f = arg;
	char text[512];

	(void)err;
	if (!bw_ipam_stale(a, f->boot_id))
		return 0;
	/* cut is fine, ignoring */
	(void)snprintf(text, sizeof(text), "container %.80s %s (network %.80s) no longer exists%s",
		       a->container_id, a->ifname, a->network,
		       is_only_a_row(f, a) ? "" : "; the runtime's DEL or GC removes it");
	if (is_only_a_row(f, a))
		finding(text, f);
	else
		say(f, f->notes, text);
	return 0;
}

static int check_all(struct fix *f, struct bw_err *err)
{
	int r = bw_boot_id(f->boot_id, err);

	if (r == 0)
		r = bw_journal_open(cli_ipam_dir(f->args), BW_JOURNAL_F_READ, &f->j, err);
	if (r == 0)
		r = bw_journal_check(f->j, finding, f, err);
	if (r >= 0)
		r = bw_journal_attach_each(f->j, NULL, check_one, f, err);
	return r;
}

int cli_ipam_check(const struct cli_args *args)
{
	BW_CLEANUP(fix_done) struct fix f = { .args = args };
	struct bw_err err = { 0 };
	struct cJSON *top = args->json ? bw_json_build_object(&f.build) : NULL;
	int r;

	if (args->json) {
		f.findings = bw_json_put_array(&f.build, top, "findings");
		f.notes = bw_json_put_array(&f.build, top, "notes");
	}
	r = check_all(&f, &err);
	if (r == -EBADMSG && args->json)
		finding(err.msg, &f);
	else if (r < 0)
		return cli_fail(&err);
	if (args->json) {
		bw_json_put_bool(&f.build, top, "sound", f.n == 0);
		if (cli_print_json(&f.build) != CLI_OK)
			return CLI_FAILED;
	} else if (f.n == 0) {
		(void)printf("%s is sound\n", bw_journal_path(f.j)); /* as above, ignoring */
	} else {
		(void)printf("run: barewire ipam repair%s%s\n", args->dir ? " --dir " : "",
			     args->dir ? args->dir : "");
	}
	return f.n == 0 ? CLI_OK : CLI_FOUND;
}

static int remove_one(const struct bw_attachment *a, void *arg, struct bw_err *err)
{
	struct fix *f = arg;
	int r;

	if (!bw_ipam_stale(a, f->boot_id) || !is_only_a_row(f, a))
		return 0;
	r = bw_journal_attach_remove(f->j, a->id, 0, err);
	if (r > 0)
		f->n++;
	return r < 0 ? r : 0;
}

static int repair_all(struct fix *f, struct bw_journal_repair *ret, struct bw_err *err)
{
	const char *dir = cli_ipam_dir(f->args);
	int r = bw_journal_repair(dir, ret, err);

	if (r == 0)
		r = bw_boot_id(f->boot_id, err);
	if (r == 0)
		r = bw_journal_open(dir, 0, &f->j, err);
	return r < 0 ? r : bw_journal_attach_each(f->j, NULL, remove_one, f, err);
}

static int print_repair_json(struct fix *f, const struct bw_journal_repair *done)
{
	struct cJSON *o = bw_json_build_object(&f->build);

	bw_json_put_uint(&f->build, o, "attachments", done->attachments - f->n);
	bw_json_put_uint(&f->build, o, "vfs", done->vf_holds);
	bw_json_put_uint(&f->build, o, "gone", f->n);
	bw_json_put_uint(&f->build, o, "lost", done->lost);
	if (done->kept[0])
		bw_json_put_str(&f->build, o, "kept", done->kept);
	return cli_print_json(&f->build);
}

int cli_ipam_repair(const struct cli_args *args)
{
	BW_CLEANUP(fix_done) struct fix f = { .args = args };
	struct bw_journal_repair done = { 0 };
	struct bw_err err = { 0 };

	if (repair_all(&f, &done, &err) < 0)
		return cli_fail(&err);
	if (args->json)
		return print_repair_json(&f, &done);
	/* Nobody reads what cannot be printed, ignoring. */
	(void)printf("%u attachments are in the journal\n", done.attachments - f.n);
	if (done.vf_holds)
		(void)printf("%u VFs are held\n", done.vf_holds);
	if (f.n)
		(void)printf("%u of containers that no longer exist were removed\n", f.n);
	if (done.kept[0])
		(void)printf("the damaged file is kept as %s\n", done.kept);
	if (done.lost)
		(void)printf("%u rows or tables could not be read whole: restart containers whose "
			     "addresses `barewire ipam show` does not list\n",
			     done.lost);
	return CLI_OK;
}
