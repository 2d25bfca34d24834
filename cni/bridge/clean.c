/* SPDX-License-Identifier: Apache-2.0 */
/* `barewire net clean`: a bridge's segment goes for good, its uplink is the node's again. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/journal.h>
#include <bw/nl.h>
#include <bw/segment.h>

#include "lock.h"
#include "segment.h"
#include "segment_look.h"
#include "segment_make.h"
#include "uplink.h"

static int refuse_in_use(struct bw_nl *nl, const struct bridge_look *look, struct bw_err *err)
{
	struct bridge_ports ports;
	int r;

	if (!look->bridge.ifindex)
		return 0;
	if (!look->bridge.is_bridge)
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "%s is not a bridge",
				 look->bridge.name);
	r = bridge_look_ports(nl, look, &ports, err);
	if (r < 0 || !ports.n)
		return r;
	return bw_reject(err, BW_ERR_BUSY, EBUSY,
			 "bridge %s still has %u port%s (%s): delete the containers first",
			 look->bridge.name, ports.n, ports.n == 1 ? "" : "s", ports.first);
}

/* Forgets what the node's journal says of it. No journal, nothing to forget. */
static int forget_rows(struct bw_journal *journal, const char *bridge, struct bw_err *err)
{
	return journal ? bw_journal_segment_remove(journal, bridge, UINT32_MAX, err) : 0;
}

/* The node's addresses: as they were recorded, else as they are. 1 = they were on the bridge. */
static int give_back(struct bw_nl *nl, struct bw_journal *journal, const char *bridge,
		     const struct bridge_look *look, struct bw_err *err)
{
	int r = 0;

	if (journal)
		r = bridge_uplink_restore(nl, journal, bridge, err);
	if (r || !look->alias.moved || !look->uplink.ifindex)
		return r;
	r = bridge_uplink_salvage(nl, &look->uplink, &look->bridge, err);
	return r < 0 ? r : 1;
}

static int note_uplink(const struct bw_segment *row, void *arg, struct bw_err *err)
{
	(void)err;
	memcpy(arg, row->uplink, sizeof(row->uplink));
	return row->uplink[0] != '\0';
}

/* Somebody deleted the bridge: the journal knows its uplink, which may have our programs still. */
static int find_uplink(struct bw_nl *nl, struct bw_journal *journal, const char *bridge,
		       struct bridge_look *look, struct bw_err *err)
{
	char name[BW_CNI_IFNAME_MAX + 1] = "";
	int r;

	if (look->bridge.ifindex || !journal)
		return 0;
	r = bw_journal_segment_each(journal, bridge, note_uplink, name, err);
	if (r < 0 || !name[0])
		return r;
	bw_link_put_get(bw_nl_begin(nl), 0, name, &look->uplink);
	r = bw_nl_talk(nl, &nl->batch, err);
	/* It serves another bridge by now. */
	if (look->uplink.master)
		look->uplink.ifindex = 0;
	return r;
}

static int clean_locked(struct bw_nl *nl, struct bw_journal *journal, const char *bridge,
			struct bw_segment_clean *ret, struct bw_err *err)
{
	struct bridge_segment_want want = { .bridge = bridge };
	struct bridge_look look;
	int r, restored = 0;

	r = bridge_look(nl, &want, &look, err);
	if (r >= 0)
		r = refuse_in_use(nl, &look, err);
	if (r < 0)
		return r;
	r = find_uplink(nl, journal, bridge, &look, err);
	if (r < 0)
		return r;
	/* The programs first: they would tag what the node sends by its uplink again. */
	r = bridge_forget_datapath(&look, err);
	if (r >= 0)
		restored = give_back(nl, journal, bridge, &look, err);
	if (r < 0 || restored < 0)
		return r < 0 ? r : restored;
	/* The uplink may be free by now. */
	if (look.uplink.ifindex && restored)
		look.uplink.master = 0;
	r = bridge_unmake(nl, &look, err);
	if (r >= 0)
		r = forget_rows(journal, bridge, err);
	if (r < 0)
		return r;
	/* A name has at most 15 characters, ignoring. */
	(void)snprintf(ret->uplink, sizeof(ret->uplink), "%s", look.alias.uplink);
	ret->uplink_restored = restored > 0;
	ret->uplink_freed = look.alias.uplink[0] != '\0';
	ret->bridge_removed = look.bridge.ifindex && look.alias.made;
	ret->bridge_kept = look.bridge.ifindex && !look.alias.made;
	return 0;
}

int bw_segment_clean(const char *bridge, struct bw_segment_clean *ret, struct bw_err *err)
{
	bw_autojournal struct bw_journal *journal = NULL;
	bw_autonl struct bw_nl *nl = NULL;
	struct bw_segment_clean done = { 0 };
	bw_autoclose int lock = -1;
	int r;

	r = bw_journal_open(BW_JOURNAL_DIR_DEFAULT, 0, &journal, err);
	if (r < 0 && r != -ENOENT)
		return r;
	r = bw_nl_open(BW_NL_ROUTE, NULL, &nl, err);
	if (r >= 0)
		r = bridge_lock_take(bridge, BRIDGE_LOCK_EXCLUSIVE, &lock, err);
	if (r >= 0)
		r = clean_locked(nl, journal, bridge, &done, err);
	if (r < 0)
		return bw_wrap(err, r, "clean bridge %s", bridge);
	bridge_lock_remove(bridge);
	*ret = done;
	return 0;
}
