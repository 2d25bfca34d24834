/* SPDX-License-Identifier: Apache-2.0 */
/* barewire unit list: a line for each Unit; and reading the one that a command names. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/loop.h>

#include "kube_cli.h"
#include "kube_unit.h"

void cli_unit_done(struct cli_unit *u)
{
	bw_db_unit_done(&u->o);
	bw_buf_done(&u->text);
}

int cli_unit_get(struct cli_session *s, const char *word, struct cli_unit *ret)
{
	struct bw_err err = { 0 };
	int r = cli_object_get(s, &bw_kind_unit, word, "unit list", ret->ns, &ret->text);

	if (r)
		return r;
	if (bw_db_unit_decode(ret->text.data, ret->text.size, &ret->o, &err) < 0)
		return cli_fail(&err);
	return CLI_OK;
}

const char *cli_unit_main(const struct bw_db_unit *u)
{
	if (u->spec.main_container_name)
		return u->spec.main_container_name;
	return u->spec.template.spec.containers.n == 1
		       ? u->spec.template.spec.containers.items[0].name
		       : NULL;
}

int cli_unit_has_run(const struct bw_db_unit *u, const char *id)
{
	for (size_t i = 0; i < u->status.actions_done.n; i++)
		if (strcmp(u->status.actions_done.items[i], id) == 0)
			return 1;
	return 0;
}

static const char *or_dash(const char *s)
{
	return s && *s ? s : "-";
}

static void print_head(const struct cli_kube_args *args)
{
	/* Nobody reads what cannot be printed, ignoring: here and below. */
	(void)printf("%-16s  %-20s  %-24s  %-16s  %-8s  %-5s  %5s  ", "NAMESPACE", "UNIT",
		     "ADDRESS", "NODE", "PHASE", "READY", "AGE");
	if (args->format == CLI_WIDE)
		(void)printf("%-8s  %-17s  %-12s  %-16s  %-24s  ", "PROCESS", "MAC", "NETWORK",
			     "REASON", "ACTION");
	(void)printf("%s\n", "TASK");
}

static void print_wide(const struct bw_db_unit *u, const struct bw_kube_condition *ready)
{
	const struct bw_db_unit_status_action *a = &u->status.action;
	char action[64] = "-";

	if (u->status.has_action)
		/* fits, ignoring */
		(void)snprintf(action, sizeof(action), "%s %s",
			       bw_db_unit_status_action_type_str(a->type),
			       bw_db_unit_status_action_phase_str(a->phase));
	(void)printf("%-8s  %-17s  %-12s  %-16s  %-24s  ",
		     or_dash(bw_db_unit_status_process_state_str(u->status.process_state)),
		     or_dash(u->status.claim.mac),
		     u->spec.networking.network      ? u->spec.networking.network
		     : u->spec.networking.networks.n ? u->spec.networking.networks.items[0]
						     : "-",
		     ready ? or_dash(ready->reason) : "-", action);
}

static void print_row(const struct cli_session *s, const struct bw_db_unit *u)
{
	const struct bw_kube_condition *ready =
		bw_kube_condition_get(u->status.conditions.items, u->status.conditions.n, "Ready");
	char ips[BW_VIEW_IPS_MAX], age[24];

	(void)printf("%-16s  %-20s  %-24s  %-16s  %-8s  %-5s  %5s  ", u->meta.namespace,
		     u->meta.name, bw_view_unit_ips(u, ips), or_dash(u->status.node_name),
		     or_dash(bw_db_unit_status_phase_str(u->status.phase)),
		     ready ? ready->status : "-",
		     cli_out_age(u->meta.creation_timestamp, bw_loop_real_s(s->loop), age));
	if (s->args->format == CLI_WIDE)
		print_wide(u, ready);
	(void)printf("%s\n", u->status.task ? u->status.task : "");
}

static int list_one(struct cli_session *s, const char *text, size_t size, struct bw_err *err)
{
	BW_CLEANUP(bw_db_unit_done) struct bw_db_unit u = { 0 };
	int r = bw_db_unit_decode(text, size, &u, err);

	if (r < 0)
		return r;
	if (s->args->format == CLI_NAME)
		cli_out_name(&bw_kind_unit, u.meta.name);
	else
		print_row(s, &u);
	return 0;
}

static int print_one(struct cli_session *s)
{
	BW_CLEANUP(cli_unit_done) struct cli_unit u = { 0 };
	int r = cli_unit_get(s, s->args->words[0], &u);

	if (r)
		return r;
	if (cli_wants_tree(s->args))
		return cli_out_object(s->args, u.text.data, u.text.size);
	if (s->args->format == CLI_NAME) {
		cli_out_name(&bw_kind_unit, u.o.meta.name);
		return CLI_OK;
	}
	print_head(s->args);
	print_row(s, &u.o);
	return CLI_OK;
}

int cli_unit_list(struct cli_session *s)
{
	static const struct cli_lines lines = { &bw_kind_unit, print_head, list_one };
	int none, r;

	if (s->args->n_words && (s->args->all || s->args->selector))
		return cli_usage("unit list", s->args->all ? "a name and -A exclude each other"
							   : "a name and -l exclude each other");
	if (s->args->n_words)
		return print_one(s);
	r = cli_list_lines(s, &lines, s->args->all ? NULL : s->namespace, &none);
	if (none)
		/* Nothing is left to do when stderr is gone, ignoring. */
		(void)fprintf(stderr, "no Unit %s%s%s%s\n",
			      s->args->all ? "in any namespace" : "in namespace ",
			      s->args->all ? "" : s->namespace,
			      s->args->selector ? " with labels " : "",
			      s->args->selector ? s->args->selector
			      : s->args->all    ? ""
						: "; -A looks in all");
	return r;
}
