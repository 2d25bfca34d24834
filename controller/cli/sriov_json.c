/* SPDX-License-Identifier: Apache-2.0 */
/* barewire sriov show -o json. */
#include <net/if.h>
#include <string.h>

#include <bw/json.h>
#include <bw/sriov.h>

#include "sriov.h"

const char *cli_vf_state(const struct bw_sriov_vf *vf)
{
	if (!vf->hold.id)
		return "free";
	if (vf->is_dead)
		return "gone";
	return vf->hold.state == BW_VF_HOLD_LIVE ? "live" : "changing";
}

struct cJSON *cli_sriov_put_pf(struct bw_json_build *b, struct cJSON *list,
			       const struct bw_sriov_pf *pf)
{
	const struct bw_pci_dev *dev = &pf->sys.dev;
	struct cJSON *o = bw_json_put_object(b, list, NULL);
	char mac[BW_MAC_STR_MAX];

	bw_json_put_str(b, o, "pci", dev->pci);
	bw_json_put_str(b, o, "device", dev->n_netdevs ? dev->netdevs[0] : "");
	bw_json_put_str(b, o, "driver", dev->driver);
	bw_json_put_uint(b, o, "numVfs", pf->sys.numvfs);
	bw_json_put_uint(b, o, "totalVfs", pf->sys.totalvfs);
	bw_json_put_int(b, o, "numaNode", dev->numa_node);
	if (pf->has_link) {
		bw_json_put_bool(b, o, "up", (pf->link.flags & IFF_UP) != 0);
		bw_json_put_bool(b, o, "carrier", (pf->link.flags & BW_IFF_LOWER_UP) != 0);
		bw_json_put_str(b, o, "mac", bw_mac_str(&pf->link.mac, mac));
		bw_json_put_uint(b, o, "mtu", pf->link.mtu);
	}
	return bw_json_put_array(b, o, "vfs");
}

/* Only what the driver reports. */
static void put_settings(struct bw_json_build *b, struct cJSON *vf, const struct bw_vf *s)
{
	struct cJSON *o = bw_json_put_object(b, vf, "settings");
	char mac[BW_MAC_STR_MAX];

	if (s->has & BW_VF_HAS_MAC)
		bw_json_put_str(b, o, "mac", bw_mac_str(&s->mac, mac));
	if (s->has & BW_VF_HAS_VLAN) {
		bw_json_put_uint(b, o, "vlan", s->vlan);
		bw_json_put_uint(b, o, "vlanQoS", s->qos);
		bw_json_put_str(b, o, "vlanProto",
				s->proto == BW_VF_PROTO_8021AD ? "802.1ad" : "802.1q");
	}
	if (s->has & BW_VF_HAS_SPOOFCHK)
		bw_json_put_bool(b, o, "spoofchk", s->spoofchk);
	if (s->has & BW_VF_HAS_TRUST)
		bw_json_put_bool(b, o, "trust", s->trust);
	if (s->has & BW_VF_HAS_LINK_STATE)
		bw_json_put_str(b, o, "linkState", bw_vf_link_state_str(s->link_state));
	if (s->has & BW_VF_HAS_RATE) {
		bw_json_put_uint(b, o, "minTxRate", s->min_tx_rate);
		bw_json_put_uint(b, o, "maxTxRate", s->max_tx_rate);
	}
}

static void put_holder(struct bw_json_build *b, struct cJSON *vf, const struct bw_sriov_vf *v)
{
	struct cJSON *o = bw_json_put_object(b, vf, "holder");

	bw_json_put_str(b, o, "container", v->hold.container_id);
	bw_json_put_str(b, o, "ifname", v->hold.ifname);
	bw_json_put_uint(b, o, "slot", v->hold.slot);
	bw_json_put_str(b, o, "pod", v->pod);
	bw_json_put_str(b, o, "network", v->hold.network);
	bw_json_put_str(b, o, "netns", v->hold.netns);
	bw_json_put_int(b, o, "since", v->hold.since_s);
}

/* Findings are joined by "; " in the text. */
static void put_drift(struct bw_json_build *b, struct cJSON *vf, const struct bw_drift *d)
{
	struct cJSON *list = bw_json_put_array(b, vf, "drift");
	const char *p = d->n && d->text.data ? d->text.data : "";

	while (*p) {
		const char *end = strstr(p, "; ");
		size_t len = end ? (size_t)(end - p) : strlen(p);
		char one[256];

		if (len >= sizeof(one))
			len = sizeof(one) - 1;
		memcpy(one, p, len);
		one[len] = '\0';
		bw_json_put_str(b, list, NULL, one);
		p = end ? end + 2 : "";
	}
}

void cli_sriov_put_vf(struct bw_json_build *b, struct cJSON *list, const struct bw_sriov_vf *vf)
{
	struct cJSON *o = bw_json_put_object(b, list, NULL);

	bw_json_put_str(b, o, "pci", vf->pci);
	bw_json_put_uint(b, o, "index", vf->index);
	bw_json_put_bool(b, o, "exists", vf->exists);
	bw_json_put_str(b, o, "driver", vf->sys.driver);
	bw_json_put_str(b, o, "device",
			vf->has_link        ? vf->link.name
			: vf->sys.n_netdevs ? vf->sys.netdevs[0]
					    : "");
	bw_json_put_str(b, o, "state", cli_vf_state(vf));
	if (vf->has_settings)
		put_settings(b, o, &vf->settings);
	if (vf->hold.id)
		put_holder(b, o, vf);
	put_drift(b, o, &vf->drift);
}
