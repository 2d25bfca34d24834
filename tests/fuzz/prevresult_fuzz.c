/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prevResult: the first byte chooses the configuration's version, the rest is the result. What is
 * read is written in every version, and what is written in 1.1.0 reads as the same.
 */
#include <assert.h>
#include <string.h>

#include <bw/cni_prevresult.h>
#include <bw/cni_result.h>
#include <bw/cni_version.h>
#include <bw/err.h>
#include <bw/json.h>

#include <cjson/cJSON.h>

#define VERSIONS 7

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *print(const struct bw_cni_result *result, const char *version)
{
	bw_autojson struct cJSON *json = NULL;
	struct bw_cni_result again = { 0 };
	char *text = NULL;
	int r = bw_cni_result_to_json(result, version, &json, NULL);

	assert(r == 0);
	r = bw_json_print(json, 0, &text, NULL);
	assert(r == 0);
	r = bw_cni_result_parse(json, version, &again, NULL);
	assert(r == 0);
	bw_cni_result_done(&again);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bw_autojson struct cJSON *conf = NULL;
	struct cJSON *json = NULL;
	struct bw_cni_request req = { .verb = BW_CNI_CHECK };
	struct bw_cni_result result = { 0 };
	struct bw_err err = { 0 };

	if (size < 1)
		return 0;
	req.version = bw_cni_versions[data[0] % VERSIONS];
	if (bw_json_parse((const char *)data + 1, size - 1, &json, NULL) < 0)
		return 0;
	conf = cJSON_CreateObject();
	assert(conf && cJSON_AddItemToObject(conf, "prevResult", json));
	req.conf = conf;
	if (bw_cni_prevresult_need(&req, &result, &err) < 0) {
		assert(strncmp(err.msg, "prevResult", 10) == 0);
		return 0;
	}
	for (size_t i = 0; bw_cni_versions[i]; i++) {
		bw_autofree char *text = print(&result, bw_cni_versions[i]);

		assert(strlen(text) > 0);
	}
	bw_cni_result_done(&result);
	return 0;
}
