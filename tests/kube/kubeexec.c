/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One command in a container through lib/kube, for tests on real servers:
 *
 *     kubeexec KUBECONFIG NAMESPACE POD INPUT|- COMMAND [ARGUMENT...]
 *
 * Prints what became of it as one line, then its output, then its error output.
 */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/kube_config.h>
#include <bw/kube_http.h>
#include <bw/kube_podexec.h>
#include <bw/loop.h>

static void on_done(const struct bw_kube_podexec_answer *a, void *arg)
{
	printf("%s http=%d exit=%d reason=%s message=\"%s\"\nOUT %.*sERR %.*s\n",
	       bw_kube_result_str(a->result), a->http, a->exit_code, a->reason, a->message,
	       (int)a->out_size, a->out, (int)a->errout_size, a->errout);
	bw_loop_stop(arg);
}

int main(int argc, char **argv)
{
	bw_autokubeconfig struct bw_kube_config *config = NULL;
	struct bw_kube_client *client = NULL;
	struct bw_loop *loop = NULL;
	struct bw_err err = { 0 };
	struct bw_kube_podexec x = { .done = on_done };
	struct bw_kube_podexec_request r = { 0 };

	if (argc < 6)
		return 2;
	r.namespace = argv[2];
	r.pod = argv[3];
	r.input = strcmp(argv[4], "-") == 0 ? NULL : argv[4];
	r.input_size = r.input ? strlen(r.input) : 0;
	r.argv = (const char *const *)argv + 5;
	if (bw_kube_config_find(argv[1], NULL, &config, &err) < 0 || bw_loop_new(&loop, &err) < 0 ||
	    bw_kube_http_new(loop, &config, NULL, &client, &err) < 0)
		printf("error %s\n", err.msg);
	x.arg = loop;
	if (client &&
	    (bw_kube_podexec_start(client, &r, &x, &err) < 0 || bw_loop_run(loop, &err) < 0))
		printf("error %s\n", err.msg);
	bw_kube_client_free(&client);
	bw_loop_free(&loop);
	return 0;
}
