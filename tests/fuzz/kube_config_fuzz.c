/* SPDX-License-Identifier: Apache-2.0 */
/* A kubeconfig of anybody's: read, refused, or read and usable; the same as a plugin's output. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bw/err.h>
#include <bw/kube_config.h>

#include "../../lib/kube/exec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct bw_kube_config *c)
{
	bw_autofree char *info = NULL;

	assert(c->server && strncmp(c->server, "http", 4) == 0);
	assert(!c->token || !strpbrk(c->token, "\r\n"));
	assert(!c->cert.data.size == !c->key.data.size);
	if (!c->exec.command)
		return;
	assert(c->exec.api_version);
	assert(kube_exec_info(c, &info, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bw_autokubeconfig struct bw_kube_config *c = NULL;
	struct kube_exec_cred cred = { 0 };
	struct bw_err err = { 0 };
	bw_autoclose int fd = -1;
	char path[64];

	fd = memfd_create("kubeconfig", MFD_CLOEXEC);
	assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd); /* fits, ignoring */
	if (bw_kube_config_load(path, NULL, &c, &err) == 0)
		check(c);
	else
		assert(err.msg[0]);
	if (kube_exec_parse((const char *)data, size, &cred, NULL) == 0)
		assert(cred.token || cred.cert.data.size);
	kube_exec_cred_done(&cred);
	return 0;
}
