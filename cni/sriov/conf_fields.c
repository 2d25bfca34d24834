/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a network of virtual functions that are more than a number, a name or a switch. */
#include <assert.h>
#include <ctype.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include <bw/err.h>

#include "conf_fields.h"

/* The longest burst a runtime may name; a VF has no burst to set, so it is only checked. */
#define BURST_BITS_MAX (8LL * 0xffffffffLL)

/* Moves @s over @min to @max hex digits, copied to *out in lower case; 0 when there are none. */
static int take_hex(const char **s, size_t min, size_t max, char **out)
{
	size_t n = 0;

	for (; n < max && isxdigit((unsigned char)(*s)[n]); n++)
		*(*out)++ = (char)tolower((unsigned char)(*s)[n]);
	*s += n;
	return n >= min;
}

static int take_char(const char **s, char c, char **out)
{
	if (**s != c)
		return 0;
	(*s)++;
	*(*out)++ = c;
	return 1;
}

int sriov_pci_parse(const char *s, struct sriov_pci *ret)
{
	struct sriov_pci pci = { .s = "" };
	char *out = pci.s;

	if (!take_hex(&s, 4, 8, &out) || !take_char(&s, ':', &out) || !take_hex(&s, 2, 2, &out) ||
	    !take_char(&s, ':', &out) || !take_hex(&s, 2, 2, &out) || out[-2] > '1' ||
	    !take_char(&s, '.', &out) || *s < '0' || *s > '7' || s[1])
		return -EINVAL; /* 32 devices a bus, 8 functions a device */
	*out = *s;
	*ret = pci;
	return 0;
}

int sriov_pci_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
		     struct bw_err *err)
{
	const char *text = cJSON_GetStringValue(json);

	if (text && !*text)
		return 0;
	if (!text || sriov_pci_parse(text, member) < 0)
		return bw_json_expect(json, path, err,
				      "a VF's PCI address with its domain, such as 0000:01:10.0");
	return 0;
}

/* Source: dev_valid_name() of Linux. */
static int is_ifname(const char *name)
{
	size_t len = strlen(name);

	if (len < 1 || len > BW_CNI_IFNAME_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	for (; *name; name++)
		if (*name == '/' || *name == ':' || *name == '%' || isspace((unsigned char)*name) ||
		    iscntrl((unsigned char)*name))
			return 0;
	return 1;
}

/* A name, or an address in lower case. */
static int pf_parse(const char *text, struct sriov_pf_name *ret)
{
	struct sriov_pci pci;

	if (sriov_pci_parse(text, &pci) == 0)
		(void)snprintf(ret->s, sizeof(ret->s), "%s", pci.s); /* always fits, ignoring */
	else if (is_ifname(text))
		(void)snprintf(ret->s, sizeof(ret->s), "%s", text); /* always fits, ignoring */
	else
		return -EINVAL;
	return 0;
}

static int pf_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
		     struct bw_err *err)
{
	const char *text = cJSON_GetStringValue(json);

	if (!text || pf_parse(text, member) < 0)
		return bw_json_expect(json, path, err,
				      "a PF: an interface name such as ens1f0, or a PCI address "
				      "such as 0000:01:00.0");
	return 0;
}

void sriov_list_done(void *member)
{
	struct bw_json_list *list = member;

	free(list->items);
	*list = (struct bw_json_list){ 0 };
}

int sriov_pfs_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
		     struct bw_err *err)
{
	const struct cJSON *item = cJSON_IsArray(json) ? json->child : json;
	size_t n = cJSON_IsArray(json) ? (size_t)cJSON_GetArraySize(json) : 1;
	struct bw_json_list *ret = member;
	struct bw_json_list list = { 0 };

	if (n < 1 || n > SRIOV_PFS_MAX)
		return bw_json_expect(json, path, err, "a PF, or a list of 1 to %d of them",
				      SRIOV_PFS_MAX);
	list.items = calloc(n, sizeof(struct sriov_pf_name));
	if (!list.items)
		return bw_fail(err, ENOMEM, "read a list of PFs");
	for (; list.n < n && item; item = item->next, list.n++) {
		struct bw_json_path at = { .up = path, .index = list.n };
		struct sriov_pf_name *names = list.items;
		int r = pf_decode(item, cJSON_IsArray(json) ? &at : path, &names[list.n], err);

		if (r < 0) {
			sriov_list_done(&list);
			return r;
		}
	}
	*ret = list;
	return 0;
}

/* "3" or "0-3"; moves @s behind it. */
static int range_parse(const char **s, struct sriov_range *ret)
{
	unsigned long v[2];
	char *end = NULL;

	if (!isdigit((unsigned char)**s))
		return -EINVAL;
	v[0] = strtoul(*s, &end, 10);
	v[1] = v[0];
	if (*end == '-') {
		if (!isdigit((unsigned char)end[1]))
			return -EINVAL;
		v[1] = strtoul(end + 1, &end, 10);
	}
	if (v[0] > v[1] || v[1] > UINT16_MAX) /* sriov_numvfs is a u16: PCI_SRIOV_NUM_VF */
		return -EINVAL;
	*s = end;
	*ret = (struct sriov_range){ (uint32_t)v[0], (uint32_t)v[1] };
	return 0;
}

/* PF, or PF#RANGE,RANGE. Source: the device plugin's pfNames and rootDevices. */
static int pf_range_parse(const char *text, struct sriov_pf_range *ret)
{
	const char *hash = strchr(text, '#');
	size_t len = hash ? (size_t)(hash - text) : strlen(text);
	struct sriov_pf_range p = { .n_ranges = 0 };
	char name[SRIOV_PF_MAX];

	if (len >= sizeof(name))
		return -EINVAL;
	memcpy(name, text, len);
	name[len] = '\0';
	if (pf_parse(name, &p.pf) < 0)
		return -EINVAL;
	while (hash) {
		const char *s = hash + 1;

		if (p.n_ranges == SRIOV_RANGES_MAX || range_parse(&s, &p.ranges[p.n_ranges]) < 0 ||
		    (*s && *s != ','))
			return -EINVAL;
		p.n_ranges++;
		hash = *s ? s : NULL;
	}
	*ret = p;
	return 0;
}

static int pf_range_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
			   struct bw_err *err)
{
	const char *text = cJSON_GetStringValue(json);

	if (!text || pf_range_parse(text, member) < 0)
		return bw_json_expect(json, path, err,
				      "a PF, or a PF and its VFs such as ens1f0#0-3,5");
	return 0;
}

/* Four hex digits as sysfs and the device plugin write them. */
static int hex_id_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
			 struct bw_err *err)
{
	const char *text = cJSON_GetStringValue(json);
	uint16_t id;

	if (!text || strlen(text) != 4 || strspn(text, "0123456789abcdefABCDEF") != 4)
		return bw_json_expect(json, path, err, "four hex digits such as \"8086\"");
	id = (uint16_t)strtoul(text, NULL, 16);
	memcpy(member, &id, sizeof(id));
	return 0;
}

/* What the device plugin chooses by and we cannot: a choice without it would be another. */
static int refuse_selector(const struct cJSON *json, const struct bw_json_path *path, void *member,
			   struct bw_err *err)
{
	char at[BW_JSON_PATH_STR_MAX];
	int empty = cJSON_IsFalse(json) || (cJSON_IsArray(json) && !cJSON_GetArraySize(json)) ||
		    (cJSON_IsString(json) && !*json->valuestring);

	(void)member;
	if (empty)
		return 0;
	return bw_reject(err, BW_ERR_UNSUPPORTED, EOPNOTSUPP,
			 "%s: a VF cannot be chosen by it here, expected pfNames, rootDevices, "
			 "pciAddresses, vendors, devices or drivers; or deviceID from the device "
			 "plugin",
			 bw_json_path_str(path, at));
}

static const struct bw_json_field pf_range_item =
	BW_JSON_ITEM(CUSTOM, struct sriov_pf_range, .decode = pf_range_decode);
static const struct bw_json_field pci_item =
	BW_JSON_ITEM(CUSTOM, struct sriov_pci, .decode = sriov_pci_decode);
static const struct bw_json_field hex_id_item =
	BW_JSON_ITEM(CUSTOM, uint16_t, .decode = hex_id_decode);
static const struct bw_json_field driver_item =
	BW_JSON_ITEM(STR, const char *, .min = 1, .max = 64);

/* clang-format off */
#define LIST(member_, name_, item_) \
        BW_JSON_FIELD(ARRAY, struct sriov_selector, member_, name_, .item = &(item_), \
                      .max = SRIOV_NAMES_MAX)
#define REFUSED(name_) \
        BW_JSON_FIELD(CUSTOM, struct sriov_selector, vendors, name_, .decode = refuse_selector)
/* clang-format on */
static const struct bw_json_field selector_fields[] = {
	LIST(pf_names, "pfNames", pf_range_item),
	LIST(root_devices, "rootDevices", pf_range_item),
	LIST(pci_addresses, "pciAddresses", pci_item),
	LIST(vendors, "vendors", hex_id_item),
	LIST(devices, "devices", hex_id_item),
	LIST(drivers, "drivers", driver_item),
	REFUSED("acpiIndexes"),
	REFUSED("linkTypes"),
	REFUSED("ddpProfiles"),
	REFUSED("pKeys"),
	REFUSED("isRdma"),
	REFUSED("vdpaType"),
};
static const struct bw_json_table selector_table = BW_JSON_TABLE(selector_fields);

static void selector_done(struct sriov_selector *s)
{
	bw_json_done(&selector_table, s);
}

void sriov_resource_done(void *member)
{
	struct bw_json_list *list = member;
	struct sriov_selector *s = list->items;

	for (size_t i = 0; i < list->n; i++)
		selector_done(&s[i]);
	sriov_list_done(list);
}

static int selector_decode(const struct cJSON *json, const struct bw_json_path *path,
			   struct sriov_selector *ret, struct bw_err *err)
{
	int r = bw_json_decode(json, &selector_table, path, ret, err);

	if (r < 0)
		return r;
	if (!ret->pf_names.n && !ret->root_devices.n && !ret->pci_addresses.n && !ret->vendors.n &&
	    !ret->devices.n && !ret->drivers.n)
		return bw_json_refuse(path, err,
				      "selects every VF, expected at least one of pfNames, "
				      "rootDevices, pciAddresses, vendors, devices and drivers");
	return 0;
}

/*
 * The device plugin's resource with its selectors, or the selectors themselves; one object or a
 * list of them, of which a VF must match one.
 */
int sriov_resource_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
			  struct bw_err *err)
{
	const struct cJSON *inner = bw_json_get(json, "selectors");
	struct bw_json_path below = { .up = path, .key = "selectors" };
	const struct bw_json_path *up = inner ? &below : path;
	const struct cJSON *list = inner ? inner : json;
	const struct cJSON *item = cJSON_IsArray(list) ? list->child : list;
	size_t n = cJSON_IsArray(list) ? (size_t)cJSON_GetArraySize(list) : 1;
	struct bw_json_list ret = { 0 };

	if ((!cJSON_IsArray(list) && !cJSON_IsObject(list)) || n < 1 || n > SRIOV_SELECTORS_MAX)
		return bw_json_expect(list, up, err,
				      "the device plugin's selectors: an object such as "
				      "{\"pfNames\": [\"ens1f0#0-3\"]}, or a list of 1 to %d",
				      SRIOV_SELECTORS_MAX);
	ret.items = calloc(n, sizeof(struct sriov_selector));
	if (!ret.items)
		return bw_fail(err, ENOMEM, "read selectors");
	for (; ret.n < n && item; item = item->next) {
		struct bw_json_path at = { .up = up, .index = ret.n };
		struct sriov_selector *s = ret.items;
		int r = selector_decode(item, cJSON_IsArray(list) ? &at : up, &s[ret.n], err);

		ret.n++;
		if (r < 0) {
			sriov_resource_done(&ret);
			return r;
		}
	}
	memcpy(member, &ret, sizeof(ret));
	return 0;
}

static const struct bw_json_enum bond_modes[] = {
	{ "active-backup", SRIOV_BOND_ACTIVE_BACKUP },
	{ "802.3ad", SRIOV_BOND_8023AD },
	{ NULL, 0 },
};
static_assert(BW_ARRAY_SIZE(bond_modes) == SRIOV_BOND_MAX_ + 1, "a bond mode without a name");

const char *sriov_bond_mode_str(enum sriov_bond_mode mode)
{
	return (unsigned int)mode < SRIOV_BOND_MAX_ ? bond_modes[mode].name : "unknown";
}

/* Exactly SRIOV_SLAVES items; each is @size bytes, starts with its text and differs. */
static int pair_decode(const struct cJSON *json, const struct bw_json_path *path, char *out,
		       size_t size, bw_json_decode_fn decode, struct bw_err *err)
{
	const struct cJSON *item;
	size_t n = 0;

	if (!cJSON_IsArray(json) || cJSON_GetArraySize(json) != SRIOV_SLAVES)
		return bw_json_expect(json, path, err, "a list of exactly %d", SRIOV_SLAVES);
	cJSON_ArrayForEach (item, json) {
		struct bw_json_path at = { .up = path, .index = n };
		int r = decode(item, &at, out + n * size, err);

		if (r < 0)
			return r;
		if (!out[n * size])
			return bw_json_expect(item, &at, err, "a VF's PCI address");
		if (n && strcmp(out, out + n * size) == 0)
			return bw_json_expect(item, &at, err, "another one than the first");
		n++;
	}
	return 0;
}

static int bond_devices_decode(const struct cJSON *json, const struct bw_json_path *path,
			       void *member, struct bw_err *err)
{
	return pair_decode(json, path, member, sizeof(struct sriov_pci), sriov_pci_decode, err);
}

static int bond_pfs_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
			   struct bw_err *err)
{
	return pair_decode(json, path, member, sizeof(struct sriov_pf_name), pf_decode, err);
}

static const struct bw_json_field bond_fields[] = {
	BW_JSON_FIELD(ENUM, struct sriov_bond, mode, "mode", .names = bond_modes),
	BW_JSON_FIELD(INT, struct sriov_bond, miimon, "miimon", .min = 1, .max = SRIOV_MIIMON_MAX),
	BW_JSON_FIELD(CUSTOM, struct sriov_bond, devices, "deviceIDs",
		      .decode = bond_devices_decode, BW_JSON_HAS(struct sriov_bond, has_devices)),
	BW_JSON_FIELD(CUSTOM, struct sriov_bond, pfs, "pfs", .decode = bond_pfs_decode,
		      BW_JSON_HAS(struct sriov_bond, has_pfs)),
};
static const struct bw_json_table bond_table = BW_JSON_TABLE(bond_fields);

int sriov_bond_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
		      struct bw_err *err)
{
	struct sriov_bond b = { .miimon = SRIOV_MIIMON_DEFAULT };
	int r = bw_json_decode(json, &bond_table, path, &b, err);

	if (r < 0)
		return r;
	if (b.has_devices == b.has_pfs)
		return bw_json_refuse(path, err,
				      "expected two VFs in deviceIDs or two PFs in pfs, got %s",
				      b.has_pfs ? "both" : "neither");
	memcpy(member, &b, sizeof(b));
	return 0;
}

int sriov_onoff_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
		       struct bw_err *err)
{
	static const struct {
		const char *name;
		uint8_t value;
	} words[] = { { "on", 1 }, { "off", 0 }, { "true", 1 }, { "false", 0 } };
	const char *text = cJSON_GetStringValue(json);

	if (cJSON_IsBool(json)) {
		*(uint8_t *)member = cJSON_IsTrue(json);
		return 0;
	}
	for (size_t i = 0; text && i < BW_ARRAY_SIZE(words); i++) {
		if (strcmp(text, words[i].name) == 0) {
			*(uint8_t *)member = words[i].value;
			return 0;
		}
	}
	return bw_json_expect(json, path, err, "one of on, off, true, false");
}

int sriov_proto_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
		       struct bw_err *err)
{
	const char *text = cJSON_GetStringValue(json);
	uint16_t proto = ETH_P_8021Q;

	if (text && strcasecmp(text, "802.1ad") == 0)
		proto = ETH_P_8021AD;
	else if (!text || strcasecmp(text, "802.1q") != 0)
		return bw_json_expect(json, path, err, "one of 802.1q, 802.1ad");
	memcpy(member, &proto, sizeof(proto));
	return 0;
}

int sriov_link_state_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
			    struct bw_err *err)
{
	const char *text = cJSON_GetStringValue(json);
	int state = text && !*text ? -1 : SRIOV_LINK_MAX_;

	for (int i = 0; text && i < SRIOV_LINK_MAX_; i++)
		if (strcmp(text, sriov_link_state_str((enum sriov_link_state)i)) == 0)
			state = i;
	if (state == SRIOV_LINK_MAX_)
		return bw_json_expect(json, path, err, "one of auto, enable, disable");
	memcpy(member, &state, sizeof(state));
	return 0;
}

struct bandwidth {
	int64_t ingress_rate;
	int64_t ingress_burst;
	int64_t egress_rate;
	int64_t egress_burst;
};

static const struct bw_json_field bandwidth_fields[] = {
	BW_JSON_FIELD(INT, struct bandwidth, ingress_rate, "ingressRate", .max = BW_JSON_INT_MAX),
	BW_JSON_FIELD(INT, struct bandwidth, ingress_burst, "ingressBurst", .max = BURST_BITS_MAX),
	BW_JSON_FIELD(INT, struct bandwidth, egress_rate, "egressRate",
		      .max = SRIOV_RATE_MAX * 1000000),
	BW_JSON_FIELD(INT, struct bandwidth, egress_burst, "egressBurst", .max = BURST_BITS_MAX),
};
static const struct bw_json_table bandwidth_table = BW_JSON_TABLE_ANY_CASE(bandwidth_fields);

int sriov_bandwidth_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
			   struct bw_err *err)
{
	struct bandwidth b = { 0 };
	char at[BW_JSON_PATH_STR_MAX];
	uint64_t rate;
	int r;

	r = bw_json_decode(json, &bandwidth_table, path, &b, err);
	if (r < 0)
		return r;
	if (b.ingress_rate)
		return bw_reject(err, BW_ERR_UNSUPPORTED, EOPNOTSUPP,
				 "%s.ingressRate: a VF can limit only what it sends, expected 0, "
				 "got %lld",
				 bw_json_path_str(path, at), (long long)b.ingress_rate);
	rate = (uint64_t)b.egress_rate;
	memcpy(member, &rate, sizeof(rate));
	return 0;
}
