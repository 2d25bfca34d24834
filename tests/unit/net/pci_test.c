/* SPDX-License-Identifier: Apache-2.0 */
/* PCI functions in a made sysfs: a PF with VFs as igb has them, odd machines, drivers. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <bw/clock.h>
#include <bw/err.h>
#include <bw/pci.h>

#define PF "0000:01:00.0"
#define VF0 "0000:01:10.0"
#define VF1 "0000:01:10.2"

static struct bw_err err;
static char root[32];

#define assert_ok(e)                                                                               \
	do {                                                                                       \
		int r_ = (e);                                                                      \
		if (r_ < 0)                                                                        \
			fail_msg("%s: %d: %s", #e, r_, err.msg);                                   \
	} while (0)

/* Makes every folder of a path below the root. */
static void make_parents(char *path)
{
	for (char *p = path + strlen(root) + 1; *p; p++)
		if (*p == '/') {
			*p = '\0';
			(void)mkdir(path, 0700);
			*p = '/';
		}
}

static void put(const char *text, const char *fmt, ...) BW_PRINTF(2, 3);
static void put(const char *text, const char *fmt, ...)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/sys/", root);
	va_list ap;
	int fd;

	va_start(ap, fmt);
	(void)vsnprintf(path + n, sizeof(path) - (size_t)n, fmt, ap);
	va_end(ap);
	make_parents(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void point(const char *target, const char *fmt, ...) BW_PRINTF(2, 3);
static void point(const char *target, const char *fmt, ...)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/sys/", root);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(path + n, sizeof(path) - (size_t)n, fmt, ap);
	va_end(ap);
	make_parents(path);
	assert_int_equal(symlink(target, path), 0);
}

static void get(char out[64], const char *name)
{
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/sys/bus/pci/%s", root, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = read(fd, out, 63);
	assert_true(n >= 0);
	out[n] = '\0';
	close(fd);
}

static void put_vf(const char *pci, unsigned int index)
{
	point("../" PF, "bus/pci/devices/%s/physfn", pci);
	point(pci, "bus/pci/devices/" PF "/virtfn%u", index);
	point("../../../../bus/pci/drivers/igbvf", "bus/pci/devices/%s/driver", pci);
	put("0x8086\n", "bus/pci/devices/%s/vendor", pci);
	put("0x10ca\n", "bus/pci/devices/%s/device", pci);
	put("-1\n", "bus/pci/devices/%s/numa_node", pci);
	put("(null)\n", "bus/pci/devices/%s/driver_override", pci);
}

/* As the emulated igb looks with two of seven VFs. */
static int make_tree(void **state)
{
	(void)state;
	strcpy(root, "/tmp/bw-pci-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	put("7\n", "bus/pci/devices/" PF "/sriov_totalvfs");
	put("2\n", "bus/pci/devices/" PF "/sriov_numvfs");
	put("384\n", "bus/pci/devices/" PF "/sriov_offset");
	put("2\n", "bus/pci/devices/" PF "/sriov_stride");
	put("0x8086\n", "bus/pci/devices/" PF "/vendor");
	put("0x10c9\n", "bus/pci/devices/" PF "/device");
	put("1\n", "bus/pci/devices/" PF "/numa_node");
	put("", "bus/pci/devices/" PF "/net/enp1s0/ifindex");
	put("", "bus/pci/drivers/igbvf/bind");
	put("", "bus/pci/drivers/igbvf/unbind");
	put("", "bus/pci/drivers_probe");
	put_vf(VF0, 0);
	put_vf(VF1, 1);
	put("", "bus/pci/devices/" VF1 "/net/enp1s0v1/ifindex");
	put("", "bus/pci/devices/" VF1 "/infiniband/mlx5_3/fw_ver");
	point("../../../../kernel/iommu_groups/17", "bus/pci/devices/" VF1 "/iommu_group");
	put("", "class/net/lo/ifindex");
	point("../../../bus/pci/devices/" PF, "class/net/enp1s0/device");
	point("../../../devices/virtio0", "class/net/eth0/device");
	put("0x1af4\n", "bus/pci/devices/0000:00:02.0/vendor");
	return 0;
}

static int drop_tree(void **state)
{
	char cmd[64];

	(void)state;
	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", root);
	return system(cmd);
}

static void addresses_are_recognised(void **state)
{
	static const struct {
		const char *text;
		const char *want; /* NULL = none */
	} cases[] = {
		{ "0000:01:10.0", "0000:01:10.0" },
		{ "0000:AF:1F.7", "0000:af:1f.7" },
		{ "10000:e1:00.0", "10000:e1:00.0" },
		{ "00010000:e1:00.0", "10000:e1:00.0" },
		{ "ffffffff:ff:1f.7", "ffffffff:ff:1f.7" },
		{ "00000001:00:00.0", "0001:00:00.0" },
		{ "01:10.0", NULL },
		{ "000:01:10.0", NULL },
		{ "123456789:01:10.0", NULL },
		{ "0000:01:20.0", NULL },
		{ "0000:01:10.8", NULL },
		{ "0000:01:10.00", NULL },
		{ "0000:01:10", NULL },
		{ "0000:01:10.", NULL },
		{ "0000:1:10.0", NULL },
		{ "0000:001:10.0", NULL },
		{ "0000-01:10.0", NULL },
		{ "0000:0g:10.0", NULL },
		{ " 0000:01:10.0", NULL },
		{ "0000:01:10.0 ", NULL },
		{ "../../../etc", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		char got[BW_PCI_ADDR_MAX + 1] = "untouched";
		int r = bw_pci_parse(cases[i].text, got);

		if (r != (cases[i].want ? 0 : -EINVAL))
			fail_msg("%s: %d", cases[i].text, r);
		assert_string_equal(got, cases[i].want ? cases[i].want : "untouched");
	}
}

static void a_vf_leads_to_its_pf(void **state)
{
	struct bw_pci_vf v;

	(void)state;
	assert_ok(bw_pci_vf_look(root, VF1, &v, &err));
	assert_string_equal(v.dev.pci, VF1);
	assert_int_equal(v.index, 1);
	assert_string_equal(v.dev.driver, "igbvf");
	assert_string_equal(v.dev.driver_override, "");
	assert_int_equal(v.dev.vendor, 0x8086);
	assert_int_equal(v.dev.device, 0x10ca);
	assert_int_equal(v.dev.numa_node, -1);
	assert_int_equal(v.dev.iommu_group, 17);
	assert_int_equal(v.dev.n_netdevs, 1);
	assert_string_equal(v.dev.netdevs[0], "enp1s0v1");
	assert_int_equal(v.dev.n_rdma, 1);
	assert_string_equal(v.dev.rdma[0], "mlx5_3");
	assert_string_equal(v.pf.pci, PF);
	assert_string_equal(v.pf.driver, "");
	assert_int_equal(v.pf.numa_node, 1);
	assert_int_equal(v.pf.iommu_group, -1);
	assert_int_equal(v.pf.n_netdevs, 1);
	assert_string_equal(v.pf.netdevs[0], "enp1s0");
	/* In a pod it has no netdev here. */
	assert_ok(bw_pci_vf_look(root, VF0, &v, &err));
	assert_int_equal(v.index, 0);
	assert_int_equal(v.dev.n_netdevs, 0);
}

/* Arithmetic and links agree on the emulated card; elsewhere the links are right. */
static void the_index_is_what_the_link_says(void **state)
{
	struct bw_pci_vf v;

	(void)state;
	put("5\n", "bus/pci/devices/" PF "/sriov_stride");
	assert_ok(bw_pci_vf_look(root, VF1, &v, &err));
	assert_int_equal(v.index, 1);
	put("0\n", "bus/pci/devices/" PF "/sriov_stride");
	assert_ok(bw_pci_vf_look(root, VF1, &v, &err));
	assert_int_equal(v.index, 1);
	put("junk\n", "bus/pci/devices/" PF "/sriov_offset");
	assert_ok(bw_pci_vf_look(root, VF1, &v, &err));
	assert_int_equal(v.index, 1);
	put("4294967295\n", "bus/pci/devices/" PF "/sriov_offset");
	put("1\n", "bus/pci/devices/" PF "/sriov_stride");
	assert_ok(bw_pci_vf_look(root, VF1, &v, &err));
	assert_int_equal(v.index, 1);
}

static void what_is_no_vf_is_refused(void **state)
{
	struct bw_pci_vf v = { .index = 77 };
	char path[128];

	(void)state;
	assert_int_equal(bw_pci_vf_look(root, "0000:01:11.0", &v, &err), -ENODEV);
	assert_int_equal(bw_pci_vf_look(root, PF, &v, &err), -ENXIO);
	assert_int_equal(err.class, BW_ERR_INVALID);
	assert_string_equal(err.msg, "PCI device " PF " is no virtual function");
	assert_int_equal(bw_pci_vf_look(root, "../../x", &v, &err), -EINVAL);
	assert_string_equal(err.msg, "\"../../x\" is no PCI address");
	/* The VF count changes under us. */
	(void)snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/" PF "/virtfn1", root);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(bw_pci_vf_look(root, VF1, &v, &err), -ENODEV);
	assert_int_equal(v.index, 77);
}

static void a_pf_is_found_by_name_and_address(void **state)
{
	char pci[BW_PCI_ADDR_MAX + 1];
	struct bw_pci_pf p;

	(void)state;
	assert_ok(bw_pci_pf_find(root, "enp1s0", &p, &err));
	assert_string_equal(p.dev.pci, PF);
	assert_int_equal(p.numvfs, 2);
	assert_int_equal(p.totalvfs, 7);
	assert_ok(bw_pci_pf_find(root, PF, &p, &err));
	assert_string_equal(p.dev.netdevs[0], "enp1s0");
	assert_int_equal(bw_pci_pf_find(root, "enp2s0", &p, &err), -ENODEV);
	assert_int_equal(bw_pci_pf_find(root, "0000:09:00.0", &p, &err), -ENODEV);
	assert_int_equal(bw_pci_pf_find(root, "lo", &p, &err), -ENXIO);
	assert_string_equal(err.msg, "device lo is no PCI device");
	assert_int_equal(bw_pci_pf_find(root, "eth0", &p, &err), -ENXIO);
	assert_int_equal(bw_pci_pf_find(root, "0000:00:02.0", &p, &err), -ENXIO);
	assert_string_equal(err.msg, "PCI device 0000:00:02.0 has no SR-IOV: it cannot have "
				     "virtual functions");
	assert_int_equal(bw_pci_pf_find(root, "..", &p, &err), -ENODEV);
	assert_int_equal(bw_pci_pf_find(root, "../lo", &p, &err), -ENODEV);
	assert_int_equal(bw_pci_pf_find(root, "", &p, &err), -ENODEV);
	assert_int_equal(bw_pci_pf_find(root, "a_name_of_sixteen", &p, &err), -ENODEV);
	assert_ok(bw_pci_of_netdev(root, "enp1s0", pci, &err));
	assert_string_equal(pci, PF);
}

static int list_vf(const char *pci, uint32_t index, void *arg, struct bw_err *e)
{
	char *out = arg;

	(void)e;
	(void)snprintf(out + strlen(out), 256 - strlen(out), "%u=%s ", index, pci);
	return 0;
}

static int list_pf(const char *pci, void *arg, struct bw_err *e)
{
	char *out = arg;

	(void)e;
	(void)snprintf(out + strlen(out), 256 - strlen(out), "%s ", pci);
	return 0;
}

static int stop_pf(const char *pci, void *arg, struct bw_err *e)
{
	(void)pci;
	(void)arg;
	(void)e;
	return 3;
}

static int stop_vf(const char *pci, uint32_t index, void *arg, struct bw_err *e)
{
	(void)index;
	return stop_pf(pci, arg, e);
}

static void vfs_and_pfs_are_listed(void **state)
{
	char out[256] = "";
	char path[128];

	(void)state;
	assert_ok(bw_pci_vfs(root, PF, list_vf, out, &err));
	assert_string_equal(out, "0=" VF0 " 1=" VF1 " ");
	assert_int_equal(bw_pci_vfs(root, PF, stop_vf, NULL, &err), 3);
	(void)snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/" PF "/virtfn0", root);
	assert_int_equal(unlink(path), 0);
	out[0] = '\0';
	assert_ok(bw_pci_vfs(root, PF, list_vf, out, &err));
	assert_string_equal(out, "1=" VF1 " ");
	assert_int_equal(bw_pci_vfs(root, "0000:05:00.0", list_vf, out, &err), -ENODEV);
	assert_int_equal(bw_pci_vfs(root, VF0, list_vf, out, &err), -ENXIO);
	put("4\n", "bus/pci/devices/0000:00:1f.6/sriov_totalvfs");
	put("", "bus/pci/devices/not_an_address/sriov_totalvfs");
	out[0] = '\0';
	assert_ok(bw_pci_pfs(root, list_pf, out, &err));
	assert_string_equal(out, "0000:00:1f.6 " PF " ");
	assert_int_equal(bw_pci_pfs(root, stop_pf, NULL, &err), 3);
	out[0] = '\0';
	assert_ok(bw_pci_pfs("/nonexistent", list_pf, out, &err));
	assert_string_equal(out, "");
}

static void many_netdevs_are_bounded_and_sorted(void **state)
{
	struct bw_pci_dev d;

	(void)state;
	for (int i = 0; i < 12; i++)
		put("", "bus/pci/devices/" VF0 "/net/p%02d/ifindex", 11 - i);
	put("", "bus/pci/devices/" VF0 "/net/a_name_of_sixteen/ifindex");
	assert_ok(bw_pci_look(root, VF0, &d, &err));
	assert_int_equal(d.n_netdevs, BW_PCI_NETDEVS_MAX);
	for (unsigned int i = 1; i < d.n_netdevs; i++)
		assert_true(strcmp(d.netdevs[i - 1], d.netdevs[i]) < 0);
	put("0x18086\n", "bus/pci/devices/" VF0 "/vendor");
	put("\n", "bus/pci/devices/" VF0 "/device");
	put("99999999999\n", "bus/pci/devices/" VF0 "/numa_node");
	put("vfio-pci\n", "bus/pci/devices/" VF0 "/driver_override");
	assert_ok(bw_pci_look(root, VF0, &d, &err));
	assert_int_equal(d.vendor, 0);
	assert_int_equal(d.device, 0);
	assert_int_equal(d.numa_node, -1);
	assert_string_equal(d.driver_override, "vfio-pci");
	assert_int_equal(bw_pci_look(root, "0000:07:00.0", &d, &err), -ENODEV);
}

static void drivers_are_taken_and_set(void **state)
{
	char text[64];
	char path[128];

	(void)state;
	assert_int_equal(bw_pci_has_driver(root, "igbvf"), 1);
	assert_int_equal(bw_pci_has_driver(root, "vfio-pci"), 0);
	assert_int_equal(bw_pci_has_driver(root, "../devices"), 0);
	assert_int_equal(bw_pci_has_driver(root, ""), 0);
	assert_ok(bw_pci_override(root, VF0, "vfio-pci", &err));
	get(text, "devices/" VF0 "/driver_override");
	assert_string_equal(text, "vfio-pci\n");
	assert_int_equal(bw_pci_override(root, VF0, "a/b", &err), -EINVAL);
	assert_int_equal(bw_pci_override(root, "0000:07:00.0", "x", &err), -ENODEV);
	assert_ok(bw_pci_unbind(root, VF0, &err));
	get(text, "drivers/igbvf/unbind");
	assert_string_equal(text, VF0);
	/* Nothing is bound: nothing to do. */
	assert_ok(bw_pci_unbind(root, PF, &err));
	assert_int_equal(bw_pci_unbind(root, "0000:07:00.0", &err), -ENODEV);
	(void)snprintf(path, sizeof(path), "%s/sys/bus/pci/drivers/igbvf/unbind", root);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(bw_pci_unbind(root, VF0, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "take driver igbvf from PCI device " VF0));
}

static void a_driver_that_does_not_come_is_waited_for_no_longer_than_said(void **state)
{
	uint64_t before = bw_clock_boot_ns();
	char text[64];
	char path[128];

	(void)state;
	assert_ok(bw_pci_bind(root, VF0, "igbvf", 0, &err));
	get(text, "drivers/igbvf/bind");
	assert_string_equal(text, "");
	assert_int_equal(bw_pci_bind(root, VF0, "vfio-pci", 0, &err), -EBUSY);
	assert_string_equal(err.msg, "PCI device " VF0 " has driver igbvf, not vfio-pci");
	assert_int_equal(bw_pci_bind(root, "0000:07:00.0", "igbvf", 0, &err), -ENODEV);
	(void)snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/" VF0 "/driver", root);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(bw_pci_bind(root, VF0, "vfio-pci", 0, &err), -ENOENT);
	assert_int_equal(err.class, BW_ERR_UNSUPPORTED);
	assert_int_equal(bw_pci_bind(root, VF0, "igbvf", 50, &err), -ETIMEDOUT);
	assert_int_equal(err.class, BW_ERR_BUSY);
	assert_string_equal(err.msg, "driver igbvf did not take PCI device " VF0 " within 50 ms");
	get(text, "drivers/igbvf/bind");
	assert_string_equal(text, VF0);
	assert_int_equal(bw_pci_bind(root, VF0, "", 0, &err), -ETIMEDOUT);
	get(text, "drivers_probe");
	assert_string_equal(text, VF0);
	assert_int_equal(bw_pci_rebind(root, VF0, 0, &err), -ENXIO);
	assert_true(bw_clock_boot_ns() - before >= 50 * 1000000ULL);
}

#define in_tree(f) cmocka_unit_test_setup_teardown(f, make_tree, drop_tree)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_recognised),
		in_tree(a_vf_leads_to_its_pf),
		in_tree(the_index_is_what_the_link_says),
		in_tree(what_is_no_vf_is_refused),
		in_tree(a_pf_is_found_by_name_and_address),
		in_tree(vfs_and_pfs_are_listed),
		in_tree(many_netdevs_are_bounded_and_sorted),
		in_tree(drivers_are_taken_and_set),
		in_tree(a_driver_that_does_not_come_is_waited_for_no_longer_than_said),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
