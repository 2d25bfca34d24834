/* SPDX-License-Identifier: Apache-2.0 */
/* What an attachment makes of a VF is decided before anything changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <bw/cni_request.h>
#include <bw/err.h>

#include "add.h"
#include "alias.h"
#include "plan.h"

#define DEV "\"deviceID\":\"0000:01:10.0\""
#define BOND                                                                                       \
	"\"bond\":{\"mode\":\"active-backup\",\"deviceIDs\":[\"0000:01:10.0\",\"0000:02:10.0\"]}"

static const struct bw_mac own = { { 0x3e, 0, 0, 0, 0, 1 } };
static const struct bw_mac wanted = { { 2, 0, 0, 0, 0, 2 } };

struct world {
	struct bw_cni_request *req;
	struct sriov_add *add;
	struct sriov_vf *vf; /* slot 0 */
	struct sriov_found *found;
	struct bw_err err;
};

static void see(struct world *w, unsigned int slot)
{
	struct sriov_vf *vf = &w->add->vfs[slot];
	struct sriov_found *f = &w->add->found[slot];

	vf->add = w->add;
	vf->slot = slot;
	vf->original.was = (struct sriov_state){ .has_netdev = 1, .mac = own, .mtu = 1500 };
	vf->original.was.mac.b[5] = (uint8_t)(own.b[5] + slot);
	vf->original.was.pf = (struct bw_vf){ .has = BW_VF_ALL & ~BW_VF_HAS_RSS_QUERY };
	strcpy(vf->original.was.name, "eth5");
	strcpy(vf->original.was.driver, "igbvf");
	strcpy(f->pci.dev.driver, "igbvf");
	strcpy(f->pci.pf.pci, "0000:01:00.0");
	f->pci.index = 3;
	f->pf.ifindex = 2;
	f->pf.mtu = 9000;
	strcpy(f->pf.name, "pf0");
	f->link.ifindex = 9;
}

static void make(struct world *w, const char *body, const char *ifname)
{
	struct bw_cni_env env = {
		.command = "ADD", .container_id = "c", .netns = "/x", .ifname = ifname
	};
	char text[1024];
	int n = snprintf(text, sizeof(text),
			 "{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"type\":\"barewire-sriov\",%s}",
			 body);

	memset(w, 0, sizeof(*w));
	w->add = calloc(1, sizeof(*w->add));
	assert_non_null(w->add);
	assert_int_equal(
		bw_cni_request_new(&env, BW_CNI_ADD, text, (size_t)n, NULL, &w->req, &w->err), 0);
	if (sriov_ctx_new(w->req, 0, &w->add->ctx, &w->err) < 0)
		fail_msg("%s", w->err.msg);
	strcpy(w->add->ctx->att.boot_id, "boot");
	w->vf = &w->add->vfs[0];
	w->found = &w->add->found[0];
	see(w, 0);
	see(w, 1);
}

static void done(struct world *w)
{
	sriov_ctx_free(&w->add->ctx);
	free(w->add);
	bw_cni_request_free(&w->req);
}

static int plan(struct world *w, unsigned int slot)
{
	return sriov_plan(&w->add->vfs[slot], &w->add->found[slot], &w->err);
}

static void no_key_sets_nothing(void **state)
{
	struct world w;

	(void)state;
	make(&w, DEV, "net1");
	assert_int_equal(plan(&w, 0), 0);
	assert_int_equal(w.vf->original.what, 0);
	assert_int_equal(w.vf->original.has_mac, 0);
	assert_int_equal(w.vf->original.mtu, 0);
	assert_string_equal(w.vf->original.pod_name, "net1");
	assert_string_equal(w.vf->original.boot_id, "boot");
	assert_true(sriov_alias_is(w.vf->original.alias, "c", "net1"));
	assert_int_equal(w.vf->index, 3);
	assert_int_equal(w.vf->pf_ifindex, 2);
	done(&w);
}

static void every_key_is_in_the_plan(void **state)
{
	struct world w;

	(void)state;
	make(&w,
	     DEV ",\"vlan\":7,\"vlanQoS\":3,\"spoofchk\":\"on\",\"trust\":\"off\",\"mtu\":9000,"
		 "\"link_state\":\"disable\",\"max_tx_rate\":100,\"mac\":\"02:00:00:00:00:02\"",
	     "net1");
	assert_int_equal(plan(&w, 0), 0);
	assert_int_equal(w.vf->original.what, BW_VF_ALL & ~BW_VF_SET_RSS_QUERY);
	assert_int_equal(w.vf->original.want.has, w.vf->original.what);
	assert_int_equal(w.vf->original.want.vlan, 7);
	assert_int_equal(w.vf->original.want.qos, 3);
	assert_int_equal(w.vf->original.want.max_tx_rate, 100);
	assert_int_equal(w.vf->original.want.link_state, BW_VF_LINK_DISABLE);
	assert_true(bw_mac_eq(&w.vf->original.want.mac, &wanted));
	assert_true(bw_mac_eq(&w.vf->original.mac, &wanted));
	assert_int_equal(w.vf->original.mtu, 9000);
	done(&w);
}

static void mac_that_is_there_is_not_written_to_the_pf(void **state)
{
	struct world w;

	(void)state;
	make(&w, DEV ",\"mac\":\"02:00:00:00:00:02\"", "net1");
	w.vf->original.was.pf.mac = wanted;
	assert_int_equal(plan(&w, 0), 0);
	assert_int_equal(w.vf->original.what, 0);
	assert_int_equal(w.vf->original.has_mac, 1);
	done(&w);
}

static void mtu_is_bounded_by_the_pf(void **state)
{
	struct world w;

	(void)state;
	make(&w, DEV ",\"mtu\":9001", "net1");
	assert_int_equal(plan(&w, 0), -ERANGE);
	assert_int_equal(w.err.class, BW_ERR_INVALID);
	assert_non_null(strstr(w.err.msg, "mtu"));
	done(&w);
}

static void setting_the_driver_does_not_report_is_refused(void **state)
{
	struct world w;

	(void)state;
	make(&w, DEV ",\"trust\":\"on\"", "net1");
	w.vf->original.was.pf.has &= ~BW_VF_HAS_TRUST;
	assert_int_equal(plan(&w, 0), -EOPNOTSUPP);
	assert_int_equal(w.err.class, BW_ERR_UNSUPPORTED);
	assert_non_null(strstr(w.err.msg, "trust"));
	done(&w);
}

static void settings_need_a_pf_in_this_namespace(void **state)
{
	struct world w;

	(void)state;
	make(&w, DEV ",\"vlan\":7", "net1");
	w.found->pf.ifindex = 0;
	assert_int_equal(plan(&w, 0), -EOPNOTSUPP);
	done(&w);
	make(&w, DEV, "net1");
	w.found->pf.ifindex = 0;
	assert_int_equal(plan(&w, 0), 0);
	done(&w);
}

static void vf_that_cannot_be_moved_is_refused(void **state)
{
	struct world w;

	(void)state;
	make(&w, DEV, "net1");
	w.vf->original.was.has_netdev = 0;
	assert_int_equal(plan(&w, 0), -ENODEV);
	assert_int_equal(w.err.class, BW_ERR_BUSY);
	w.found->pci.dev.driver[0] = '\0';
	assert_int_equal(plan(&w, 0), -ENODEV);
	assert_int_equal(w.err.class, BW_ERR_INVALID);
	done(&w);
}

static void vf_of_user_space_is_only_set_up(void **state)
{
	struct world w;

	(void)state;
	make(&w, DEV ",\"vlan\":7,\"mtu\":1400", "net1");
	w.vf->original.was.has_netdev = 0;
	strcpy(w.found->pci.dev.driver, "vfio-pci");
	assert_int_equal(plan(&w, 0), 0);
	assert_int_equal(w.vf->is_dpdk, 1);
	assert_int_equal(w.vf->original.what, BW_VF_SET_VLAN);
	assert_int_equal(w.vf->original.mtu, 0);
	assert_string_equal(w.vf->original.pod_name, "");
	assert_string_equal(w.vf->original.alias, "");
	done(&w);
}

static void second_vf_of_a_bond_takes_the_firsts_mac(void **state)
{
	struct world w;

	(void)state;
	make(&w, BOND, "a-very-long-if0");
	assert_int_equal(plan(&w, 0), 0);
	assert_int_equal(w.add->vfs[0].original.has_mac, 0);
	assert_string_equal(w.add->vfs[0].original.pod_name, "a-very-long-i-0");
	assert_int_equal(plan(&w, 1), 0);
	assert_int_equal(w.add->vfs[1].original.has_mac, 1);
	assert_true(bw_mac_eq(&w.add->vfs[1].original.mac, &own));
	assert_int_equal(w.add->vfs[1].original.what, BW_VF_SET_MAC);
	assert_string_equal(w.add->vfs[1].original.pod_name, "a-very-long-i-1");
	assert_true(sriov_alias_is(w.add->vfs[1].original.alias, "c", "a-very-long-if0"));
	done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_key_sets_nothing),
		cmocka_unit_test(every_key_is_in_the_plan),
		cmocka_unit_test(mac_that_is_there_is_not_written_to_the_pf),
		cmocka_unit_test(mtu_is_bounded_by_the_pf),
		cmocka_unit_test(setting_the_driver_does_not_report_is_refused),
		cmocka_unit_test(settings_need_a_pf_in_this_namespace),
		cmocka_unit_test(vf_that_cannot_be_moved_is_refused),
		cmocka_unit_test(vf_of_user_space_is_only_set_up),
		cmocka_unit_test(second_vf_of_a_bond_takes_the_firsts_mac),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
