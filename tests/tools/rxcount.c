/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command and counts, while it runs, how often a packet was handed to the stack of the given
 * network namespaces (net:netif_rx). Divided by the command's transactions that is the number of
 * stack entries per round trip. Prints {"sum": N, "netns": {PATH: N}} after what the command
 * prints.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <libgen.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool.h"

#define NETNS_MAX 32

static struct bpf_object *attach(struct bpf_link **ret_link)
{
	char path[PATH_MAX], self[PATH_MAX - 32];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct bpf_program *prog;
	struct bpf_object *obj;

	if (n < 0)
		tool_die("find myself: %s", strerror(errno));
	self[n] = '\0';
	snprintf(path, sizeof(path), "%s/rxcount.bpf.o", dirname(self));
	obj = bpf_object__open(path);
	if (!obj || bpf_object__load(obj))
		tool_die("load %s: %s", path, strerror(errno));
	prog = bpf_object__find_program_by_name(obj, "count_rx");
	*ret_link = prog ? bpf_program__attach_raw_tracepoint(prog, "netif_rx") : NULL;
	if (!*ret_link)
		tool_die("attach to net:netif_rx: %s", strerror(errno));
	return obj;
}

static int run_command(char **argv)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		tool_die("fork: %s", strerror(errno));
	if (!pid) {
		execvp(argv[0], argv);
		tool_die("execute %s: %s", argv[0], strerror(errno));
	}
	if (waitpid(pid, &status, 0) != pid)
		tool_die("wait: %s", strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	uint32_t inode[NETNS_MAX];
	uint64_t sum = 0;
	struct bpf_object *obj;
	struct bpf_link *link;
	int n = 0, map, rc, first = 1;

	while (first + n < argc && strcmp(argv[first + n], "--")) {
		struct stat st;

		if (n == NETNS_MAX || stat(argv[first + n], &st))
			tool_die("%s: %s", argv[first + n],
				 n == NETNS_MAX ? "too many" : strerror(errno));
		inode[n++] = (uint32_t)st.st_ino;
	}
	if (!n || first + n + 1 >= argc)
		tool_die("usage: rxcount NETNS... -- COMMAND...");
	obj = attach(&link);
	map = bpf_object__find_map_fd_by_name(obj, "counts");
	rc = run_command(argv + first + n + 1);
	(void)bpf_link__destroy(link);
	printf("{\"netns\": {");
	for (int i = 0; i < n; i++) {
		uint64_t count = 0;

		(void)bpf_map_lookup_elem(map, &inode[i], &count); /* absent is 0 */
		sum += count;
		printf("%s\"%s\": %llu", i ? ", " : "", argv[first + i], (unsigned long long)count);
	}
	printf("}, \"sum\": %llu}\n", (unsigned long long)sum);
	bpf_object__close(obj);
	return rc;
}
