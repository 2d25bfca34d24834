/* SPDX-License-Identifier: Apache-2.0 */
/* Other names of devices and the one-message move, on a real kernel. */
#include "bed.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include <bw/vf.h>

static void name_it(struct bw_nl *nl, int ifindex, const char *name, int want)
{
	struct bw_nl_batch *b = bw_nl_begin(nl);

	bw_link_put_altname_add(b, ifindex, name);
	if (bw_nl_talk(nl, b, &err) != want)
		fail_msg("%s: %d %s", name, b->ops[0].result, err.msg);
}

static void unname_it(struct bw_nl *nl, int ifindex, const char *name, int want)
{
	struct bw_nl_batch *b = bw_nl_begin(nl);

	bw_link_put_altname_del(b, ifindex, name);
	if (bw_nl_talk(nl, b, &err) != want)
		fail_msg("%s: %d %s", name, b->ops[0].result, err.msg);
}

static void assert_names(struct bw_nl *nl, int ifindex, const char *want)
{
	struct bw_link_altnames got;
	char text[512] = "";

	assert_ok(bw_link_altnames(nl, ifindex, &got, &err));
	for (unsigned int i = 0; i < got.n; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ",
			       got.names[i]);
	assert_string_equal(text, want);
}

static void other_names_come_and_go(void **state)
{
	struct bw_link br, host, pod;
	struct bw_link_altnames got;
	struct bed *t = *state;
	struct bw_link link;

	build(t, &br, &host, &pod);
	assert_names(t->nl, host.ifindex, "");
	name_it(t->nl, host.ifindex, "enp1s0v0", 0);
	name_it(t->nl, host.ifindex, "a_name_that_is_longer_than_fifteen_characters", 0);
	assert_names(t->nl, host.ifindex,
		     "enp1s0v0 a_name_that_is_longer_than_fifteen_characters ");
	/* A device is found by them too, but an ordinary look-up says its own name. */
	assert_ok(bw_link_get(t->nl, 0, "enp1s0v0", &link, &err));
	assert_string_equal(link.name, "h0");
	name_it(t->nl, host.ifindex, "enp1s0v0", -EEXIST);
	name_it(t->nl, br.ifindex, "enp1s0v0", -EEXIST);
	name_it(t->nl, br.ifindex, "h0", -EEXIST);
	unname_it(t->nl, br.ifindex, "enp1s0v0", -EINVAL);
	unname_it(t->nl, host.ifindex, "enp1s0v0", 0);
	unname_it(t->nl, host.ifindex, "enp1s0v0", 0);
	assert_names(t->nl, host.ifindex, "a_name_that_is_longer_than_fifteen_characters ");
	assert_int_equal(bw_link_altnames(t->nl, 4711, &got, &err), -ENODEV);
}

static void as_many_names_as_can_be_read(void **state)
{
	struct bw_link br, host, pod;
	struct bw_link_altnames got;
	struct bed *t = *state;
	char name[BW_LINK_ALTNAME_MAX + 1];

	build(t, &br, &host, &pod);
	memset(name, 'n', BW_LINK_ALTNAME_MAX);
	name[BW_LINK_ALTNAME_MAX] = '\0';
	for (int i = 0; i < BW_LINK_ALTNAMES_MAX; i++) {
		name[0] = (char)('a' + i % 26);
		name[1] = (char)('a' + i / 26);
		name_it(t->nl, host.ifindex, name, 0);
	}
	assert_ok(bw_link_altnames(t->nl, host.ifindex, &got, &err));
	assert_int_equal(got.n, BW_LINK_ALTNAMES_MAX);
	assert_string_equal(got.names[BW_LINK_ALTNAMES_MAX - 1], name);
	name_it(t->nl, host.ifindex, "one_more", 0);
	assert_int_equal(bw_link_altnames(t->nl, host.ifindex, &got, &err), -E2BIG);
}

static struct bw_link_set move_to(struct bed *t, const char *name)
{
	return (struct bw_link_set){ .what = BW_LINK_SET_NETNS | BW_LINK_SET_NAME |
					     BW_LINK_SET_MAC | BW_LINK_SET_MTU | BW_LINK_SET_ALIAS |
					     BW_LINK_SET_UP,
				     .ns_fd = t->pod.ns.fd,
				     .name = name,
				     .mac = mac("02:00:00:00:00:09"),
				     .mtu = 1300,
				     .alias = "barewire:h0:0123456789a:net1" };
}

static void one_message_moves_names_and_brings_up(void **state)
{
	struct bw_link br, host, pod, link;
	struct bed *t = *state;
	struct bw_link_set move = move_to(t, "net1");

	build(t, &br, &host, &pod);
	name_it(t->nl, host.ifindex, "enp1s0v0", 0);
	assert_ok(bw_link_set(t->nl, host.ifindex, "h0", &move, &err));
	assert_int_equal(bw_link_get(t->nl, 0, "h0", &link, &err), -ENODEV);
	assert_ok(bw_link_get(t->nl_pod, 0, "net1", &link, &err));
	assert_string_equal(link.name, "net1");
	assert_string_equal(link.alias, "barewire:h0:0123456789a:net1");
	assert_int_equal(link.mtu, 1300);
	assert_true(link.flags & IFF_UP);
	assert_memory_equal(link.mac.b, move.mac.b, BW_MAC_SIZE);
	assert_names(t->nl_pod, link.ifindex, "enp1s0v0 ");
}

/* What the kernel does not undo, the caller finds in the new namespace under the old name, down. */
static void a_refused_part_leaves_it_moved_under_the_old_name(void **state)
{
	struct bw_link br, host, pod, link;
	struct bed *t = *state;
	struct bw_link_set move = move_to(t, "net1");

	build(t, &br, &host, &pod);
	move.mac = mac("01:00:00:00:00:09"); /* multicast */
	assert_int_equal(bw_link_set(t->nl, host.ifindex, "h0", &move, &err), -EADDRNOTAVAIL);
	assert_ok(bw_link_get(t->nl_pod, 0, "h0", &link, &err));
	assert_false(link.flags & IFF_UP);
	assert_string_equal(link.alias, "");
}

/* Nothing happens when its own name is taken there and no other is given, or that is taken too. */
static void a_taken_name_keeps_it_here(void **state)
{
	struct bw_link br, host, pod, link;
	struct bed *t = *state;
	struct bw_link_set move = move_to(t, "eth0");

	build(t, &br, &host, &pod);
	name_it(t->nl_pod, pod.ifindex, "h0", 0);
	assert_int_equal(bw_link_set(t->nl, host.ifindex, "h0", &move, &err), -EEXIST);
	assert_ok(bw_link_get(t->nl, 0, "h0", &link, &err));
	assert_string_equal(link.name, "h0");
}

static void devices_without_pci_are_not_found(void **state)
{
	struct bw_link br, host, pod, link;
	struct bed *t = *state;
	struct bw_vf vf;

	build(t, &br, &host, &pod);
	assert_string_equal(host.parent, "");
	assert_int_equal(bw_link_find_pci(t->nl, "0000:01:10.0", &link, &err), 0);
	assert_int_equal(bw_link_find_pci(t->nl, "", &link, &err), 0);
	assert_int_equal(bw_link_wait_pci(&t->pod.ns, "0000:01:10.0", 20, &link, &err), -ETIMEDOUT);
	/* Nor has a veth VFs, and its driver refuses to set any. */
	assert_int_equal(bw_vf_get(t->nl, host.ifindex, 0, &vf, &err), -ERANGE);
	assert_int_equal(bw_vf_get(t->nl, 4711, 0, &vf, &err), -ENODEV);
	vf = (struct bw_vf){ .index = 0 };
	assert_int_equal(bw_vf_set(t->nl, host.ifindex, &vf, BW_VF_SET_TRUST, &err), -EOPNOTSUPP);
}

/* Whether a process waits in poll(2); 1 also where the kernel does not tell. */
static int is_polling(pid_t pid)
{
	char path[64];
	char text[16] = "";
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return 1;
	(void)!fgets(text, sizeof(text), f); /* empty is not polling, ignoring */
	(void)fclose(f);
	return strtol(text, NULL, 10) == SYS_poll;
}

/* Brings the pod's end up as soon as the parent waits: the host end's carrier is the kernel's news.
 */
static void bring_up_later(struct bed *t)
{
	const struct timespec ms = { 0, 1000000 };

	for (int i = 0; i < 3000 && !is_polling(getppid()); i++)
		(void)nanosleep(&ms, NULL); /* shorter is fine, ignoring */
	set_up(t->nl_pod, "eth0");
	_exit(0);
}

static void the_kernels_own_events_are_heard(void **state)
{
	struct bw_link_set down = { .what = BW_LINK_SET_DOWN };
	struct bw_link br, host, pod;
	struct bed *t = *state;
	pid_t child;

	build(t, &br, &host, &pod);
	assert_ok(bw_link_set(t->nl_pod, 0, "eth0", &down, &err));
	assert_int_equal(bw_link_wait_carrier(NULL, host.ifindex, 0, &err), -ETIMEDOUT);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		bring_up_later(t);
	assert_ok(bw_link_wait_carrier(NULL, host.ifindex, 5000, &err));
	assert_int_equal(waitpid(child, NULL, 0), child);
}

#define in_bed(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_bed(other_names_come_and_go),
		in_bed(as_many_names_as_can_be_read),
		in_bed(one_message_moves_names_and_brings_up),
		in_bed(a_refused_part_leaves_it_moved_under_the_old_name),
		in_bed(a_taken_name_keeps_it_here),
		in_bed(devices_without_pci_are_not_found),
		in_bed(the_kernels_own_events_are_heard),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (unshare(CLONE_NEWNET) < 0) {
		printf("1..0 # SKIP needs the right to make network namespaces\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
