/* SPDX-License-Identifier: Apache-2.0 */
/* Ports go from every directory at once: first who, then from where. */
#include <stdlib.h>
#include <string.h>

#include <bw/err.h>

#include "dp.h"

struct gone {
	dp_match_fn match;
	void *arg;
	int at_once;
	struct dp_found *v;
	unsigned int n;
};

static void gone_done(struct gone *g)
{
	free(g->v);
}

static int is_known(const struct gone *g, const struct dp_found *found)
{
	for (unsigned int i = 0; i < g->n; i++)
		if (g->v[i].slot == found->slot && g->v[i].port.ifindex == found->port.ifindex &&
		    !strcmp(g->v[i].port.host_if, found->port.host_if))
			return 1;
	return 0;
}

static int note(const struct dp_found *found, void *arg, struct bw_err *err)
{
	struct gone *g = arg;
	struct dp_found *v;
	int r = g->match(found, g->arg, err);

	if (r <= 0 || is_known(g, found))
		return r < 0 ? r : 0;
	v = realloc(g->v, (g->n + 1UL) * sizeof(*v));
	if (!v)
		return bw_fail(err, ENOMEM, "list the ports to remove");
	g->v = v;
	v[g->n++] = *found;
	return 0;
}

static int note_dir(struct dp_dir *dir, void *arg, struct bw_err *err)
{
	return dp_port_each(dir, note, arg, err);
}

static int remove_dir(struct dp_dir *dir, void *arg, struct bw_err *err)
{
	const struct gone *g = arg;
	struct bw_err later = { 0 };
	int first = 0;

	for (unsigned int i = 0; i < g->n; i++) {
		int r = dp_port_remove(dir, &g->v[i], g->at_once, first ? &later : err);

		if (r && r != -ENOENT && !first)
			first = r;
	}
	return first;
}

int dp_remove_matching(dp_match_fn match, void *arg, int at_once, unsigned int *ret_n,
		       struct bw_err *err)
{
	BW_CLEANUP(gone_done) struct gone g = { .match = match, .arg = arg, .at_once = at_once };
	int r = dp_each_dir(note_dir, &g, err);
	struct bw_err later = { 0 };
	int removed = g.n ? dp_each_dir(remove_dir, &g, r ? &later : err) : 0;

	if (ret_n)
		*ret_n += g.n;
	return r ? r : removed;
}
