/* SPDX-License-Identifier: Apache-2.0 */
/* The record of a hold as JSON. */
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/err.h>
#include <bw/json.h>

#include "original.h"

/* A VF's settings on its way in and out: which keys stand there is what the driver reports. */
struct settings {
	struct bw_vf vf;
	const char *mac;
	uint8_t has_vlan;
	uint8_t has_rate;
	uint8_t has_spoofchk;
	uint8_t has_trust;
	uint8_t has_link_state;
	uint8_t has_rss_query;
};

static const struct bw_json_field settings_fields[] = {
	BW_JSON_FIELD(STR, struct settings, mac, "mac"),
	BW_JSON_FIELD(INT, struct settings, vf.vlan, "vlan", .max = UINT16_MAX,
		      BW_JSON_HAS(struct settings, has_vlan)),
	BW_JSON_FIELD(INT, struct settings, vf.qos, "qos", .max = UINT8_MAX),
	BW_JSON_FIELD(INT, struct settings, vf.proto, "proto", .max = UINT16_MAX),
	BW_JSON_FIELD(INT, struct settings, vf.min_tx_rate, "minTxRate", .max = UINT32_MAX),
	BW_JSON_FIELD(INT, struct settings, vf.max_tx_rate, "maxTxRate", .max = UINT32_MAX,
		      BW_JSON_HAS(struct settings, has_rate)),
	BW_JSON_FIELD(BOOL, struct settings, vf.spoofchk, "spoofchk",
		      BW_JSON_HAS(struct settings, has_spoofchk)),
	BW_JSON_FIELD(BOOL, struct settings, vf.trust, "trust",
		      BW_JSON_HAS(struct settings, has_trust)),
	BW_JSON_FIELD(INT, struct settings, vf.link_state, "linkState", .max = BW_VF_LINK_MAX_ - 1,
		      BW_JSON_HAS(struct settings, has_link_state)),
	BW_JSON_FIELD(BOOL, struct settings, vf.rss_query, "rssQuery",
		      BW_JSON_HAS(struct settings, has_rss_query)),
};
static const struct bw_json_table settings_table = BW_JSON_TABLE(settings_fields);

/* Reads a MAC of any kind, the zero one too. "" or NULL = not there: 0. */
static int read_mac(const char *text, struct bw_mac *ret, struct bw_err *err)
{
	if (!text || !*text)
		return 0;
	if (bw_mac_parse(text, ret) < 0)
		return bw_reject(err, BW_ERR_INTERNAL, EINVAL, "\"%.32s\" is no MAC", text);
	return 1;
}

static int decode_settings(const struct cJSON *json, const struct bw_json_path *path, void *member,
			   struct bw_err *err)
{
	struct settings s = { 0 };
	int r = bw_json_decode(json, &settings_table, path, &s, err);

	if (r < 0)
		return r;
	r = read_mac(s.mac, &s.vf.mac, err);
	if (r < 0)
		return r;
	s.vf.has = (r ? BW_VF_HAS_MAC : 0) | (s.has_vlan ? BW_VF_HAS_VLAN : 0) |
		   (s.has_rate ? BW_VF_HAS_RATE : 0) | (s.has_spoofchk ? BW_VF_HAS_SPOOFCHK : 0) |
		   (s.has_trust ? BW_VF_HAS_TRUST : 0) |
		   (s.has_link_state ? BW_VF_HAS_LINK_STATE : 0) |
		   (s.has_rss_query ? BW_VF_HAS_RSS_QUERY : 0);
	*(struct bw_vf *)member = s.vf;
	return 0;
}

static void put_settings(struct bw_json_build *b, struct cJSON *at, const struct bw_vf *vf)
{
	char mac[BW_MAC_STR_MAX];

	if (vf->has & BW_VF_HAS_MAC)
		bw_json_put_str(b, at, "mac", bw_mac_str(&vf->mac, mac));
	if (vf->has & BW_VF_HAS_VLAN) {
		bw_json_put_uint(b, at, "vlan", vf->vlan);
		bw_json_put_uint(b, at, "qos", vf->qos);
		bw_json_put_uint(b, at, "proto", vf->proto);
	}
	if (vf->has & BW_VF_HAS_RATE) {
		bw_json_put_uint(b, at, "minTxRate", vf->min_tx_rate);
		bw_json_put_uint(b, at, "maxTxRate", vf->max_tx_rate);
	}
	if (vf->has & BW_VF_HAS_SPOOFCHK)
		bw_json_put_bool(b, at, "spoofchk", vf->spoofchk);
	if (vf->has & BW_VF_HAS_TRUST)
		bw_json_put_bool(b, at, "trust", vf->trust);
	if (vf->has & BW_VF_HAS_LINK_STATE)
		bw_json_put_uint(b, at, "linkState", vf->link_state);
	if (vf->has & BW_VF_HAS_RSS_QUERY)
		bw_json_put_bool(b, at, "rssQuery", vf->rss_query);
}

/* The rest of a record, before texts are copied to where they belong. */
struct record {
	struct sriov_original o;
	const char *boot_id;
	const char *mac;
	const char *pod_name;
	const char *alias;
	struct bw_json_list what; /* of const char * */
	const char *was_name;
	const char *was_mac;
	const char *was_driver;
	struct bw_json_list altnames; /* of const char * */
	uint8_t was_up;
	uint32_t was_mtu;
	struct bw_vf was_pf;
};

static const struct bw_json_field text_item = BW_JSON_ITEM(STR, const char *);

static const struct bw_json_field was_fields[] = {
	BW_JSON_FIELD(CUSTOM, struct record, was_pf, "pf", .decode = decode_settings),
	BW_JSON_FIELD(STR, struct record, was_name, "name", .max = BW_LINK_NAME_MAX),
	BW_JSON_FIELD(STR, struct record, was_mac, "mac"),
	BW_JSON_FIELD(INT, struct record, was_mtu, "mtu", .max = UINT32_MAX),
	BW_JSON_FIELD(BOOL, struct record, was_up, "up"),
	BW_JSON_FIELD(STR, struct record, was_driver, "driver", .max = BW_PCI_DRIVER_MAX),
	BW_JSON_FIELD(ARRAY, struct record, altnames, "altnames", .item = &text_item,
		      .max = BW_LINK_ALTNAMES_MAX),
};
static const struct bw_json_table was_table = BW_JSON_TABLE(was_fields);

/* Members of "was" are kept beside the others: the struct is the whole record. */
static int decode_was(const struct cJSON *json, const struct bw_json_path *path, void *member,
		      struct bw_err *err)
{
	return bw_json_decode(json, &was_table, path,
			      BW_CONTAINER_OF(member, struct record, was_pf), err);
}

static const struct bw_json_field fields[] = {
	BW_JSON_FIELD(CUSTOM, struct record, was_pf, "was", .decode = decode_was),
	BW_JSON_FIELD(STR, struct record, boot_id, "boot", .max = BW_BOOT_ID_LEN),
	BW_JSON_FIELD(ARRAY, struct record, what, "what", .item = &text_item, .max = 16),
	BW_JSON_FIELD(CUSTOM, struct record, o.want, "want", .decode = decode_settings),
	BW_JSON_FIELD(STR, struct record, mac, "mac"),
	BW_JSON_FIELD(INT, struct record, o.mtu, "mtu", .max = UINT32_MAX),
	BW_JSON_FIELD(STR, struct record, pod_name, "podName", .max = BW_LINK_NAME_MAX),
	BW_JSON_FIELD(STR, struct record, alias, "alias", .max = BW_LINK_ALIAS_MAX),
	BW_JSON_FIELD(BOOL, struct record, o.rebind, "rebind"),
	BW_JSON_FIELD(BOOL, struct record, o.pending, "pending"),
};
static const struct bw_json_table table = BW_JSON_TABLE(fields);

static void record_done(struct record *rec)
{
	bw_json_done(&was_table, rec);
	bw_json_done(&table, rec);
}

/* Lengths were bounded by the tables, so all of them fit. */
static void copy(char *out, const char *text)
{
	if (text)
		memcpy(out, text, strlen(text) + 1);
}

static void read_what(const struct record *rec, struct sriov_original *o)
{
	const char *const *names = rec->what.items;

	for (size_t i = 0; i < rec->what.n; i++)
		for (unsigned int bit = 1; bit & BW_VF_ALL; bit <<= 1)
			if (strcmp(names[i], bw_vf_setting_str(bit)) == 0)
				o->what |= bit;
}

/* Puts what was decoded beside it into the record itself. */
static int settle(struct record *rec, struct bw_err *err)
{
	struct sriov_original *o = &rec->o;
	const char *const *names = rec->altnames.items;
	int r;

	o->was.pf = rec->was_pf;
	o->was.mtu = rec->was_mtu;
	o->was.up = rec->was_up;
	o->was.has_netdev = rec->was_name != NULL;
	copy(o->was.name, rec->was_name);
	copy(o->was.driver, rec->was_driver);
	copy(o->boot_id, rec->boot_id);
	copy(o->pod_name, rec->pod_name);
	copy(o->alias, rec->alias);
	for (size_t i = 0; i < rec->altnames.n; i++) {
		if (strlen(names[i]) > BW_LINK_ALTNAME_MAX)
			return bw_reject(err, BW_ERR_INTERNAL, EINVAL, "altnames: one is too long");
		copy(o->was.altnames.names[o->was.altnames.n++], names[i]);
	}
	read_what(rec, o);
	r = read_mac(rec->was_mac, &o->was.mac, err);
	if (r >= 0)
		r = read_mac(rec->mac, &o->mac, err);
	o->has_mac = r > 0;
	return r < 0 ? r : 0;
}

int sriov_original_parse(const char *text, struct sriov_original *ret, struct bw_err *err)
{
	bw_autojson struct cJSON *json = NULL;
	bw_autofree struct record *rec = calloc(1, sizeof(*rec));
	int r;

	if (!rec)
		return bw_fail(err, ENOMEM, "read the record of a VF");
	r = bw_json_parse(text, strlen(text), &json, err);
	if (r == 0)
		r = bw_json_decode(json, &table, NULL, rec, err);
	if (r == 0)
		r = settle(rec, err);
	if (r == 0)
		*ret = rec->o;
	record_done(rec);
	return r < 0 ? bw_wrap(err, r, "read the record of a VF") : 0;
}

static void put_was(struct bw_json_build *b, struct cJSON *at, const struct sriov_state *was)
{
	char mac[BW_MAC_STR_MAX];
	struct cJSON *list;

	put_settings(b, bw_json_put_object(b, at, "pf"), &was->pf);
	if (was->driver[0])
		bw_json_put_str(b, at, "driver", was->driver);
	if (!was->has_netdev)
		return;
	bw_json_put_str(b, at, "name", was->name);
	bw_json_put_str(b, at, "mac", bw_mac_str(&was->mac, mac));
	bw_json_put_uint(b, at, "mtu", was->mtu);
	bw_json_put_bool(b, at, "up", was->up);
	list = bw_json_put_array(b, at, "altnames");
	for (unsigned int i = 0; i < was->altnames.n; i++)
		bw_json_put_str(b, list, NULL, was->altnames.names[i]);
}

static void put_record(struct bw_json_build *b, const struct sriov_original *o)
{
	struct cJSON *root = bw_json_build_object(b);
	char mac[BW_MAC_STR_MAX];
	struct cJSON *list;

	bw_json_put_str(b, root, "boot", o->boot_id);
	put_was(b, bw_json_put_object(b, root, "was"), &o->was);
	list = bw_json_put_array(b, root, "what");
	for (unsigned int bit = 1; bit & BW_VF_ALL; bit <<= 1)
		if (o->what & bit)
			bw_json_put_str(b, list, NULL, bw_vf_setting_str(bit));
	put_settings(b, bw_json_put_object(b, root, "want"), &o->want);
	if (o->has_mac)
		bw_json_put_str(b, root, "mac", bw_mac_str(&o->mac, mac));
	if (o->mtu)
		bw_json_put_uint(b, root, "mtu", o->mtu);
	bw_json_put_str(b, root, "podName", o->pod_name);
	bw_json_put_str(b, root, "alias", o->alias);
	if (o->rebind)
		bw_json_put_bool(b, root, "rebind", 1);
	if (o->pending)
		bw_json_put_bool(b, root, "pending", 1);
}

int sriov_original_text(const struct sriov_original *o, char ret[BW_VF_RECORD_MAX + 1],
			struct bw_err *err)
{
	bw_autobuild struct bw_json_build b = { 0 };
	bw_autojson struct cJSON *json = NULL;
	bw_autofree char *text = NULL;
	int r;

	put_record(&b, o);
	r = bw_json_build_take(&b, &json, err);
	if (r == 0)
		r = bw_json_print(json, 0, &text, err);
	if (r)
		return bw_wrap(err, r, "write the record of a VF");
	if (strlen(text) > BW_VF_RECORD_MAX)
		return bw_reject(err, BW_ERR_INTERNAL, E2BIG,
				 "the record of VF %s is longer than %d bytes", o->was.name,
				 BW_VF_RECORD_MAX);
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

int sriov_altnames_has(const struct bw_link_altnames *names, const char *name)
{
	for (unsigned int i = 0; i < names->n; i++)
		if (strcmp(names->names[i], name) == 0)
			return 1;
	return 0;
}
