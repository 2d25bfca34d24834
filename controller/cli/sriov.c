/* SPDX-License-Identifier: Apache-2.0 */
/* barewire sriov show: PFs and VFs of the node, who holds them, and what has changed since. */
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/json.h>
#include <bw/sriov.h>

#include "cli.h"
#include "sriov.h"

/* Nobody reads what cannot be printed: printf's returns are ignored in this file. */

struct view {
	const struct cli_args *args;
	const char *word; /* NULL = everything */
	struct bw_json_build build;
	struct cJSON *pfs; /* borrowed from build */
	struct cJSON *gone;
	struct cJSON *vfs; /* of the present PF; NULL = it is not printed yet */
	int has_pf_line; /* likewise */
	int pf_matches;
	unsigned int n; /* PFs and VFs shown */
};

static const char *pf_name(const struct bw_sriov_pf *pf)
{
	return pf->sys.dev.n_netdevs ? pf->sys.dev.netdevs[0] : pf->sys.dev.pci;
}

static int pf_matches(const struct view *v, const struct bw_sriov_pf *pf)
{
	int found = !v->word || strcmp(v->word, pf->sys.dev.pci) == 0;

	for (unsigned int i = 0; i < pf->sys.dev.n_netdevs && !found; i++)
		found = strcmp(v->word, pf->sys.dev.netdevs[i]) == 0;
	return found;
}

static int vf_matches(const struct view *v, const struct bw_sriov_vf *vf)
{
	const char *names[] = { vf->pci, vf->hold.container_id, vf->pod,
				vf->has_link ? vf->link.name : vf->sys.netdevs[0] };

	if (!v->word || v->pf_matches)
		return 1;
	for (size_t i = 0; i < BW_ARRAY_SIZE(names); i++)
		if (names[i][0] && strcmp(v->word, names[i]) == 0)
			return 1;
	return 0;
}

static const char *link_of(const struct bw_sriov_pf *pf)
{
	if (!pf->has_link)
		return "not on the host";
	if (!(pf->link.flags & IFF_UP))
		return "down";
	return pf->link.flags & BW_IFF_LOWER_UP ? "up" : "no carrier";
}

/* The columns of a VF's line; the last one is padded where more follow. */
#define ROW "  %-3s  %-12s  %-9s  %-12s  %-24s  %-8s  %-8s  %-8s  %-5s  %-7s  %-9s  %-*s"
#define STATE_WIDTH 8

static void print_head(struct view *v, const struct bw_sriov_pf *pf)
{
	if (v->has_pf_line++)
		return;
	(void)printf("%s%s  %s  %s  %u of %u VFs, %s\n", v->n++ ? "\n" : "", pf_name(pf),
		     pf->sys.dev.pci, pf->sys.dev.driver[0] ? pf->sys.dev.driver : "no driver",
		     pf->sys.numvfs, pf->sys.totalvfs, link_of(pf));
	if (!pf->sys.numvfs)
		return;
	(void)printf(ROW, "VF", "PCI", "DRIVER", "DEVICE", "HOLDER", "IF", "VLAN", "SPOOFCHK",
		     "TRUST", "LINK", "RATE", v->args->wide ? STATE_WIDTH : 0, "STATE");
	if (v->args->wide)
		(void)printf("  %-17s  %-24s  %s", "ADMIN-MAC", "NETWORK", "CONTAINER");
	(void)printf("\n");
}

static const char *flag(const struct bw_sriov_vf *vf, unsigned int bit, int on)
{
	if (!vf->has_settings || !(vf->settings.has & bit))
		return "-";
	return on ? "on" : "off";
}

static void vlan_text(const struct bw_sriov_vf *vf, char out[24])
{
	const struct bw_vf *s = &vf->settings;

	if (!vf->has_settings || !(s->has & BW_VF_HAS_VLAN) || !s->vlan)
		(void)snprintf(out, 24, "-"); /* fits, ignoring */
	else if (s->qos)
		(void)snprintf(out, 24, "%u/%u%s", s->vlan, s->qos, /* likewise */
			       s->proto == BW_VF_PROTO_8021AD ? "ad" : "");
	else
		(void)snprintf(out, 24, "%u%s", s->vlan, /* likewise */
			       s->proto == BW_VF_PROTO_8021AD ? "ad" : "");
}

static void rate_text(const struct bw_sriov_vf *vf, char out[32])
{
	const struct bw_vf *s = &vf->settings;

	if (!vf->has_settings || !(s->has & BW_VF_HAS_RATE) || !(s->min_tx_rate | s->max_tx_rate))
		(void)snprintf(out, 32, "-"); /* fits, ignoring */
	else
		(void)snprintf(out, 32, "%u-%u", s->min_tx_rate, s->max_tx_rate); /* likewise */
}

static const char *holder_of(const struct bw_sriov_vf *vf)
{
	if (!vf->hold.id)
		return "-";
	return vf->pod[0] ? vf->pod : vf->hold.container_id;
}

static void print_vf(const struct view *v, const struct bw_sriov_vf *vf)
{
	char index[12], vlan[24], rate[32], mac[BW_MAC_STR_MAX];
	const char *device = vf->has_link ? vf->link.name : vf->sys.netdevs[0];
	const char *link = !vf->has_settings || !(vf->settings.has & BW_VF_HAS_LINK_STATE)
				   ? "-"
				   : bw_vf_link_state_str(vf->settings.link_state);

	(void)snprintf(index, sizeof(index), "%u", vf->index); /* fits, ignoring */
	vlan_text(vf, vlan);
	rate_text(vf, rate);
	(void)printf(ROW, index, vf->pci, vf->sys.driver[0] ? vf->sys.driver : "-",
		     device[0] ? device : "-", holder_of(vf), vf->hold.id ? vf->hold.ifname : "-",
		     vlan, flag(vf, BW_VF_HAS_SPOOFCHK, vf->settings.spoofchk),
		     flag(vf, BW_VF_HAS_TRUST, vf->settings.trust), link, rate,
		     v->args->wide ? STATE_WIDTH : 0, cli_vf_state(vf));
	if (v->args->wide)
		(void)printf("  %-17s  %-24s  %s",
			     vf->has_settings ? bw_mac_str(&vf->settings.mac, mac) : "-",
			     vf->hold.id ? vf->hold.network : "-",
			     vf->hold.id ? vf->hold.container_id : "-");
	(void)printf("\n");
	if (vf->drift.n)
		(void)printf("       drift: %s\n", vf->drift.text.data ? vf->drift.text.data : "");
}

static int view_pf(const struct bw_sriov_pf *pf, void *arg, struct bw_err *err)
{
	struct view *v = arg;

	(void)err;
	v->vfs = NULL;
	v->has_pf_line = 0;
	v->pf_matches = pf_matches(v, pf);
	if (!v->pf_matches)
		return 0;
	if (v->args->json) {
		v->vfs = cli_sriov_put_pf(&v->build, v->pfs, pf);
		v->n++;
	} else {
		print_head(v, pf);
	}
	return 0;
}

static void view_gone(struct view *v, const struct bw_sriov_vf *vf)
{
	if (v->args->json)
		cli_sriov_put_vf(&v->build, v->gone, vf);
	else
		(void)printf("%s%s is no more: VF %u of %s, held by %s %s since its ADD\n",
			     v->n ? "\n" : "", vf->pci, vf->index, vf->hold.pf, holder_of(vf),
			     vf->hold.ifname);
	v->n++;
}

static int view_vf(const struct bw_sriov_pf *pf, const struct bw_sriov_vf *vf, void *arg,
		   struct bw_err *err)
{
	struct view *v = arg;

	(void)err;
	if (!pf)
		v->pf_matches = 0;
	if (!vf_matches(v, vf))
		return 0;
	if (!pf) {
		view_gone(v, vf);
		return 0;
	}
	if (v->args->json) {
		if (!v->vfs)
			v->vfs = cli_sriov_put_pf(&v->build, v->pfs, pf);
		cli_sriov_put_vf(&v->build, v->vfs, vf);
	} else {
		print_head(v, pf);
		print_vf(v, vf);
	}
	v->n++;
	return 0;
}

static void view_done(struct view *v)
{
	bw_json_build_done(&v->build);
}

static int run_show(const struct cli_args *args)
{
	BW_CLEANUP(view_done) struct view v = { .args = args };
	struct bw_sriov_visitor visitor = { .pf = view_pf, .vf = view_vf, .arg = &v };
	struct bw_err err = { 0 };
	int r;

	v.word = args->n_words ? args->words[0] : NULL;
	if (args->json) {
		struct cJSON *top = bw_json_build_object(&v.build);

		v.pfs = bw_json_put_array(&v.build, top, "pfs");
		v.gone = bw_json_put_array(&v.build, top, "gone");
	}
	r = bw_sriov_walk("", args->dir ? args->dir : BW_JOURNAL_DIR_DEFAULT, &visitor, &err);
	if (r < 0)
		return cli_fail(&err);
	if (v.word && !v.n) {
		(void)fprintf(stderr, "barewire: no PF or VF of this node is \"%.64s\"\n", v.word);
		return CLI_FOUND;
	}
	if (args->json)
		return cli_print_json(&v.build);
	if (!v.n)
		(void)printf("no device of this node can have VFs\n");
	return CLI_OK;
}

static const struct cli_verb verbs[] = {
	{ "show", "[WHICH]", "list PFs and VFs, their holders, settings and drift",
	  "WHICH is a PF (its device or PCI address), a VF (its device or PCI address), a\n"
	  "container ID or a pod as namespace/name.\n"
	  "Settings are the kernel's, as they are now. states: free, live, changing (a plugin is\n"
	  "at work or was killed: the runtime's DEL or the next ADD puts it right), gone (its\n"
	  "container no longer exists: the next ADD of the VF or GC takes it back).\n"
	  "drift: what differs from what the holder's ADD set; delete and add the pod to mend it.\n"
	  "-o wide adds the administrator's MAC, network and container.\n"
	  "exit code 0: it was shown; 1: nothing is called WHICH; 2: it cannot be read\n",
	  0, 1, run_show },
};

const struct cli_topic cli_topic_sriov = {
	.name = "sriov",
	.about = "virtual functions of SR-IOV devices",
	.verbs = verbs,
	.n_verbs = BW_ARRAY_SIZE(verbs),
};
