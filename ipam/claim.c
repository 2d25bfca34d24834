/* SPDX-License-Identifier: Apache-2.0 */
/* An attachment that a claim asked for: its token is taken, acknowledged and given back with it. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/journal_claim.h>

#include "ipam_priv.h"
#include "journal_db.h"

#define BODY_MAX 512 /* characters: two names, an interface, a MAC */

int ipam_claim_take(const struct bw_ipam *ipam, struct bw_attachment *row, struct bw_err *err)
{
	const struct ipam_claim_in *c = &ipam->conf->in.claim;

	if (!c->uid)
		return 0;
	/* its length was checked, ignoring */
	(void)snprintf(row->claim_uid, sizeof(row->claim_uid), "%s", c->uid);
	row->token = c->token;
	return bw_journal_claim_take(ipam->data, c->uid, c->iface, c->token, row->boot_id, err);
}

int ipam_claim_live(const struct bw_ipam *ipam, const struct bw_attachment *who, struct bw_err *err)
{
	const struct ipam_claim_in *c = &ipam->conf->in.claim;
	struct bw_outbox_row row = { .token = c->token, .kind = BW_OUTBOX_ATTACHED };
	char mac[BW_MAC_STR_MAX];
	char body[BODY_MAX];
	int has_mac;
	int r;

	if (!c->uid)
		return 0;
	has_mac = who && !bw_mac_is_zero(&who->mac);
	/* Their lengths were checked, ignoring; names of the cluster need no escapes. */
	(void)snprintf(body, sizeof(body),
		       "{\"namespace\":\"%s\",\"name\":\"%s\",\"interface\":\"%s\"%s%s%s}", c->ns,
		       c->name, c->iface, has_mac ? ",\"mac\":\"" : "",
		       has_mac ? bw_mac_str(&who->mac, mac) : "", has_mac ? "\"" : "");
	(void)snprintf(row.uid, sizeof(row.uid), "%s", c->uid);
	row.body = body;
	r = bw_journal_outbox_put(ipam->data, &row, err);
	return r < 0 ? r : 0;
}

int ipam_remove(struct bw_journal *j, int64_t id, int64_t cool_until_s, const char *uid,
		uint64_t token, struct bw_err *err)
{
	int own, r;

	if (!*uid)
		return bw_journal_attach_remove(j, id, cool_until_s, err);
	own = bw_journal_db_enter(j, BW_JOURNAL_NORMAL, err);
	r = own < 0 ? own : bw_journal_attach_remove(j, id, cool_until_s, err);
	if (r > 0) {
		int left = bw_journal_claim_leave(j, uid, token, NULL, err);

		r = left < 0 ? left : r;
	}
	return bw_journal_db_leave(j, own, r, err);
}
