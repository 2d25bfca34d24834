/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request as a runtime hands it over: the first byte chooses the verb, then the environment as
 * lines (container ID, interface, namespace, CNI_ARGS), then the configuration.
 */
#include <assert.h>
#include <string.h>

#include <bw/cni_request.h>
#include <bw/cni_valid.h>
#include <bw/cni_version.h>
#include <bw/err.h>
#include <bw/log.h>

#define LINES 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct bw_cni_request *req)
{
	struct bw_cni_valid valid = { 0 };

	assert(bw_cni_version_known(req->version));
	assert(req->verb == BW_CNI_DEL || req->verb == BW_CNI_VERSION || req->name);
	assert(req->n_args <= BW_CNI_ARGS_MAX);
	for (size_t i = 0; i < req->n_args; i++)
		assert(bw_cni_request_arg(req, req->args[i].key));
	if (bw_cni_valid_parse(req, &valid, NULL) == 0)
		for (size_t i = 0; i < valid.n; i++)
			assert(bw_cni_valid_has(&valid, valid.entries[i].container_id,
						valid.entries[i].ifname));
	bw_cni_valid_done(&valid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const commands[] = { "ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION" };
	static const char *const known[] = { "IP", "MAC", NULL };
	bw_autorequest struct bw_cni_request *req = NULL;
	char lines[LINES][300] = { "" };
	struct bw_err err = { 0 };
	enum bw_cni_verb verb;
	struct bw_cni_env env;

	bw_log_setup(BW_LOG_ERROR, STDERR_FILENO, NULL, NULL, NULL);
	if (size < 1)
		return 0;
	env = (struct bw_cni_env){ .command = commands[data[0] % BW_ARRAY_SIZE(commands)] };
	data++;
	size--;
	for (size_t i = 0; i < LINES; i++) {
		const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
		size_t len = end ? (size_t)(end - data) : 0;

		if (!end || len >= sizeof(lines[i]))
			return 0;
		memcpy(lines[i], data, len);
		data += len + 1;
		size -= len + 1;
	}
	env.container_id = lines[0];
	env.ifname = lines[1];
	env.netns = lines[2];
	env.args = lines[3];
	if (bw_cni_env_check(&env, &verb, &err) < 0) {
		assert(err.class == BW_ERR_ENVIRONMENT && err.msg[0]);
		return 0;
	}
	if (bw_cni_request_new(&env, verb, size ? (const char *)data : "", size, known, &req,
			       &err) < 0)
		assert(err.msg[0] && !req);
	else
		check(req);
	return 0;
}
