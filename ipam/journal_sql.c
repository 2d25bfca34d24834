/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's statements, one table. Columns are read by position: see the readers. */
#include "journal_db.h"

#define ATTACH_COLUMNS                                                                             \
	"id, container_id, ifname, network, program, pod, netns, netns_id, boot_id, state, "       \
	"claim_uid, token, since_s, host_if, bridge, vlan, mac, flags"

#define ADDR_SELECT                                                                                \
	"SELECT d.domain, d.ip, d.prefix_len, d.attachment, d.cooling_until_s, d.key, "            \
	"a.container_id, a.ifname FROM address d LEFT JOIN attachment a ON a.id = d.attachment "

#define UPLINK_COLUMNS "uplink, bridge, boot_id, step, mac, data"

#define VF_COLUMNS                                                                                 \
	"pci, id, container_id, ifname, slot, network, boot_id, netns, netns_id, pf, vf, state, "  \
	"since_s, record"

#define CLAIM_COLUMNS                                                                              \
	"uid, iface, namespace, name, token, epoch, resource_version, boot_id, stale, binding"

#define OUTBOX_COLUMNS "seq, uid, token, kind, sending, since_s, body"

/* An id is its birth in nanoseconds: of two rows of one VF the later has the greater. */
#define VF_ID "max(?1, 1 + coalesce((SELECT max(id) FROM vf_hold), 0))"

const char *const bw_journal_sql[BW_ST_MAX_] = {
	[BW_ST_BEGIN] = "BEGIN IMMEDIATE",
	[BW_ST_COMMIT] = "COMMIT",
	[BW_ST_ROLLBACK] = "ROLLBACK",
	[BW_ST_ATTACH_INSERT] =
		"INSERT INTO attachment(" ATTACH_COLUMNS ") VALUES(max(?1, 1 + coalesce("
		"(SELECT max(id) FROM attachment), 0)),"
		"?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
	[BW_ST_ATTACH_GET] =
		"SELECT " ATTACH_COLUMNS " FROM attachment WHERE container_id = ?1 AND ifname = ?2",
	[BW_ST_ATTACH_GET_ID] = "SELECT " ATTACH_COLUMNS " FROM attachment WHERE id = ?1",
	[BW_ST_ATTACH_UPDATE] = "UPDATE attachment SET host_if = ?3, bridge = ?4, vlan = ?5, "
				"mac = ?6, flags = ?7 WHERE container_id = ?1 AND ifname = ?2",
	[BW_ST_ATTACH_STATE] = "UPDATE attachment SET state = ?5 WHERE container_id = ?1 AND "
			       "ifname = ?2 AND (?3 = 0 OR id = ?3) AND (?4 < 0 OR state = ?4)",
	[BW_ST_ATTACH_REMOVE] = "DELETE FROM attachment WHERE id = ?1",
	[BW_ST_ATTACH_EACH] =
		"SELECT " ATTACH_COLUMNS " FROM attachment WHERE id > ?1 ORDER BY id LIMIT ?2",
	[BW_ST_ATTACH_EACH_NET] = "SELECT " ATTACH_COLUMNS " FROM attachment WHERE id > ?1 AND "
				  "network = ?3 ORDER BY id LIMIT ?2",
	[BW_ST_ADDR_INSERT] = "INSERT INTO address(domain, ip, prefix_len, attachment, key) "
			      "VALUES(?1, ?2, ?3, ?4, ?5)",
	[BW_ST_ADDR_WARM] = "UPDATE address SET prefix_len = ?3, attachment = ?4, key = ?5, "
			    "cooling_until_s = NULL WHERE domain = ?1 AND ip = ?2 AND "
			    "attachment IS NULL",
	[BW_ST_ADDR_GET] = ADDR_SELECT "WHERE d.domain = ?1 AND d.ip = ?2",
	[BW_ST_ADDR_REMOVE] = "DELETE FROM address WHERE domain = ?1 AND ip = ?2",
	[BW_ST_ADDR_COOL] = "UPDATE address SET attachment = NULL, cooling_until_s = ?2 "
			    "WHERE attachment = ?1",
	/* What cools longer than any cooldown was made by a clock that ran ahead. Not OR: that is
	 * no use of the index. */
	[BW_ST_ADDR_COOLED] = "SELECT domain, ip FROM address WHERE domain = ?1 AND "
			      "cooling_until_s <= ?2 UNION ALL SELECT domain, ip FROM address "
			      "WHERE domain = ?1 AND cooling_until_s > ?2 + 86400 LIMIT ?3",
	[BW_ST_ADDR_EACH] = ADDR_SELECT "WHERE (d.domain, d.ip) > (?1, ?2) "
					"ORDER BY d.domain, d.ip LIMIT ?3",
	[BW_ST_ADDR_OF] = ADDR_SELECT "WHERE d.attachment = ?1 ORDER BY d.domain, d.ip LIMIT ?2",
	[BW_ST_ADDR_WHO] = ADDR_SELECT "WHERE d.ip = ?1 ORDER BY d.domain LIMIT ?2",
	[BW_ST_USED_BELOW] = "SELECT first, last FROM used WHERE domain = ?1 AND first <= ?2 "
			     "ORDER BY first DESC LIMIT 1",
	[BW_ST_USED_AT] = "SELECT last FROM used WHERE domain = ?1 AND first = ?2",
	[BW_ST_USED_INSERT] = "INSERT INTO used(domain, first, last) VALUES(?1, ?2, ?3)",
	[BW_ST_USED_EXTEND] = "UPDATE used SET last = ?3 WHERE domain = ?1 AND first = ?2",
	[BW_ST_USED_REMOVE] = "DELETE FROM used WHERE domain = ?1 AND first = ?2",
	[BW_ST_CURSOR_GET] = "SELECT ip FROM cursor WHERE domain = ?1 AND range_set = ?2",
	[BW_ST_CURSOR_SET] = "REPLACE INTO cursor(domain, range_set, ip) VALUES(?1, ?2, ?3)",
	[BW_ST_SEGMENT_PUT] =
		"REPLACE INTO segment(bridge, vlan, uplink, made, enslaved, bpf_vlan, boot_id, "
		"since_s) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[BW_ST_SEGMENT_REMOVE] = "DELETE FROM segment WHERE bridge = ?1 AND (?2 < 0 OR vlan = ?2)",
	[BW_ST_SEGMENT_EACH] =
		"SELECT bridge, vlan, uplink, made, enslaved, bpf_vlan, boot_id, since_s "
		"FROM segment WHERE (?1 = '' OR bridge = ?1) AND (bridge, vlan) > (?2, ?3) "
		"ORDER BY bridge, vlan LIMIT ?4",
	[BW_ST_UPLINK_PUT] =
		"REPLACE INTO uplink_original(" UPLINK_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	[BW_ST_UPLINK_STEP] = "UPDATE uplink_original SET step = ?2 WHERE uplink = ?1",
	[BW_ST_UPLINK_GET] = "SELECT " UPLINK_COLUMNS " FROM uplink_original WHERE uplink = ?1",
	[BW_ST_UPLINK_GET_BRIDGE] =
		"SELECT " UPLINK_COLUMNS
		" FROM uplink_original WHERE bridge = ?1 ORDER BY uplink LIMIT 1",
	[BW_ST_UPLINK_REMOVE] = "DELETE FROM uplink_original WHERE uplink = ?1",
	[BW_ST_VF_INSERT] = "INSERT INTO vf_hold(id, pci, container_id, ifname, slot, network, "
			    "boot_id, netns, netns_id, pf, vf, state, since_s, record) "
			    "VALUES(" VF_ID ", ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, "
			    "?13, ?14) RETURNING id",
	[BW_ST_VF_RETAKE] = "UPDATE vf_hold SET id = " VF_ID ", container_id = ?3, ifname = ?4, "
			    "slot = ?5, network = ?6, boot_id = ?7, netns = ?8, netns_id = ?9, "
			    "pf = ?10, vf = ?11, state = ?12, since_s = ?13 "
			    "WHERE pci = ?2 AND id = ?14 RETURNING id, record",
	[BW_ST_VF_RECORD] = "UPDATE vf_hold SET record = ?3 WHERE pci = ?1 AND id = ?2",
	[BW_ST_VF_STATE] = "UPDATE vf_hold SET state = ?3 WHERE pci = ?1 AND id = ?2",
	[BW_ST_VF_GET] = "SELECT " VF_COLUMNS " FROM vf_hold WHERE pci = ?1",
	[BW_ST_VF_OF] = "SELECT " VF_COLUMNS " FROM vf_hold WHERE container_id = ?1 AND "
			"ifname = ?2 AND (slot, pci) > (?3, ?4) ORDER BY slot, pci LIMIT 1",
	[BW_ST_VF_EACH] = "SELECT " VF_COLUMNS " FROM vf_hold WHERE pci > ?1 ORDER BY pci LIMIT 1",
	[BW_ST_VF_DROP] = "DELETE FROM vf_hold WHERE pci = ?1 AND container_id = ?2 AND "
			  "ifname = ?3 AND (?4 = 0 OR id = ?4)",
	[BW_ST_CLAIM_PUT] = "REPLACE INTO claim_cache(" CLAIM_COLUMNS ", put_ns) "
			    "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
	[BW_ST_CLAIM_GET] =
		"SELECT " CLAIM_COLUMNS " FROM claim_cache WHERE uid = ?1 AND iface = ?2",
	[BW_ST_CLAIM_FIND] = "SELECT " CLAIM_COLUMNS " FROM claim_cache WHERE namespace = ?1 AND "
			     "name = ?2 AND iface = ?3 ORDER BY put_ns DESC LIMIT 1",
	[BW_ST_CLAIM_EACH] = "SELECT " CLAIM_COLUMNS " FROM claim_cache WHERE (uid, iface) > "
			     "(?1, ?2) AND (?3 = '' OR uid = ?3) ORDER BY uid, iface LIMIT 1",
	[BW_ST_CLAIM_STALE] =
		"UPDATE claim_cache SET stale = ?2 WHERE uid = ?1 AND coalesce(stale, 0) <> ?2",
	[BW_ST_CLAIM_REMOVE] = "DELETE FROM claim_cache WHERE uid = ?1 AND (?2 = '' OR iface = ?2)",
	[BW_ST_CLAIM_HELD] = "SELECT 1 FROM attachment WHERE claim_uid = ?1 AND claim_uid <> '' "
			     "LIMIT 1",
	[BW_ST_TOKEN_GET] = "SELECT seen, attached, detached, namespace, name FROM claim_token "
			    "WHERE uid = ?1",
	[BW_ST_TOKEN_PUT] =
		"INSERT INTO claim_token(uid, seen, attached, detached, namespace, name) "
		"VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(uid) DO UPDATE SET "
		"seen = max(seen, ?2), attached = max(attached, ?3), detached = max(detached, ?4), "
		"namespace = iif(?5 = '', namespace, ?5), name = iif(?6 = '', name, ?6)",
	[BW_ST_TOKEN_FORGET] = "DELETE FROM claim_token WHERE uid = ?1",
	[BW_ST_OUTBOX_PUT] = "INSERT INTO outbox(uid, token, kind, body, sending, since_s) "
			     "VALUES(?1, ?2, ?3, ?4, 0, ?5) ON CONFLICT DO NOTHING",
	[BW_ST_OUTBOX_GET] = "SELECT " OUTBOX_COLUMNS " FROM outbox WHERE seq = ?1",
	[BW_ST_OUTBOX_OF] = "SELECT " OUTBOX_COLUMNS " FROM outbox WHERE uid = ?1 AND token = ?2 "
			    "AND kind = ?3",
	[BW_ST_OUTBOX_EACH] =
		"SELECT " OUTBOX_COLUMNS " FROM outbox WHERE seq > ?1 ORDER BY seq LIMIT 1",
	[BW_ST_OUTBOX_SENDING] = "UPDATE outbox SET sending = 1 WHERE seq = ?1",
	[BW_ST_OUTBOX_UNSENT] = "UPDATE outbox SET sending = 0 WHERE seq = ?1",
	[BW_ST_OUTBOX_DROP] = "DELETE FROM outbox WHERE seq = ?1",
	[BW_ST_META_GET] = "SELECT value FROM meta WHERE key = ?1",
	[BW_ST_META_PUT] = "REPLACE INTO meta(key, value) VALUES(?1, ?2)",
};
