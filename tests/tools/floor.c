/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attaches the floor's redirect: what arrives on IN goes to the other end of veth OUT (peer), or
 * out of OUT (wire). By a pinned tcx link where the kernel has them, else by clsact.
 *
 *     floor peer|wire IN OUT PIN
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <libgen.h>
#include <limits.h>
#include <net/if.h>
#include <unistd.h>

#include "tool.h"

#define TCX_INGRESS 46 /* BPF_TCX_INGRESS, linux/bpf.h of 6.6 */

struct data {
	uint32_t target;
};

static struct bpf_object *load(unsigned int target)
{
	char path[PATH_MAX], self[PATH_MAX - 32];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct data data = { .target = target };
	struct bpf_object *obj;
	struct bpf_map *rodata;

	if (n < 0)
		tool_die("find myself: %s", strerror(errno));
	self[n] = '\0';
	snprintf(path, sizeof(path), "%s/floor.bpf.o", dirname(self));
	obj = bpf_object__open(path);
	rodata = obj ? bpf_object__find_map_by_name(obj, ".rodata") : NULL;
	if (!rodata || bpf_map__set_initial_value(rodata, &data, sizeof(data)) ||
	    bpf_object__load(obj))
		tool_die("load %s: %s", path, strerror(errno));
	return obj;
}

static void attach(int prog, int ifindex, const char *pin)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog);
	int link = bpf_link_create(prog, ifindex, (enum bpf_attach_type)TCX_INGRESS, NULL);
	int r;

	if (link >= 0) {
		if (bpf_obj_pin(link, pin))
			tool_die("pin %s: %s", pin, strerror(errno));
		return;
	}
	r = bpf_tc_hook_create(&hook);
	if ((r && r != -EEXIST) || bpf_tc_attach(&hook, &opts))
		tool_die("attach to interface %d: %s", ifindex, strerror(errno));
}

int main(int argc, char **argv)
{
	struct bpf_program *prog;
	struct bpf_object *obj;
	unsigned int in, out;

	if (argc != 5)
		tool_die("usage: floor peer|wire IN OUT PIN");
	in = if_nametoindex(argv[2]);
	out = if_nametoindex(argv[3]);
	if (!in || !out)
		tool_die("no interface %s", in ? argv[3] : argv[2]);
	obj = load(out);
	prog = bpf_object__find_program_by_name(obj,
						strcmp(argv[1], "peer") ? "to_wire" : "to_peer");
	attach(bpf_program__fd(prog), (int)in, argv[4]);
	bpf_object__close(obj);
	return 0;
}
