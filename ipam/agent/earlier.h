/* SPDX-License-Identifier: Apache-2.0 */
/* The pod before: its sandbox may still be there when its successor's is made. */
#pragma once

struct agent;
struct bw_agent_request;
struct bw_err;

/**
 * agent_earlier() - has another living container of this node the claim's interface
 * @a: the agent
 * @uid: of the claim
 * @req: who asks; its own container does not count
 * @err: says which container
 *
 * A deleted pod's object goes before its sandbox, so the next pod of the name asks while the last
 * one's DEL is under way. It waits for that: a refused ADD costs 14 s.
 * Return: 0 no; -EAGAIN class BUSY; what the journal says.
 */
int agent_earlier(struct agent *a, const char *uid, const struct bw_agent_request *req,
		  struct bw_err *err);
