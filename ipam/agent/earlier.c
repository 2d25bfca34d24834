/* SPDX-License-Identifier: Apache-2.0 */
/* The pod before: its sandbox may still be there when its successor's is made. */
#include <string.h>

#include <bw/agent_sock.h>
#include <bw/err.h>
#include <bw/journal.h>

#include "agent.h"
#include "earlier.h"
#include "ns.h"

struct search {
	const struct agent *a;
	const char *uid;
	const struct bw_agent_request *req;
};

static int is_another(const struct bw_attachment *at, void *arg, struct bw_err *err)
{
	const struct search *s = arg;
	struct bw_err why = { 0 };

	if (strcmp(at->claim_uid, s->uid) != 0 || strcmp(at->ifname, s->req->ifname) != 0 ||
	    strcmp(at->container_id, s->req->container_id) == 0)
		return 0;
	/* ADD takes the place of the dead by itself; what cannot be said lives. */
	if ((at->boot_id[0] && strcmp(at->boot_id, s->a->boot_id) != 0) ||
	    (at->netns[0] && agent_netns_lives(at, &why) == 0))
		return 0;
	return bw_reject(err, BW_ERR_BUSY, EAGAIN,
			 "container %.64s of pod %.300s still has %s of this claim: its DEL is "
			 "waited for",
			 at->container_id, at->pod, at->ifname);
}

int agent_earlier(struct agent *a, const char *uid, const struct bw_agent_request *req,
		  struct bw_err *err)
{
	struct search s = { a, uid, req };

	return bw_journal_attach_each(a->journal, NULL, is_another, &s, err);
}
