/* SPDX-License-Identifier: Apache-2.0 */
/* barewire check: the journal of the machine that it runs on, where there is one, row by row. */
#include <inttypes.h>
#include <string.h>

#include <bw/err.h>
#include <bw/ipam.h>
#include <bw/journal_claim.h>

#include "kube_check.h"
#include "kube_cli.h"

#define HERE "this machine"
#define CID_SHOWN 12

struct local {
	struct cli_check *c;
	char boot_id[BW_BOOT_ID_LEN + 1];
};

static const struct cli_claim *claim_of(const struct cli_check *c, const char *uid)
{
	for (size_t i = 0; i < c->view.claims.n; i++)
		if (strcmp(BW_CLI_ROW(&c->view.claims, struct cli_claim, i)->uid, uid) == 0)
			return BW_CLI_ROW(&c->view.claims, struct cli_claim, i);
	return NULL;
}

/* A row of the node's journal: its container, its claim, its token. */
static int check_row(const struct bw_attachment *a, void *arg, struct bw_err *err)
{
	const struct local *l = arg;
	const struct cli_claim *k;

	(void)err;
	if (bw_ipam_stale(a, l->boot_id))
		cli_find(&l->c->found, CLI_ROW_DEAD, NULL,
			 HERE ": container %.*s %s (%s) is gone, its row is left", CID_SHOWN,
			 a->container_id, a->ifname, a->pod);
	if (!a->claim_uid[0])
		return 0;
	k = claim_of(l->c, a->claim_uid);
	if (!k)
		cli_find(&l->c->found, CLI_ROW_UNKNOWN, NULL,
			 HERE ": container %.*s %s (%s) is attached for claim uid %s, which the "
			      "cluster does not have",
			 CID_SHOWN, a->container_id, a->ifname, a->pod, a->claim_uid);
	else if (k->token && (uint64_t)k->token != a->token)
		cli_find(&l->c->found, CLI_ROW_TOKEN, NULL,
			 HERE ": container %.*s %s (%s) is attached with token %" PRIu64
			      ", claim %s/%s has %" PRId64,
			 CID_SHOWN, a->container_id, a->ifname, a->pod, a->token, k->ns, k->name,
			 k->token);
	return 0;
}

static int check_ack(const struct bw_outbox_row *row, void *arg, struct bw_err *err)
{
	const struct local *l = arg;

	(void)err;
	cli_find(&l->c->found, CLI_ACK_WAITING, NULL,
		 HERE ": the cluster was not told yet that token %" PRIu64 " of claim uid %s is %s",
		 row->token, row->uid, bw_outbox_kind_str(row->kind));
	return 0;
}

/* A machine without a journal is no node, or has no pods of ours; one that may not read it is told.
 */
int cli_check_journal(struct cli_check *c, struct bw_err *err)
{
	bw_autojournal struct bw_journal *j = NULL;
	struct local l = { .c = c };
	const char *dir = c->s->args->dir;
	int r = bw_journal_open(dir ? dir : BW_JOURNAL_DIR_DEFAULT, BW_JOURNAL_F_READ, &j, err);

	if (r == -ENOENT) {
		memset(err, 0, sizeof(*err));
		return 0;
	}
	if (r == -EACCES && !dir)
		return cli_check_refused(c, r, "the journal of this machine", err) < 0 ? r : 0;
	if (r == 0)
		r = bw_boot_id(l.boot_id, err);
	if (r == 0)
		r = bw_journal_attach_each(j, NULL, check_row, &l, err);
	c->local = r == 0;
	return r < 0 ? r : bw_journal_outbox_each(j, 0, check_ack, &l, err);
}
