/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals and versions from a server that may say anything: bounded texts, a class for each. */
#include <assert.h>
#include <string.h>

#include <bw/err.h>
#include <bw/kube_http.h>
#include <bw/kube_status.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bw_kube_status s;
	struct bw_err err = { 0 };
	int r = bw_kube_status_decode((const char *)data, size, &s);

	assert(r == 0 || r == -EBADMSG);
	assert(strlen(s.reason) <= BW_KUBE_REASON_MAX && strlen(s.message) <= BW_KUBE_MESSAGE_MAX);
	assert(s.retry_ms <= BW_KUBE_RETRY_MAX_MS);
	assert(s.code == 0 || (s.code >= 100 && s.code <= 599));
	for (const char *p = s.message; *p; p++)
		assert((unsigned char)*p >= ' ');
	for (int http = 0; http < 600; http++)
		assert(bw_kube_status_result(http, &s, s.retry_ms) < BW_KUBE_RESULT_MAX_);
	r = bw_kube_version_check((const char *)data, size, &err);
	assert(r == 0 || r == -EBADMSG || r == -EPROTONOSUPPORT);
	return 0;
}
