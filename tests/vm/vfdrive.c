/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls lib/net/vf.c as the SR-IOV plugin does, one verb a process.
 *
 *     vfdrive PF list                     one JSON object a VF; then "num N"
 *     vfdrive PF set INDEX KEY=VALUE...   keys: mac vlan qos proto spoofchk trust link_state
 * rss_query min max
 *
 * A failure is one line "-errno text" and exit code 1.
 */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bw/err.h>
#include <bw/ip.h>
#include <bw/nl.h>
#include <bw/vf.h>

static int print_vf(const struct bw_vf *v, void *arg, struct bw_err *err)
{
	char mac[BW_MAC_STR_MAX];

	(void)arg;
	(void)err;
	(void)printf("{\"index\": %u, \"has\": [", v->index);
	for (unsigned int bit = 1, first = 1; bit <= BW_VF_ALL; bit <<= 1) {
		if (!(v->has & bit))
			continue;
		(void)printf("%s\"%s\"", first ? "" : ", ", bw_vf_setting_str(bit));
		first = 0;
	}
	(void)printf("], \"mac\": \"%s\", \"vlan\": %u, \"qos\": %u, \"proto\": %u, ",
		     bw_mac_str(&v->mac, mac), v->vlan, v->qos, v->proto);
	(void)printf("\"spoofchk\": %u, \"trust\": %u, \"rss_query\": %u, \"link_state\": \"%s\", "
		     "\"min\": %u, \"max\": %u}\n",
		     v->spoofchk, v->trust, v->rss_query, bw_vf_link_state_str(v->link_state),
		     v->min_tx_rate, v->max_tx_rate);
	return 0;
}

static unsigned int link_state(const char *value)
{
	for (unsigned int i = 0; i < BW_VF_LINK_MAX_; i++)
		if (strcmp(value, bw_vf_link_state_str((enum bw_vf_link_state)i)) == 0)
			return i;
	return (unsigned int)strtoul(value, NULL, 0);
}

/* Which setting a key belongs to; its value goes into @v. 0 = there is no such key. */
static unsigned int set_key(struct bw_vf *v, const char *key, const char *value)
{
	unsigned long n = strtoul(value, NULL, 0);

	if (strcmp(key, "mac") == 0)
		return bw_mac_parse(value, &v->mac) < 0 ? 0 : BW_VF_SET_MAC;
	if (strcmp(key, "vlan") == 0)
		return v->vlan = (uint16_t)n, BW_VF_SET_VLAN;
	if (strcmp(key, "qos") == 0)
		return v->qos = (uint8_t)n, BW_VF_SET_VLAN;
	if (strcmp(key, "proto") == 0)
		return v->proto = (uint16_t)n, BW_VF_SET_VLAN;
	if (strcmp(key, "spoofchk") == 0)
		return v->spoofchk = (uint8_t)n, BW_VF_SET_SPOOFCHK;
	if (strcmp(key, "trust") == 0)
		return v->trust = (uint8_t)n, BW_VF_SET_TRUST;
	if (strcmp(key, "rss_query") == 0)
		return v->rss_query = (uint8_t)n, BW_VF_SET_RSS_QUERY;
	if (strcmp(key, "link_state") == 0)
		return v->link_state = (enum bw_vf_link_state)link_state(value),
		       BW_VF_SET_LINK_STATE;
	if (strcmp(key, "min") == 0)
		return v->min_tx_rate = (uint32_t)n, BW_VF_SET_RATE;
	if (strcmp(key, "max") == 0)
		return v->max_tx_rate = (uint32_t)n, BW_VF_SET_RATE;
	return 0;
}

static int do_set(struct bw_nl *nl, int pf, int argc, char **argv, struct bw_err *err)
{
	struct bw_vf v = { .index = (uint32_t)strtoul(argv[0], NULL, 0) };
	unsigned int what = 0;

	for (int i = 1; i < argc; i++) {
		char *eq = strchr(argv[i], '=');
		unsigned int bit = 0;

		if (eq) {
			*eq = '\0';
			bit = set_key(&v, argv[i], eq + 1);
		}
		if (!bit)
			return bw_fail(err, EINVAL, "read argument %s", argv[i]);
		what |= bit;
	}
	return bw_vf_set(nl, pf, &v, what, err);
}

static int run(int argc, char **argv, struct bw_err *err)
{
	bw_autonl struct bw_nl *nl = NULL;
	int pf = (int)if_nametoindex(argv[1]);
	int r;

	if (!pf)
		return bw_fail(err, errno, "find device %s", argv[1]);
	r = bw_nl_open(BW_NL_ROUTE, NULL, &nl, err);
	if (r < 0)
		return r;
	if (strcmp(argv[2], "set") == 0 && argc > 3)
		return do_set(nl, pf, argc - 3, argv + 3, err);
	r = bw_vf_list(nl, pf, print_vf, NULL, err);
	if (r >= 0)
		(void)printf("num %d\n", r);
	return r;
}

int main(int argc, char **argv)
{
	struct bw_err err = { 0 };
	int r = argc < 3 ? -EINVAL : run(argc, argv, &err);

	if (r < 0)
		(void)printf("%d %s\n", r, err.msg);
	return r < 0;
}
