/* SPDX-License-Identifier: Apache-2.0 */
/* CNI_ARGS: strictly and as DEL reads it; what is read strictly is what DEL reads too. */
#include <assert.h>
#include <string.h>

#include <bw/cni_request.h>
#include <bw/err.h>
#include <bw/log.h>

#define CONF "{\"name\":\"n\"}"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const known[] = { "IP", "MAC", "GATEWAY", NULL };
	bw_autorequest struct bw_cni_request *strict = NULL;
	bw_autorequest struct bw_cni_request *lenient = NULL;
	struct bw_cni_env env = { .container_id = "c", .ifname = "eth0" };
	bw_autofree char *args = strndup((const char *)data, size);
	struct bw_err err = { 0 };
	int r;

	bw_log_setup(BW_LOG_ERROR, STDERR_FILENO, NULL, NULL, NULL);
	if (!args)
		return 0;
	env.args = args;
	r = bw_cni_request_new(&env, BW_CNI_DEL, CONF, strlen(CONF), known, &lenient, &err);
	assert(r == 0);
	r = bw_cni_request_new(&env, BW_CNI_ADD, CONF, strlen(CONF), known, &strict, &err);
	if (r < 0) {
		assert(err.class == BW_ERR_ENVIRONMENT && strncmp(err.msg, "CNI_ARGS: ", 10) == 0);
		return 0;
	}
	assert(strict->n_args == lenient->n_args);
	for (size_t i = 0; i < strict->n_args; i++) {
		assert(strcmp(strict->args[i].key, lenient->args[i].key) == 0);
		assert(strcmp(strict->args[i].value, lenient->args[i].value) == 0);
	}
	return 0;
}
