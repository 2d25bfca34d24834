/* SPDX-License-Identifier: Apache-2.0 */
/* prevResult: read in its own version, else in the configuration's. */
#include <bw/cni_prevresult.h>
#include <bw/err.h>

#include "result.h"

int bw_cni_prevresult(const struct bw_cni_request *req, struct bw_cni_result *ret,
		      struct bw_err *err)
{
	struct bw_json_path at = { .key = "prevResult" };
	const struct cJSON *json = bw_json_get(req->conf, at.key);
	int r;

	if (!json)
		return 0;
	r = bw_cni_result_parse_at(json, req->version, &at, ret, err);
	return r < 0 ? r : 1;
}

int bw_cni_prevresult_need(const struct bw_cni_request *req, struct bw_cni_result *ret,
			   struct bw_err *err)
{
	int r = bw_cni_prevresult(req, ret, err);

	if (r == 0)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "prevResult: missing, but %s needs the result of ADD",
				 bw_cni_verb_str(req->verb));
	return r < 0 ? r : 0;
}
