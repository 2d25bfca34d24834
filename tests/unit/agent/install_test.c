/* SPDX-License-Identifier: Apache-2.0 */
/* Programs and configuration on the host: whole, once, in the right order, and gone again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <bw/buf.h>
#include <bw/err.h>
#include <bw/io.h>

#include "install.h"

struct bed {
	char root[64];
	char from[96], bin[96], conf[128], conf_dir[96];
	struct agent_install in;
};

static struct bed bed;

static void put(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static const char *path_of(const char *dir, const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void expect_file(const char *dir, const char *name, const char *text, mode_t mode)
{
	bw_autobuf struct bw_buf b = { 0 };
	struct bw_err err = { 0 };
	struct stat st;

	assert_int_equal(bw_io_read_file(path_of(dir, name), 4096, &b, &err), 0);
	assert_string_equal(b.data, text);
	assert_int_equal(stat(path_of(dir, name), &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
}

static int setup(void **state)
{
	struct bw_err err = { 0 };

	(void)state;
	(void)snprintf(bed.root, sizeof(bed.root), "/tmp/bw-install-XXXXXX");
	assert_non_null(mkdtemp(bed.root));
	(void)snprintf(bed.from, sizeof(bed.from), "%s/image", bed.root);
	(void)snprintf(bed.bin, sizeof(bed.bin), "%s/opt/cni/bin", bed.root);
	(void)snprintf(bed.conf_dir, sizeof(bed.conf_dir), "%s/etc/cni/net.d", bed.root);
	(void)snprintf(bed.conf, sizeof(bed.conf), "%s/05-barewire.conflist", bed.from);
	assert_int_equal(bw_io_mkdir_p(bed.from, 0755, &err), 0);
	put(bed.from, "barewire-bridge", "bridge 1");
	put(bed.from, "barewire-sriov", "sriov 1");
	put(bed.from, "barewire-ipam", "ipam 1");
	put(bed.from, "05-barewire.conflist", "{}");
	bed.in = (struct agent_install){
		.from = bed.from, .bin_dir = bed.bin, .conf = bed.conf, .conf_dir = bed.conf_dir
	};
	return 0;
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", bed.root);
	return system(cmd); /* NOLINT(cert-env33-c): a path of our own */
}

static void programs_and_configuration_are_put_once(void **state)
{
	struct bw_err err = { 0 };
	unsigned int n = 9;

	(void)state;
	assert_int_equal(agent_install_programs(&bed.in, &n, &err), 0);
	assert_int_equal(n, 3);
	expect_file(bed.bin, "barewire-bridge", "bridge 1", 0755);
	assert_int_equal(access(path_of(bed.conf_dir, "05-barewire.conflist"), F_OK), -1);
	assert_int_equal(agent_install_conf(&bed.in, &n, &err), 0);
	assert_int_equal(n, 1);
	expect_file(bed.conf_dir, "05-barewire.conflist", "{}", 0644);
	assert_int_equal(agent_install_programs(&bed.in, &n, &err), 0);
	assert_int_equal(n, 0);
	assert_int_equal(agent_install_conf(&bed.in, &n, &err), 0);
	assert_int_equal(n, 0);
}

static void a_new_version_replaces_what_differs(void **state)
{
	struct bw_err err = { 0 };
	unsigned int n = 9;

	(void)state;
	assert_int_equal(agent_install_programs(&bed.in, NULL, &err), 0);
	put(bed.from, "barewire-sriov", "sriov 2");
	put(bed.bin, ".barewire-sriov.new", "of a killed one");
	assert_int_equal(chmod(path_of(bed.bin, "barewire-ipam"), 0644), 0);
	assert_int_equal(agent_install_programs(&bed.in, &n, &err), 0);
	assert_int_equal(n, 2);
	expect_file(bed.bin, "barewire-sriov", "sriov 2", 0755);
	expect_file(bed.bin, "barewire-ipam", "ipam 1", 0755);
	assert_int_equal(access(path_of(bed.bin, ".barewire-sriov.new"), F_OK), -1);
}

static void an_image_without_a_program_is_refused(void **state)
{
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(unlink(path_of(bed.from, "barewire-ipam")), 0);
	assert_int_equal(agent_install_programs(&bed.in, NULL, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "barewire-ipam"));
}

static void removal_takes_our_files_alone_and_twice_is_once(void **state)
{
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(agent_install_programs(&bed.in, NULL, &err), 0);
	assert_int_equal(agent_install_conf(&bed.in, NULL, &err), 0);
	put(bed.bin, "portmap", "foreign");
	assert_int_equal(agent_install_remove(&bed.in, &err), 0);
	assert_int_equal(access(path_of(bed.bin, "barewire-bridge"), F_OK), -1);
	assert_int_equal(access(path_of(bed.conf_dir, "05-barewire.conflist"), F_OK), -1);
	expect_file(bed.bin, "portmap", "foreign", 0644);
	assert_int_equal(agent_install_remove(&bed.in, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(programs_and_configuration_are_put_once, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_new_version_replaces_what_differs, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_image_without_a_program_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(removal_takes_our_files_alone_and_twice_is_once,
						setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	(void)umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
