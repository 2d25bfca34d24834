/* SPDX-License-Identifier: Apache-2.0 */
/* barewire ipam show | who: the node's journal for people; and the table of the topic's verbs. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <bw/err.h>
#include <bw/ipam.h>
#include <bw/journal.h>
#include <bw/json.h>

#include "cli.h"
#include "ipam.h"

const char *cli_ipam_dir(const struct cli_args *args)
{
	return args->dir ? args->dir : BW_JOURNAL_DIR_DEFAULT;
}

/* One address with its holder; what show and who print. */
struct view {
	struct bw_journal *j;
	const struct cli_args *args;
	struct bw_json_build build;
	struct cJSON *list; /* borrowed from build */
	struct bw_attachment *holder; /* scratch: rows are large */
	char boot_id[BW_BOOT_ID_LEN + 1];
	unsigned int n;
};

/* What can be said of an address: held, cooling, or held by a container that is gone. */
static const char *state_of(const struct view *v, const struct bw_journal_addr *a, int has_holder)
{
	if (!a->attachment)
		return "cooling";
	if (!has_holder)
		return "orphan";
	if (bw_ipam_stale(v->holder, v->boot_id))
		return "gone";
	return v->holder->state == BW_ATTACH_LIVE     ? "live"
	       : v->holder->state == BW_ATTACH_ADDING ? "adding"
						      : "deleting";
}

static void put_json(struct view *v, const struct bw_journal_addr *a, const char *state,
		     int has_holder)
{
	struct cJSON *o = bw_json_put_object(&v->build, v->list, NULL);
	char s[BW_IP_STR_MAX];

	bw_json_put_str(&v->build, o, "address", bw_ip_str(&a->ip, s));
	bw_json_put_int(&v->build, o, "prefix", a->prefix_len);
	bw_json_put_str(&v->build, o, "domain", a->domain);
	bw_json_put_str(&v->build, o, "state", state);
	bw_json_put_str(&v->build, o, "key", a->key);
	if (a->cooling_until_s)
		bw_json_put_int(&v->build, o, "coolingUntil", a->cooling_until_s);
	if (!has_holder)
		return;
	bw_json_put_str(&v->build, o, "container", v->holder->container_id);
	bw_json_put_str(&v->build, o, "ifname", v->holder->ifname);
	bw_json_put_str(&v->build, o, "pod", v->holder->pod);
	bw_json_put_str(&v->build, o, "network", v->holder->network);
	bw_json_put_str(&v->build, o, "program", v->holder->program);
	bw_json_put_str(&v->build, o, "netns", v->holder->netns);
	bw_json_put_int(&v->build, o, "since", v->holder->since_s);
}

static void print_row(const struct view *v, const struct bw_journal_addr *a, const char *state,
		      int has_holder)
{
	char s[BW_IP_STR_MAX];
	char left[64] = "";

	if (a->cooling_until_s)
		/* fits, ignoring */
		(void)snprintf(left, sizeof(left), " (%lld s left)",
			       (long long)(a->cooling_until_s - bw_clock_real_s()));
	/* Nobody reads what cannot be printed, ignoring. */
	(void)printf("%-20s  %-12s  %-9s  %-14.14s  %-8s  %-12s  %s%s\n", bw_ip_str(&a->ip, s),
		     a->domain, state, has_holder ? v->holder->container_id : "-",
		     has_holder ? v->holder->ifname : "-", has_holder ? v->holder->network : "-",
		     a->key, left);
}

/* Between two reads it was given back: that is no orphan. */
static int changed_hands(const struct view *v, const struct bw_journal_addr *a)
{
	struct bw_journal_addr now;

	return bw_journal_addr_get(v->j, a->domain, &a->ip, &now, NULL) != 1 ||
	       now.attachment != a->attachment;
}

static int view_addr(const struct bw_journal_addr *a, void *arg, struct bw_err *err)
{
	struct view *v = arg;
	const char *state;
	int r = 0;

	if (v->args->domain && strcmp(v->args->domain, a->domain) != 0)
		return 0;
	if (a->attachment)
		r = bw_journal_attach_get_id(v->j, a->attachment, v->holder, err);
	if (r == 0 && a->attachment && changed_hands(v, a))
		return 0;
	if (r < 0)
		return r;
	state = state_of(v, a, r > 0);
	if (v->args->json)
		put_json(v, a, state, r > 0);
	else if (v->n == 0)
		(void)printf("%-20s  %-12s  %-9s  %-14s  %-8s  %-12s  %s\n", "ADDRESS", "DOMAIN",
			     "STATE", "CONTAINER", "IF", "NETWORK", "FOR");
	if (!v->args->json)
		print_row(v, a, state, r > 0);
	v->n++;
	return 0;
}

static int view_open(struct view *v, const struct cli_args *args, struct bw_err *err)
{
	int r = bw_journal_open(cli_ipam_dir(args), BW_JOURNAL_F_READ, &v->j, err);

	/* Before the first ADD there is no file: nothing is in use. */
	if (r < 0 && r != -ENOENT)
		return r;
	v->args = args;
	v->holder = malloc(sizeof(*v->holder));
	if (!v->holder)
		return bw_fail(err, ENOMEM, "read the journal");
	if (args->json)
		v->list =
			bw_json_put_array(&v->build, bw_json_build_object(&v->build), "addresses");
	return bw_boot_id(v->boot_id, err);
}

static void view_done(struct view *v)
{
	bw_journal_close(&v->j);
	bw_json_build_done(&v->build);
	free(v->holder);
}

static int run_show(const struct cli_args *args)
{
	BW_CLEANUP(view_done) struct view v = { 0 };
	struct bw_err err = { 0 };
	int r = view_open(&v, args, &err);

	if (r == 0 && v.j)
		r = bw_journal_addr_each(v.j, args->domain, view_addr, &v, &err);
	if (r < 0)
		return cli_fail(&err);
	if (args->json)
		return cli_print_json(&v.build);
	if (!v.n)
		(void)printf("no address is in use\n"); /* as above, ignoring */
	return CLI_OK;
}

static int run_who(const struct cli_args *args)
{
	BW_CLEANUP(view_done) struct view v = { 0 };
	struct bw_err err = { 0 };
	struct bw_ip ip;
	int r;

	if (bw_ip_parse(args->words[0], &ip) < 0) {
		(void)bw_reject(&err, BW_ERR_INVALID, EINVAL,
				"expected an address such as 10.1.0.7 or fd00::7, got \"%.64s\"",
				args->words[0]);
		return cli_fail(&err);
	}
	r = view_open(&v, args, &err);
	if (r == 0 && v.j)
		r = bw_journal_addr_who(v.j, &ip, view_addr, &v, &err);
	if (r < 0)
		return cli_fail(&err);
	if (args->json && cli_print_json(&v.build) != CLI_OK)
		return CLI_FAILED;
	if (!v.n && !args->json)
		(void)printf("%s is held by nobody on this node\n",
			     args->words[0]); /* as above, ignoring */
	return v.n ? CLI_OK : CLI_FOUND;
}

static const struct cli_verb verbs[] = {
	{ "show", "", "list the addresses in use on this node, and who holds them",
	  "states: live, adding, deleting (a plugin is at work or was killed), cooling (free after\n"
	  "a while), gone (its container no longer exists: whoever declares the address gets it)\n",
	  0, 0, run_show },
	{ "who", "ADDRESS", "say who holds an address",
	  "exit code 0: somebody does, or it cools; 1: nobody on this node\n", 1, 1, run_who },
	{ "check", "", "compare the journal with itself and with the containers that live",
	  "exit code 0: it is sound; 1: something was found; 2: it cannot be read\n", 0, 0,
	  cli_ipam_check },
	{ "repair", "", "mend the journal, or save what can be read of it",
	  "removes what earlier boots left, and derives anew what can be derived. A damaged file is\n"
	  "kept beside the new one. Do it while no container starts or stops.\n",
	  0, 0, cli_ipam_repair },
};

const struct cli_topic cli_topic_ipam = {
	.name = "ipam",
	.about = "addresses of this node",
	.verbs = verbs,
	.n_verbs = BW_ARRAY_SIZE(verbs),
};
