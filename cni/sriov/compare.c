/* SPDX-License-Identifier: Apache-2.0 */
/* A held VF as it is, against the record of its hold. */
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/ipam.h>
#include <bw/journal.h>
#include <bw/link.h>

#include "compare.h"

/* The settings of a PF's side, each with how a person reads it. */
#define TEXT_MAX 64

static void mac_text(const struct bw_vf *v, char out[TEXT_MAX])
{
	char mac[BW_MAC_STR_MAX];

	(void)snprintf(out, TEXT_MAX, "%s", bw_mac_str(&v->mac, mac)); /* fits, ignoring */
}

static void vlan_text(const struct bw_vf *v, char out[TEXT_MAX])
{
	/* fits, ignoring */
	(void)snprintf(out, TEXT_MAX, "%u QoS %u%s", v->vlan, v->qos,
		       v->proto == BW_VF_PROTO_8021AD ? " 802.1ad" : "");
}

static void rate_text(const struct bw_vf *v, char out[TEXT_MAX])
{
	/* fits, ignoring */
	(void)snprintf(out, TEXT_MAX, "%u to %u Mbit/s", v->min_tx_rate, v->max_tx_rate);
}

static void spoofchk_text(const struct bw_vf *v, char out[TEXT_MAX])
{
	(void)snprintf(out, TEXT_MAX, "%s", v->spoofchk ? "on" : "off"); /* fits, ignoring */
}

static void trust_text(const struct bw_vf *v, char out[TEXT_MAX])
{
	(void)snprintf(out, TEXT_MAX, "%s", v->trust ? "on" : "off"); /* fits, ignoring */
}

static void link_state_text(const struct bw_vf *v, char out[TEXT_MAX])
{
	/* fits, ignoring */
	(void)snprintf(out, TEXT_MAX, "%s", bw_vf_link_state_str(v->link_state));
}

static const struct {
	unsigned int bit;
	const char *name; /* as people know it */
	void (*text)(const struct bw_vf *v, char out[TEXT_MAX]);
} settings[] = {
	{ BW_VF_SET_MAC, "administrator's MAC", mac_text },
	{ BW_VF_SET_VLAN, "VLAN", vlan_text },
	{ BW_VF_SET_RATE, "rate", rate_text },
	{ BW_VF_SET_SPOOFCHK, "spoof check", spoofchk_text },
	{ BW_VF_SET_TRUST, "trust", trust_text },
	{ BW_VF_SET_LINK_STATE, "link state", link_state_text },
};

/* The PF's settings of a VF; a driver may leave VFs out of its answer. */
static int read_pf(struct bw_nl *host, struct sriov_now *now, struct bw_err *err)
{
	struct bw_link pf = { 0 };
	int r;

	if (!now->sys.pf.n_netdevs)
		return 0;
	r = bw_link_get(host, 0, now->sys.pf.netdevs[0], &pf, err);
	if (r == 0)
		r = bw_vf_get(host, pf.ifindex, now->sys.index, &now->pf, err);
	now->has_pf = r == 0;
	return r == -ENODEV || r == -ERANGE || r == -EOPNOTSUPP ? 0 : r;
}

int sriov_now_read(const char *root, struct bw_nl *host, const char *pci, struct sriov_now *ret,
		   struct bw_err *err)
{
	struct sriov_now now = { .exists = 0 };
	int r;

	r = bw_pci_vf_look(root, pci, &now.sys, err);
	now.exists = r == 0;
	if (r == 0)
		r = read_pf(host, &now, err);
	if (r < 0 && r != -ENODEV && r != -ENXIO)
		return r;
	*ret = now;
	return 0;
}

const char *sriov_label(const struct bw_vf_hold *hold, const struct sriov_now *now,
			char out[SRIOV_LABEL_MAX])
{
	const char *pf = now->exists && now->sys.pf.n_netdevs ? now->sys.pf.netdevs[0] : hold->pf;

	/* fits, ignoring */
	(void)snprintf(out, SRIOV_LABEL_MAX, "%s (VF %u of %s)", hold->pci, hold->vf, pf);
	return out;
}

static void compare_settings(const char *label, const struct sriov_original *o,
			     const struct bw_vf *now, struct bw_drift *d)
{
	unsigned int differ = bw_vf_diff(now, &o->want, o->what);

	for (size_t i = 0; i < BW_ARRAY_SIZE(settings); i++) {
		char is[TEXT_MAX], want[TEXT_MAX];

		if (!(differ & settings[i].bit))
			continue;
		settings[i].text(now, is);
		settings[i].text(&o->want, want);
		bw_drift_add(d, "%s: %s is %s, expected %s", label, settings[i].name, is, want);
	}
}

void sriov_compare_host(const struct bw_vf_hold *hold, const struct sriov_original *o,
			const struct sriov_now *now, struct bw_drift *d)
{
	char label[SRIOV_LABEL_MAX];

	sriov_label(hold, now, label);
	if (!now->exists) {
		bw_drift_add(d, "%s is gone", label);
		return;
	}
	if (strcmp(now->sys.pf.pci, hold->pf) != 0 || now->sys.index != hold->vf)
		bw_drift_add(d, "%s is VF %u of %s now", label, now->sys.index, now->sys.pf.pci);
	if (strcmp(now->sys.dev.driver, o->was.driver) != 0)
		bw_drift_add(d, "%s: driver is %s, expected %s", label,
			     now->sys.dev.driver[0] ? now->sys.dev.driver : "none",
			     o->was.driver[0] ? o->was.driver : "none");
	if (now->has_pf)
		compare_settings(label, o, &now->pf, d);
	else if (o->what)
		bw_drift_add(d, "%s: its settings cannot be read: the PF is not on the host",
			     label);
}

void sriov_compare_netdev(const struct bw_vf_hold *hold, const struct sriov_original *o,
			  const struct bw_link *link, unsigned int skip, struct bw_drift *d)
{
	char is[BW_MAC_STR_MAX], want[BW_MAC_STR_MAX];

	if (strcmp(link->name, o->pod_name) != 0)
		bw_drift_add(d, "%s is called %s in the container, expected %s", hold->pci,
			     link->name, o->pod_name);
	if (strcmp(link->alias, o->alias) != 0)
		bw_drift_add(d, "%s has alias \"%s\", expected \"%s\"", link->name, link->alias,
			     o->alias);
	if (!(skip & SRIOV_SKIP_MAC) && o->has_mac && !bw_mac_eq(&link->mac, &o->mac))
		bw_drift_add(d, "%s has MAC %s, expected %s", link->name,
			     bw_mac_str(&link->mac, is), bw_mac_str(&o->mac, want));
	if (!(skip & SRIOV_SKIP_MTU) && o->mtu && link->mtu != o->mtu)
		bw_drift_add(d, "%s has MTU %u, expected %u", link->name, link->mtu, o->mtu);
	if (!(skip & SRIOV_SKIP_UP) && !(link->flags & IFF_UP))
		bw_drift_add(d, "%s is down", link->name);
}

int sriov_is_dpdk(const struct sriov_original *o)
{
	return !o->was.has_netdev;
}

int sriov_hold_is_dead(const struct bw_vf_hold *hold, const char *boot_id, struct bw_err *err)
{
	bw_autofree struct bw_attachment *a = calloc(1, sizeof(*a));
	bw_autofree struct sriov_original *o = calloc(1, sizeof(*o));

	if (!a || !o)
		return bw_fail(err, ENOMEM, "look after the holder of %s", hold->pci);
	/* Whatever cannot be read may well be alive, ignoring. */
	if (sriov_original_parse(hold->record, o, NULL) == 0 && o->pending)
		return 1;
	memcpy(a->boot_id, hold->boot_id, sizeof(a->boot_id));
	memcpy(a->netns, hold->netns, sizeof(a->netns));
	a->netns_id = hold->netns_id;
	return bw_ipam_stale(a, boot_id);
}
