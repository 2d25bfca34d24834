/* SPDX-License-Identifier: Apache-2.0 */
/* Every PF and VF of the node with its holder and drift, for the command line. */
#include <string.h>

#include <bw/clock.h>
#include <bw/err.h>
#include <bw/netns.h>
#include <bw/nl.h>
#include <bw/sriov.h>

#include "compare.h"

struct walk {
	const char *root;
	const struct bw_sriov_visitor *v;
	struct bw_journal *j; /* NULL = there is none */
	struct bw_nl *host;
	char boot_id[BW_BOOT_ID_LEN + 1];
	struct bw_sriov_pf pf;
	struct bw_vf *settings; /* of the present PF's VFs */
	size_t n_settings;
	struct bw_sriov_vf vf;
	struct sriov_original original; /* scratch */
	struct bw_attachment att; /* scratch */
};

static void walk_free(struct walk **w)
{
	if (!*w)
		return;
	bw_buf_done(&(*w)->vf.drift.text);
	free((*w)->settings);
	bw_nl_close(&(*w)->host);
	bw_journal_close(&(*w)->j);
	free(*w);
	*w = NULL;
}

static int keep_setting(const struct bw_vf *vf, void *arg, struct bw_err *err)
{
	struct walk *w = arg;

	(void)err;
	if (w->n_settings < w->pf.sys.numvfs)
		w->settings[w->n_settings++] = *vf;
	return 0;
}

/* Return: 0, also for a PF that cannot be asked: it is in a container, or its driver says nothing.
 */
static int read_settings(struct walk *w, struct bw_err *err)
{
	int r;

	w->n_settings = 0;
	free(w->settings);
	w->settings = calloc((size_t)w->pf.sys.numvfs + 1, sizeof(*w->settings));
	if (!w->settings)
		return bw_fail(err, ENOMEM, "read the VFs of %s", w->pf.sys.dev.pci);
	if (!w->pf.sys.dev.n_netdevs)
		return 0;
	r = bw_link_get(w->host, 0, w->pf.sys.dev.netdevs[0], &w->pf.link, err);
	w->pf.has_link = r == 0;
	if (r == 0)
		r = bw_vf_list(w->host, w->pf.link.ifindex, keep_setting, w, err);
	return r == -ENODEV || r > 0 ? 0 : r;
}

static const struct bw_vf *find_setting(const struct walk *w, uint32_t index)
{
	for (size_t i = 0; i < w->n_settings; i++)
		if (w->settings[i].index == index)
			return &w->settings[i];
	return NULL;
}

/* The device in the holder's namespace, if that is still the one the hold knows. */
static int compare_pod(struct walk *w, struct bw_err *err)
{
	bw_autonetns struct bw_netns ns = BW_NETNS_NONE;
	bw_autonl struct bw_nl *pod = NULL;
	const struct bw_vf_hold *hold = &w->vf.hold;
	uint64_t cookie = hold->netns_id;
	int r;

	r = bw_netns_open(hold->netns, &ns, err);
	if (r == 0)
		r = bw_nl_open(BW_NL_ROUTE, &ns, &pod, err);
	if (r == 0 && hold->netns_id)
		r = bw_nl_netns_cookie(pod, &cookie, err);
	if (r == 0 && cookie != hold->netns_id)
		return bw_reject(err, BW_ERR_INVALID, ESTALE, "%.100s is another namespace now",
				 hold->netns);
	if (r == 0)
		r = bw_link_find_pci(pod, hold->pci, &w->vf.link, err);
	w->vf.has_link = r > 0;
	if (r > 0)
		sriov_compare_netdev(hold, &w->original, &w->vf.link, 0, &w->vf.drift);
	else if (r == 0)
		bw_drift_add(&w->vf.drift, "%s is not in the container", hold->pci);
	return r < 0 ? r : 0;
}

/* Drift is only sought while the container lives and no ADD or DEL is at work. */
static void compare(struct walk *w)
{
	struct sriov_now now = {
		.exists = w->vf.exists,
		.has_pf = w->vf.has_settings,
		.pf = w->vf.settings,
		.sys = { .dev = w->vf.sys, .pf = w->pf.sys.dev, .index = w->vf.index }
	};
	struct bw_err why = { 0 };
	int r;

	if (w->vf.is_dead || w->vf.hold.state != BW_VF_HOLD_LIVE)
		return;
	r = sriov_original_parse(w->vf.hold.record, &w->original, &why);
	if (r == 0) {
		sriov_compare_host(&w->vf.hold, &w->original, &now, &w->vf.drift);
		if (w->vf.exists && !sriov_is_dpdk(&w->original))
			r = compare_pod(w, &why);
	}
	if (r < 0)
		bw_drift_add(&w->vf.drift, "%s cannot be looked at whole: %.160s", w->vf.pci,
			     why.msg);
}

/* w->vf is filled but for its holder; tells the visitor. */
static int finish_vf(struct walk *w, const struct bw_sriov_pf *pf, struct bw_err *err)
{
	int r = 0;

	if (w->vf.hold.id) {
		r = sriov_hold_is_dead(&w->vf.hold, w->boot_id, err);
		w->vf.is_dead = r > 0;
		if (r >= 0)
			r = bw_journal_attach_get(w->j, w->vf.hold.container_id, w->vf.hold.ifname,
						  &w->att, err);
		if (r > 0)
			memcpy(w->vf.pod, w->att.pod, sizeof(w->vf.pod));
		if (r >= 0)
			compare(w);
	}
	return r < 0 ? r : w->v->vf(pf, &w->vf, w->v->arg, err);
}

static void begin_vf(struct walk *w, const char *pci)
{
	bw_buf_done(&w->vf.drift.text);
	memset(&w->vf, 0, sizeof(w->vf));
	memcpy(w->vf.pci, pci, strlen(pci) + 1);
}

static int walk_vf(const char *pci, uint32_t index, void *arg, struct bw_err *err)
{
	struct walk *w = arg;
	const struct bw_vf *settings = find_setting(w, index);
	int r;

	begin_vf(w, pci);
	w->vf.index = index;
	r = bw_pci_look(w->root, pci, &w->vf.sys, err);
	if (r == -ENODEV) /* it went just now */
		return 0;
	w->vf.exists = 1;
	w->vf.has_settings = settings != NULL;
	if (settings)
		w->vf.settings = *settings;
	if (r == 0 && w->j)
		r = bw_journal_vf_get(w->j, pci, &w->vf.hold, err);
	if (r == 0)
		w->vf.hold.id = 0;
	return r < 0 ? r : finish_vf(w, &w->pf, err);
}

static int walk_pf(const char *pci, void *arg, struct bw_err *err)
{
	struct walk *w = arg;
	int r;

	memset(&w->pf, 0, sizeof(w->pf));
	r = bw_pci_pf_look(w->root, pci, &w->pf.sys, err);
	if (r == 0)
		r = read_settings(w, err);
	if (r == 0)
		r = w->v->pf(&w->pf, w->v->arg, err);
	if (r == 0)
		r = bw_pci_vfs(w->root, pci, walk_vf, w, err);
	return r == -ENODEV ? 0 : r;
}

/* Holds of VFs that are no more: somebody changed their number. */
static int walk_gone(const struct bw_vf_hold *hold, void *arg, struct bw_err *err)
{
	struct walk *w = arg;
	struct bw_pci_vf there;
	int r = bw_pci_vf_look(w->root, hold->pci, &there, err);

	if (r != -ENODEV && r != -ENXIO)
		return r < 0 ? r : 0;
	begin_vf(w, hold->pci);
	memset(&w->pf, 0, sizeof(w->pf));
	w->vf.hold = *hold;
	w->vf.index = hold->vf;
	return finish_vf(w, NULL, err);
}

int bw_sriov_walk(const char *root, const char *dir, const struct bw_sriov_visitor *v,
		  struct bw_err *err)
{
	BW_CLEANUP(walk_free) struct walk *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return bw_fail(err, ENOMEM, "look at the VFs");
	w->root = root;
	w->v = v;
	r = bw_journal_open(dir, BW_JOURNAL_F_READ, &w->j, err);
	if (r == 0 || r == -ENOENT)
		r = bw_nl_open(BW_NL_ROUTE, NULL, &w->host, err);
	if (r == 0)
		r = bw_boot_id(w->boot_id, err);
	if (r == 0)
		r = bw_pci_pfs(root, walk_pf, w, err);
	if (r == 0 && w->j)
		r = bw_journal_vf_each(w->j, walk_gone, w, err);
	return r;
}
