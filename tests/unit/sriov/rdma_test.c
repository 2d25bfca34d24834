/* SPDX-License-Identifier: Apache-2.0 */
/* A VF's RDMA device into the pod and home again, against a kernel of the test's own. */
#include <fcntl.h>
#include <rdma/rdma_netlink.h>
#include <stdio.h>
#include <sys/syscall.h>

#include <bw/err.h>
#include <bw/nl.h>
#include <bw/pci.h>

#include "add.h"
#include "net/fake_kernel.h"
#include "net/reply.h"

#define NLDEV(cmd) RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, cmd)
#define VF "0000:01:10.0"
#define VF_IFINDEX 7

/* What this kernel has: mlx5_0 is the PF's, mlx5_3 the VF's. */
static struct {
	int has_class; /* RDMA is used at all */
	int has_vf_dev; /* the VF has a device here */
	int is_shared;
	int refuse; /* errno of a move */
	int moved; /* how many moves */
	uint32_t index; /* of the last one */
	int ns_fd;
} world;

static struct reply reply;
static struct bw_err err;

/* sysfs of the test's own, for the two paths that are asked for. */
int access(const char *path, int mode)
{
	errno = ENOENT;
	if (strcmp(path, "/sys/class/infiniband") == 0)
		return world.has_class ? 0 : -1;
	if (strcmp(path, "/sys/bus/pci/devices/" VF "/infiniband") == 0)
		return world.has_vf_dev ? 0 : -1;
	return (int)syscall(SYS_faccessat, AT_FDCWD, path, mode);
}

int bw_pci_look(const char *root, const char *pci, struct bw_pci_dev *ret, struct bw_err *e)
{
	(void)e;
	assert_string_equal(root, "");
	assert_string_equal(pci, VF);
	*ret = (struct bw_pci_dev){ .n_rdma = 1, .rdma = { "mlx5_3" } };
	return 0;
}

static void put_dev(uint32_t index, const char *name)
{
	reply_begin(&reply, NLDEV(RDMA_NLDEV_CMD_GET), NULL, 0);
	mnl_attr_put_u32(reply.nlh, RDMA_NLDEV_ATTR_DEV_INDEX, index);
	mnl_attr_put_strz(reply.nlh, RDMA_NLDEV_ATTR_DEV_NAME, name);
	reply.nlh->nlmsg_flags = NLM_F_MULTI;
	fake_reply(reply.nlh);
}

static void answer_port(const struct nlmsghdr *nlh)
{
	const struct nlattr *tb[RDMA_NLDEV_ATTR_PORT_INDEX + 1];
	uint32_t index;

	bw_nl_attrs(nlh, 0, tb, RDMA_NLDEV_ATTR_PORT_INDEX);
	index = bw_nl_u32(tb[RDMA_NLDEV_ATTR_DEV_INDEX], 99);
	assert_int_equal(bw_nl_u32(tb[RDMA_NLDEV_ATTR_PORT_INDEX], 0), 1);
	reply_begin(&reply, NLDEV(RDMA_NLDEV_CMD_PORT_GET), NULL, 0);
	mnl_attr_put_u32(reply.nlh, RDMA_NLDEV_ATTR_DEV_INDEX, index);
	if (index == 3) /* the other one's netdev is in another namespace: it is left out */
		mnl_attr_put_u32(reply.nlh, RDMA_NLDEV_ATTR_NDEV_INDEX, VF_IFINDEX);
	fake_reply(reply.nlh);
}

static void answer_set(const struct nlmsghdr *nlh)
{
	const struct nlattr *tb[RDMA_NLDEV_NET_NS_FD + 1];

	bw_nl_attrs(nlh, 0, tb, RDMA_NLDEV_NET_NS_FD);
	world.moved++;
	world.index = bw_nl_u32(tb[RDMA_NLDEV_ATTR_DEV_INDEX], 99);
	world.ns_fd = (int)bw_nl_u32(tb[RDMA_NLDEV_NET_NS_FD], 0);
	fake_ack(nlh, world.refuse);
}

static void answer_links(void)
{
	reply_link(&reply, 1, "lo");
	fake_reply(reply.nlh);
	reply_link(&reply, VF_IFINDEX, "eth0");
	mnl_attr_put_strz(reply.nlh, IFLA_PARENT_DEV_NAME, VF);
	mnl_attr_put_strz(reply.nlh, IFLA_PARENT_DEV_BUS_NAME, "pci");
	fake_reply(reply.nlh);
	fake_done();
}

static void answer(const struct nlmsghdr *nlh)
{
	switch (nlh->nlmsg_type) {
	case NLDEV(RDMA_NLDEV_CMD_SYS_GET):
		reply_begin(&reply, NLDEV(RDMA_NLDEV_CMD_SYS_GET), NULL, 0);
		mnl_attr_put_u8(reply.nlh, RDMA_NLDEV_SYS_ATTR_NETNS_MODE, world.is_shared ? 1 : 0);
		fake_reply(reply.nlh);
		break;
	case NLDEV(RDMA_NLDEV_CMD_GET):
		put_dev(0, "mlx5_0");
		put_dev(3, "mlx5_3");
		fake_done();
		break;
	case NLDEV(RDMA_NLDEV_CMD_PORT_GET):
		answer_port(nlh);
		break;
	case NLDEV(RDMA_NLDEV_CMD_SET):
		answer_set(nlh);
		break;
	case RTM_GETLINK:
		answer_links();
		break;
	default:
		fail_msg("message %x", nlh->nlmsg_type);
	}
}

static int begin(void **state)
{
	(void)state;
	fake_reset();
	memset(&err, 0, sizeof(err));
	memset(&world, 0, sizeof(world));
	world.has_class = world.has_vf_dev = 1;
	fake.on_request = answer;
	return 0;
}

static int move(int pod_fd)
{
	bw_autofree struct sriov_add *add = calloc(1, sizeof(*add));

	assert_non_null(add);
	add->pod.ns.fd = pod_fd;
	(void)strcpy(add->vfs[0].pci, VF);
	return sriov_rdma_move(add, &add->vfs[0], &err);
}

static void a_device_moves_where_namespaces_own_them(void **state)
{
	(void)state;
	assert_int_equal(move(42), 0);
	assert_int_equal(world.moved, 1);
	assert_int_equal(world.index, 3);
	assert_int_equal(world.ns_fd, 42);
}

static void nothing_moves_where_all_share_them(void **state)
{
	(void)state;
	world.is_shared = 1;
	assert_int_equal(move(42), 0);
	assert_int_equal(world.moved, 0);
}

static void a_VF_without_one_asks_the_kernel_nothing(void **state)
{
	(void)state;
	world.has_vf_dev = 0;
	assert_int_equal(move(42), 0);
	assert_int_equal(fake.requests, 0);
}

static void a_refused_move_fails_the_ADD(void **state)
{
	(void)state;
	world.refuse = EPERM;
	assert_int_equal(move(42), -EPERM);
	assert_non_null(strstr(err.msg, "move the RDMA device of VF " VF));
	assert_non_null(strstr(err.msg, "mlx5_3"));
}

/* A pod that is the test's own namespace: entering it is real, the sockets are not. */
static int go_home(void)
{
	bw_autoclose int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	bw_autoclose int self = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	const struct bw_netns pod = { .fd = fd, .self = self };
	int r;

	assert_true(fd >= 0 && self >= 0);
	r = sriov_rdma_return(&pod, VF, &err);
	if (world.moved)
		assert_int_equal(world.ns_fd, self);
	return r;
}

static void it_comes_home_known_by_its_netdev(void **state)
{
	(void)state;
	assert_int_equal(go_home(), 0);
	assert_int_equal(world.moved, 1);
	assert_int_equal(world.index, 3);
}

static void without_RDMA_there_is_nothing_to_bring_home(void **state)
{
	(void)state;
	world.has_class = 0;
	assert_int_equal(go_home(), 0);
	assert_int_equal(fake.requests, 0);
	world.has_class = 1;
	world.is_shared = 1;
	assert_int_equal(go_home(), 0);
	assert_int_equal(world.moved, 0);
}

static void a_refused_return_is_told(void **state)
{
	(void)state;
	world.refuse = EBUSY;
	assert_int_equal(go_home(), -EBUSY);
	assert_non_null(strstr(err.msg, "bring the RDMA device of VF " VF " back"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_device_moves_where_namespaces_own_them, begin),
		cmocka_unit_test_setup(nothing_moves_where_all_share_them, begin),
		cmocka_unit_test_setup(a_VF_without_one_asks_the_kernel_nothing, begin),
		cmocka_unit_test_setup(a_refused_move_fails_the_ADD, begin),
		cmocka_unit_test_setup(it_comes_home_known_by_its_netdev, begin),
		cmocka_unit_test_setup(without_RDMA_there_is_nothing_to_bring_home, begin),
		cmocka_unit_test_setup(a_refused_return_is_told, begin),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
