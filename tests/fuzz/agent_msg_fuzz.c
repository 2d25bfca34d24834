/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the daemon's socket, both ways: what is read is what is written again. */
#include <assert.h>
#include <string.h>

#include <bw/agent_sock.h>
#include <bw/err.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void request(const char *line, size_t size)
{
	struct bw_agent_request req = { 0 }, again = { 0 };
	bw_autofree char *text = NULL;
	struct bw_err err = { 0 };

	if (bw_agent_request_decode(line, size, &req, &err) == 0 &&
	    bw_agent_request_encode(&req, &text, &err) == 0) {
		assert(bw_agent_request_decode(text, strlen(text) - 1, &again, &err) == 0);
		assert(again.op == req.op && again.n_annotations == req.n_annotations);
	}
	bw_agent_request_done(&req);
	bw_agent_request_done(&again);
}

static void reply(const char *line, size_t size)
{
	struct bw_agent_reply rep = { 0 }, again = { 0 };
	bw_autofree char *text = NULL;
	struct bw_err err = { 0 };

	if (bw_agent_reply_decode(line, size, &rep, &err) == 0 &&
	    bw_agent_reply_encode(&rep, &text, &err) == 0) {
		assert(bw_agent_reply_decode(text, strlen(text) - 1, &again, &err) == 0);
		assert(again.ok == rep.ok && again.token == rep.token);
	}
	bw_agent_reply_done(&rep);
	bw_agent_reply_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	request((const char *)data, size);
	reply((const char *)data, size);
	return 0;
}
