/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <linux/if_ether.h>
#include <stdio.h>
#include <string.h>

#include <bw/cni_request.h>
#include <bw/err.h>
#include <bw/log.h>

#include "conf.h"
#include "conf_fields.h"
#include "failalloc.h"

#define DEV "\"deviceID\":\"0000:01:10.0\""

/* A request with @body's members beside name and type, and CNI_ARGS. */
static struct bw_cni_request *request(enum bw_cni_verb verb, const char *body, const char *args)
{
	static const char *const known[] = { "MAC", "IP", NULL };
	struct bw_cni_env env = {
		.command = "ADD", .container_id = "c", .netns = "/x", .ifname = "eth0", .args = args
	};
	struct bw_cni_request *req = NULL;
	struct bw_err err = { 0 };
	char text[4096];
	int n;

	n = snprintf(text, sizeof(text),
		     "{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"type\":\"barewire-sriov\"%s%s}",
		     *body ? "," : "", body);
	assert_true(n > 0 && (size_t)n < sizeof(text));
	if (bw_cni_request_new(&env, verb, text, (size_t)n, known, &req, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	return req;
}

static void what_is_not_given_is_left_alone(void **state)
{
	bw_autorequest struct bw_cni_request *req = request(BW_CNI_ADD, DEV, NULL);
	sriov_autoconf struct sriov_conf c = { 0 };

	(void)state;
	assert_int_equal(sriov_conf_load(req, &c, NULL), 0);
	assert_string_equal(c.device.s, "0000:01:10.0");
	assert_int_equal(c.has_vlan | c.has_mac | c.has_spoofchk | c.has_trust, 0);
	assert_int_equal(c.has_link_state | c.has_rate | c.has_dns | c.has_bond | c.has_numa, 0);
	assert_int_equal(c.mtu, 0);
	assert_int_equal(c.announce, 1);
	assert_int_equal(c.probe, BW_PROBE_OFF);
	assert_null(c.ipam_type);
	assert_int_equal(sriov_conf_n_vfs(&c), 1);
	assert_false(sriov_conf_is_foreign(&c));
}

static void every_key_is_read(void **state)
{
	bw_autorequest struct bw_cni_request *req =
		request(BW_CNI_ADD,
			"\"deviceID\":\"0000:AF:10.7\",\"vlan\":4094,\"vlanQoS\":7,"
			"\"vlanProto\":\"802.1AD\",\"mac\":\"CA:FE:C0:FF:EE:00\","
			"\"spoofchk\":\"off\",\"trust\":\"on\",\"link_state\":\"enable\","
			"\"min_tx_rate\":100,\"max_tx_rate\":200,\"ipam\":{\"type\":\"static\"},"
			"\"logLevel\":\"debug\",\"logFile\":\"/tmp/x\",\"mtu\":9000,"
			"\"announce\":false,\"probe\":\"enforce\",\"numaNode\":1,"
			"\"pf\":[\"ens1f0\",\"0000:3B:00.1\"],\"dns\":{\"search\":[\"a\"]},"
			"\"pciBusID\":\"0000:af:10.7\",\"vfid\":3",
			NULL);
	sriov_autoconf struct sriov_conf c = { 0 };
	const struct sriov_pf_name *pfs;
	struct bw_err err = { 0 };

	(void)state;
	if (sriov_conf_load(req, &c, &err) != 0)
		fail_msg("%s", err.msg);
	assert_string_equal(c.device.s, "0000:af:10.7");
	assert_int_equal(c.has_vlan, 1);
	assert_int_equal(c.vlan, 4094);
	assert_int_equal(c.qos, 7);
	assert_int_equal(c.proto, ETH_P_8021AD);
	assert_int_equal(c.has_mac, 1);
	assert_int_equal(c.mac.b[0], 0xca);
	assert_true(c.has_spoofchk && !c.spoofchk);
	assert_true(c.has_trust && c.trust);
	assert_true(c.has_link_state);
	assert_int_equal(c.link_state, SRIOV_LINK_ENABLE);
	assert_true(c.has_rate);
	assert_int_equal(c.min_tx_rate, 100);
	assert_int_equal(c.max_tx_rate, 200);
	assert_string_equal(c.ipam_type, "static");
	assert_true(sriov_conf_is_foreign(&c));
	assert_int_equal(c.mtu, 9000);
	assert_int_equal(c.announce, 0);
	assert_int_equal(c.probe, BW_PROBE_ENFORCE);
	assert_true(c.has_numa);
	assert_int_equal(c.numa, 1);
	assert_true(c.has_dns);
	assert_int_equal(c.pfs.n, 2);
	pfs = c.pfs.items;
	assert_string_equal(pfs[0].s, "ens1f0");
	assert_string_equal(pfs[1].s, "0000:3b:00.1");
}

struct refusal {
	const char *body;
	const char *args;
	const char *text; /* part of the message */
	int r;
};

static const struct refusal refusals[] = {
	{ "", NULL, "deviceID: missing, expected a VF's PCI address", -EINVAL },
	{ "\"deviceID\":\"\"", NULL, "deviceID: missing", -EINVAL },
	{ "\"numaNode\":0", NULL, "deviceID: missing", -EINVAL },
	{ "\"deviceID\":7", NULL, "deviceID: expected a VF's PCI address", -EINVAL },
	{ "\"deviceID\":\"01:10.0\"", NULL, "deviceID: expected", -EINVAL },
	{ "\"deviceID\":\"0000:01:20.0\"", NULL, "deviceID: expected", -EINVAL },
	{ "\"deviceID\":\"0000:01:10.8\"", NULL, "deviceID: expected", -EINVAL },
	{ "\"deviceID\":\"0000:01:10.0 \"", NULL, "deviceID: expected", -EINVAL },
	{ "\"deviceID\":\"../../x\"", NULL, "deviceID: expected", -EINVAL },
	{ "\"runtimeConfig\":{\"deviceID\":\"x\"}", NULL, "runtimeConfig.deviceID: expected",
	  -EINVAL },
	{ DEV ",\"runtimeConfig\":{\"deviceID\":\"0000:01:10.2\"}", NULL,
	  "runtimeConfig.deviceID: expected the network's deviceID 0000:01:10.0 or none, got "
	  "\"0000:01:10.2\"",
	  -EINVAL },
	{ DEV ",\"vlan\":4095", NULL, "vlan: expected an integer from 0 to 4094, got 4095",
	  -EINVAL },
	{ DEV ",\"vlan\":-1", NULL, "vlan: expected", -EINVAL },
	{ DEV ",\"vlan\":\"7\"", NULL, "vlan: expected", -EINVAL },
	{ DEV ",\"vlan\":7,\"vlanQoS\":8", NULL, "vlanQoS: expected an integer from 0 to 7",
	  -EINVAL },
	{ DEV ",\"vlanQoS\":0", NULL, "vlanQoS: is given without vlan", -EINVAL },
	{ DEV ",\"vlan\":0,\"vlanQoS\":1", NULL, "vlanQoS: a priority needs a VLAN", -EINVAL },
	{ DEV ",\"vlanProto\":\"802.1q\"", NULL, "vlanProto: is given without vlan", -EINVAL },
	{ DEV ",\"vlan\":0,\"vlanProto\":\"802.1ad\"", NULL, "vlanProto: \"802.1ad\" needs",
	  -EINVAL },
	{ DEV ",\"vlan\":1,\"vlanProto\":\"8021q\"", NULL,
	  "vlanProto: expected one of 802.1q, 802.1ad, got \"8021q\"", -EINVAL },
	{ DEV ",\"mac\":\"x\"", NULL, "mac: expected a unicast MAC", -EINVAL },
	{ DEV ",\"mac\":\"01:00:00:00:00:01\"", NULL, "mac: expected", -EINVAL },
	{ DEV ",\"mac\":\"00:00:00:00:00:00\"", NULL, "mac: expected", -EINVAL },
	{ DEV ",\"mac\":7", NULL, "mac: expected", -EINVAL },
	{ DEV, "MAC=zz", "MAC in CNI_ARGS: expected", -EINVAL },
	{ DEV ",\"args\":{\"cni\":{\"mac\":\"x\"}}", NULL, "args.cni.mac: expected", -EINVAL },
	{ DEV ",\"args\":7", NULL, "args: expected an object", -EINVAL },
	{ DEV ",\"runtimeConfig\":{\"mac\":\"02:00\"}", NULL, "runtimeConfig.mac: expected",
	  -EINVAL },
	{ DEV ",\"spoofchk\":\"yes\"", NULL,
	  "spoofchk: expected one of on, off, true, false, got \"yes\"", -EINVAL },
	{ DEV ",\"spoofchk\":\"ON\"", NULL, "spoofchk: expected", -EINVAL },
	{ DEV ",\"spoofchk\":\"\"", NULL, "spoofchk: expected", -EINVAL },
	{ DEV ",\"spoofchk\":1", NULL, "spoofchk: expected", -EINVAL },
	{ DEV ",\"trust\":\"enable\"", NULL, "trust: expected one of on, off, true, false",
	  -EINVAL },
	{ DEV ",\"trust\":0", NULL, "trust: expected", -EINVAL },
	{ DEV ",\"link_state\":\"up\"", NULL,
	  "link_state: expected one of auto, enable, disable, got \"up\"", -EINVAL },
	{ DEV ",\"link_state\":1", NULL, "link_state: expected", -EINVAL },
	{ DEV ",\"min_tx_rate\":-1", NULL, "min_tx_rate: expected", -EINVAL },
	{ DEV ",\"max_tx_rate\":4294967296", NULL, "max_tx_rate: expected", -EINVAL },
	{ DEV ",\"min_tx_rate\":11,\"max_tx_rate\":10", NULL,
	  "min_tx_rate: expected at most max_tx_rate 10, got 11", -EINVAL },
	{ DEV ",\"min_tx_rate\":3,\"bandwidth\":{\"egressRate\":2000000}", NULL,
	  "min_tx_rate: expected at most max_tx_rate 2, got 3", -EINVAL },
	{ DEV ",\"max_tx_rate\":3,\"bandwidth\":{\"egressRate\":2000000}", NULL,
	  "bandwidth.egressRate: 2000000 bit/s is max_tx_rate 2, expected the max_tx_rate given, "
	  "which is 3",
	  -EINVAL },
	{ DEV ",\"max_tx_rate\":0,\"runtimeConfig\":{\"bandwidth\":{\"egressRate\":1}}", NULL,
	  "runtimeConfig.bandwidth.egressRate: 1 bit/s is max_tx_rate 1", -EINVAL },
	{ DEV ",\"bandwidth\":{\"ingressRate\":1000}", NULL,
	  "bandwidth.ingressRate: a VF can limit only what it sends", -EOPNOTSUPP },
	{ DEV ",\"runtimeConfig\":{\"bandwidth\":{\"ingressRate\":1,\"ingressBurst\":1}}", NULL,
	  "runtimeConfig.bandwidth.ingressRate: a VF can limit", -EOPNOTSUPP },
	{ DEV ",\"bandwidth\":{\"egressRate\":-1}", NULL, "bandwidth.egressRate: expected",
	  -EINVAL },
	{ DEV ",\"bandwidth\":{\"egressRate\":2147483647000001}", NULL,
	  "bandwidth.egressRate: expected", -EINVAL },
	{ DEV ",\"bandwidth\":7", NULL, "bandwidth: expected", -EINVAL },
	{ DEV ",\"mtu\":67", NULL, "mtu: expected 0 or an integer from 68 to 65535", -EINVAL },
	{ DEV ",\"mtu\":65536", NULL, "mtu: expected", -EINVAL },
	{ DEV ",\"announce\":\"yes\"", NULL, "announce: expected true or false", -EINVAL },
	{ DEV ",\"probe\":\"on\"", NULL, "probe: expected one of off, warn, enforce", -EINVAL },
	{ DEV ",\"numaNode\":-1", NULL, "numaNode: expected an integer from 0 to 1023", -EINVAL },
	{ "\"pf\":\"\"", NULL, "pf: expected a PF: an interface name", -EINVAL },
	{ "\"pf\":[]", NULL, "pf: expected a PF, or a list of 1 to 64", -EINVAL },
	{ "\"pf\":[\"a\",\"b/c\"]", NULL, "pf[1]: expected a PF", -EINVAL },
	{ "\"pf\":{\"name\":\"a\"}", NULL, "pf: expected a PF", -EINVAL },
	{ "\"resource\":7", NULL, "resource: expected the device plugin's selectors", -EINVAL },
	{ "\"resource\":[]", NULL, "resource: expected the device plugin's selectors", -EINVAL },
	{ "\"resource\":{}", NULL, "resource: selects every VF, expected at least one of",
	  -EINVAL },
	{ "\"resource\":{\"vendors\":[]}", NULL, "resource: selects every VF", -EINVAL },
	{ "\"resource\":{\"selectors\":[{\"vendors\":[\"8086\"]},{}]}", NULL,
	  "resource.selectors[1]: selects every VF", -EINVAL },
	{ "\"resource\":[7]", NULL, "resource[0]: expected an object", -EINVAL },
	{ "\"resource\":{\"vendors\":\"8086\"}", NULL, "resource.vendors: expected a list",
	  -EINVAL },
	{ "\"resource\":{\"vendors\":[\"0x8086\"]}", NULL,
	  "resource.vendors[0]: expected four hex digits", -EINVAL },
	{ "\"resource\":{\"devices\":[\"808g\"]}", NULL, "resource.devices[0]: expected", -EINVAL },
	{ "\"resource\":{\"drivers\":[\"\"]}", NULL, "resource.drivers[0]: expected", -EINVAL },
	{ "\"resource\":{\"pfNames\":[\"a#\"]}", NULL,
	  "resource.pfNames[0]: expected a PF, or a PF and its VFs such as ens1f0#0-3,5", -EINVAL },
	{ "\"resource\":{\"pfNames\":[\"a#1,\"]}", NULL, "resource.pfNames[0]: expected", -EINVAL },
	{ "\"resource\":{\"pfNames\":[\"a#3-1\"]}", NULL, "resource.pfNames[0]: expected",
	  -EINVAL },
	{ "\"resource\":{\"pfNames\":[\"a#1-\"]}", NULL, "resource.pfNames[0]: expected", -EINVAL },
	{ "\"resource\":{\"pfNames\":[\"a#-1\"]}", NULL, "resource.pfNames[0]: expected", -EINVAL },
	{ "\"resource\":{\"pfNames\":[\"a#65536\"]}", NULL, "resource.pfNames[0]: expected",
	  -EINVAL },
	{ "\"resource\":{\"pfNames\":[\"#1\"]}", NULL, "resource.pfNames[0]: expected", -EINVAL },
	{ "\"resource\":{\"pfNames\":[\"a\"],\"linkTypes\":[\"ether\"]}", NULL,
	  "resource.linkTypes: a VF cannot be chosen by it here", -EOPNOTSUPP },
	{ "\"resource\":{\"pfNames\":[\"a\"],\"isRdma\":true}", NULL, "resource.isRdma: a VF",
	  -EOPNOTSUPP },
	{ "\"bond\":7", NULL, "bond: expected an object", -EINVAL },
	{ "\"bond\":{}", NULL, "bond: expected two VFs in deviceIDs or two PFs in pfs, got neither",
	  -EINVAL },
	{ "\"bond\":{\"pfs\":[\"a\",\"b\"],\"deviceIDs\":[\"0000:01:10.0\",\"0000:01:10.1\"]}",
	  NULL, "got both", -EINVAL },
	{ "\"bond\":{\"pfs\":[\"a\"]}", NULL, "bond.pfs: expected a list of exactly 2", -EINVAL },
	{ "\"bond\":{\"pfs\":[\"a\",\"a\"]}", NULL, "bond.pfs[1]: expected another one", -EINVAL },
	{ "\"bond\":{\"deviceIDs\":[\"0000:01:10.0\",\"0000:01:10.0\"]}", NULL,
	  "bond.deviceIDs[1]: expected another one", -EINVAL },
	{ "\"bond\":{\"deviceIDs\":[\"\",\"0000:01:10.0\"]}", NULL,
	  "bond.deviceIDs[0]: expected a VF's PCI address", -EINVAL },
	{ "\"bond\":{\"mode\":\"balance-rr\",\"pfs\":[\"a\",\"b\"]}", NULL,
	  "bond.mode: expected one of active-backup, 802.3ad, got \"balance-rr\"", -EINVAL },
	{ "\"bond\":{\"miimon\":0,\"pfs\":[\"a\",\"b\"]}", NULL,
	  "bond.miimon: expected an integer from 1 to 60000", -EINVAL },
	{ "\"pf\":\"a\",\"bond\":{\"pfs\":[\"a\",\"b\"]}", NULL,
	  "pf: a bond names its PFs in bond.pfs", -EINVAL },
	{ DEV ",\"bond\":{\"pfs\":[\"a\",\"b\"]}", NULL, "deviceID: a bond names its VFs",
	  -EINVAL },
	{ DEV ",\"ipam\":7", NULL, "ipam: expected an object", -EINVAL },
	{ DEV ",\"ipam\":{\"type\":\"../sh\"}", NULL, "ipam.type: expected the name", -EINVAL },
	{ DEV ",\"dns\":{\"nameservers\":\"x\"}", NULL, "dns.nameservers: expected", -EINVAL },
};

static void bad_values_are_refused_with_key_and_value(void **state)
{
	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(refusals); i++) {
		const struct refusal *t = &refusals[i];
		bw_autorequest struct bw_cni_request *req = request(BW_CNI_ADD, t->body, t->args);
		sriov_autoconf struct sriov_conf c = { 0 };
		enum bw_err_class class = t->r == -EINVAL ? BW_ERR_INVALID : BW_ERR_UNSUPPORTED;
		struct bw_err err = { 0 };
		int r = sriov_conf_load(req, &c, &err);

		if (r != t->r || err.class != class || !strstr(err.msg, t->text))
			fail_msg("%s %s\nexpected: %d %s\nactual:   %d %s", t->body,
				 t->args ? t->args : "", t->r, t->text, r, err.msg);
	}
}

static void no_bad_value_stops_a_del(void **state)
{
	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(refusals); i++) {
		bw_autorequest struct bw_cni_request *req =
			request(BW_CNI_DEL, refusals[i].body, refusals[i].args);
		sriov_autoconf struct sriov_conf c = { 0 };

		assert_int_equal(sriov_conf_load_lenient(req, &c, NULL), 0);
	}
}

static void a_del_finds_the_device_beside_bad_values(void **state)
{
	bw_autorequest struct bw_cni_request *req =
		request(BW_CNI_DEL, "\"spoofchk\":\"yes\",\"trust\":7,\"vlan\":9999," DEV, NULL);
	sriov_autoconf struct sriov_conf c = { 0 };

	(void)state;
	assert_int_equal(sriov_conf_load_lenient(req, &c, NULL), 0);
	assert_string_equal(c.device.s, "0000:01:10.0");
	assert_int_equal(c.has_spoofchk | c.has_trust | c.has_vlan, 0);
}

static void status_needs_no_way_to_a_vf(void **state)
{
	bw_autorequest struct bw_cni_request *req = request(BW_CNI_STATUS, "", NULL);
	sriov_autoconf struct sriov_conf c = { 0 };

	(void)state;
	assert_int_equal(sriov_conf_load(req, &c, NULL), 0);
}

static void switches_take_four_words(void **state)
{
	static const struct {
		const char *value;
		int on;
	} rows[] = {
		{ "\"on\"", 1 }, { "\"off\"", 0 },   { "\"true\"", 1 },
		{ "true", 1 },   { "\"false\"", 0 }, { "false", 0 },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(rows); i++) {
		char body[128];

		(void)snprintf(body, sizeof(body), DEV ",\"spoofchk\":%s,\"trust\":%s",
			       rows[i].value, rows[i].value);
		bw_autorequest struct bw_cni_request *req = request(BW_CNI_ADD, body, NULL);
		sriov_autoconf struct sriov_conf c = { 0 };

		assert_int_equal(sriov_conf_load(req, &c, NULL), 0);
		assert_int_equal(c.has_spoofchk & c.has_trust, 1);
		assert_int_equal(c.spoofchk, rows[i].on);
		assert_int_equal(c.trust, rows[i].on);
	}
}

static void null_and_empty_texts_are_not_given(void **state)
{
	bw_autorequest struct bw_cni_request *req =
		request(BW_CNI_ADD,
			DEV ",\"spoofchk\":null,\"vlan\":null,\"mac\":\"\",\"link_state\":\"\","
			    "\"runtimeConfig\":{\"deviceID\":\"\",\"mac\":\"\"}",
			NULL);
	sriov_autoconf struct sriov_conf c = { 0 };

	(void)state;
	assert_int_equal(sriov_conf_load(req, &c, NULL), 0);
	assert_int_equal(c.has_spoofchk | c.has_vlan | c.has_mac | c.has_link_state, 0);
	assert_string_equal(c.device.s, "0000:01:10.0");
}

static void mac_precedence(void **state)
{
	static const struct {
		const char *body;
		const char *args;
		uint8_t last;
	} rows[] = {
		{ DEV ",\"mac\":\"02:00:00:00:00:04\",\"runtimeConfig\":{\"mac\":"
		      "\"02:00:00:00:00:01\"},\"args\":{\"cni\":{\"mac\":\"02:00:00:00:00:02\"}}",
		  "MAC=02:00:00:00:00:03", 1 },
		{ DEV ",\"mac\":\"02:00:00:00:00:04\",\"args\":{\"cni\":{\"mac\":"
		      "\"02:00:00:00:00:02\"}}",
		  "MAC=02:00:00:00:00:03", 2 },
		{ DEV ",\"mac\":\"02:00:00:00:00:04\"", "MAC=02:00:00:00:00:03", 3 },
		{ DEV ",\"mac\":\"02:00:00:00:00:04\"", NULL, 4 },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(rows); i++) {
		bw_autorequest struct bw_cni_request *req =
			request(BW_CNI_ADD, rows[i].body, rows[i].args);
		sriov_autoconf struct sriov_conf c = { 0 };

		assert_int_equal(sriov_conf_load(req, &c, NULL), 0);
		assert_int_equal(c.has_mac, 1);
		assert_int_equal(c.mac.b[5], rows[i].last);
	}
}

static void the_device_of_the_runtime_is_taken(void **state)
{
	bw_autorequest struct bw_cni_request *req =
		request(BW_CNI_ADD, "\"runtimeConfig\":{\"deviceID\":\"0000:01:10.4\"}", NULL);
	bw_autorequest struct bw_cni_request *same =
		request(BW_CNI_ADD,
			"\"deviceID\":\"0000:AB:10.4\","
			"\"runtimeConfig\":{\"deviceID\":\"0000:ab:10.4\"}",
			NULL);
	sriov_autoconf struct sriov_conf a = { 0 };
	sriov_autoconf struct sriov_conf b = { 0 };

	(void)state;
	assert_int_equal(sriov_conf_load(req, &a, NULL), 0);
	assert_string_equal(a.device.s, "0000:01:10.4");
	assert_int_equal(sriov_conf_load(same, &b, NULL), 0);
	assert_string_equal(b.device.s, "0000:ab:10.4");
}

static void rates(void **state)
{
	static const struct {
		const char *body;
		uint32_t min, max;
		int has;
	} rows[] = {
		{ DEV ",\"min_tx_rate\":5", 5, 0, 1 },
		{ DEV ",\"max_tx_rate\":5", 0, 5, 1 },
		{ DEV ",\"max_tx_rate\":0", 0, 0, 1 },
		{ DEV ",\"min_tx_rate\":5,\"max_tx_rate\":5", 5, 5, 1 },
		{ DEV ",\"bandwidth\":{}", 0, 0, 0 },
		{ DEV ",\"bandwidth\":{\"egressRate\":0}", 0, 0, 0 },
		{ DEV ",\"bandwidth\":{\"egressRate\":1}", 0, 1, 1 },
		{ DEV ",\"bandwidth\":{\"egressRate\":1000000,\"egressBurst\":1}", 0, 1, 1 },
		{ DEV ",\"bandwidth\":{\"egressRate\":1000001}", 0, 2, 1 },
		{ DEV ",\"bandwidth\":{\"egressRate\":2147483647000000}", 0, 2147483647U, 1 },
		{ DEV ",\"max_tx_rate\":2,\"bandwidth\":{\"egressRate\":1000001}", 0, 2, 1 },
		{ DEV ",\"bandwidth\":{\"egressRate\":9000000},\"runtimeConfig\":{\"bandwidth\":"
		      "{\"egressRate\":3000000,\"egressBurst\":4294967295}}",
		  0, 3, 1 },
		{ DEV ",\"runtimeConfig\":{\"bandwidth\":{\"IngressRate\":0,\"IngressBurst\":0,"
		      "\"EgressRate\":3000000,\"EgressBurst\":4294967295}}",
		  0, 3, 1 }, /* as containerd writes it */
		{ DEV
		  ",\"bandwidth\":{\"egressRate\":9000000},\"runtimeConfig\":{\"bandwidth\":{}}",
		  0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(rows); i++) {
		bw_autorequest struct bw_cni_request *req = request(BW_CNI_ADD, rows[i].body, NULL);
		sriov_autoconf struct sriov_conf c = { 0 };

		if (sriov_conf_load(req, &c, NULL) != 0 || c.has_rate != rows[i].has ||
		    c.min_tx_rate != rows[i].min || c.max_tx_rate != rows[i].max)
			fail_msg("%s\nexpected: %d %u %u\nactual:   %d %u %u", rows[i].body,
				 rows[i].has, rows[i].min, rows[i].max, c.has_rate, c.min_tx_rate,
				 c.max_tx_rate);
	}
}

/* What the device plugin's configuration map holds for one resource, as it stands there. */
static void a_resource_of_the_device_plugin_is_read(void **state)
{
	bw_autorequest struct bw_cni_request *req = request(
		BW_CNI_ADD,
		"\"resource\":{\"resourceName\":\"db\",\"resourcePrefix\":\"example.com\","
		"\"excludeTopology\":false,\"selectors\":[{\"vendors\":[\"8086\",\"15B3\"],"
		"\"devices\":[\"10ca\"],\"drivers\":[\"igbvf\",\"vfio-pci\"],"
		"\"pfNames\":[\"ens1f0#0-3,5\",\"ens1f1\"],\"isRdma\":false,\"linkTypes\":[],"
		"\"needVhostNet\":true},{\"rootDevices\":[\"0000:3B:00.0#7\"],"
		"\"pciAddresses\":[\"0000:01:10.0\"]}]}",
		NULL);
	sriov_autoconf struct sriov_conf c = { 0 };
	const struct sriov_selector *s;
	const struct sriov_pf_range *p;
	struct bw_err err = { 0 };

	(void)state;
	if (sriov_conf_load(req, &c, &err) != 0)
		fail_msg("%s", err.msg);
	assert_int_equal(c.selectors.n, 2);
	s = c.selectors.items;
	assert_int_equal(s[0].vendors.n, 2);
	assert_int_equal(((const uint16_t *)s[0].vendors.items)[1], 0x15b3);
	assert_int_equal(((const uint16_t *)s[0].devices.items)[0], 0x10ca);
	assert_int_equal(s[0].drivers.n, 2);
	assert_string_equal(((const char *const *)s[0].drivers.items)[1], "vfio-pci");
	assert_int_equal(s[0].pf_names.n, 2);
	p = s[0].pf_names.items;
	assert_string_equal(p[0].pf.s, "ens1f0");
	assert_int_equal(p[0].n_ranges, 2);
	assert_int_equal(p[0].ranges[0].first, 0);
	assert_int_equal(p[0].ranges[0].last, 3);
	assert_int_equal(p[0].ranges[1].first, 5);
	assert_int_equal(p[0].ranges[1].last, 5);
	assert_int_equal(p[1].n_ranges, 0);
	p = s[1].root_devices.items;
	assert_string_equal(p[0].pf.s, "0000:3b:00.0");
	assert_int_equal(p[0].ranges[0].first, 7);
	assert_string_equal(((const struct sriov_pci *)s[1].pci_addresses.items)[0].s,
			    "0000:01:10.0");
}

static void selectors_are_read_without_their_resource(void **state)
{
	static const char *const bodies[] = {
		"\"resource\":{\"pfNames\":[\"a#0\"]}",
		"\"resource\":[{\"pfNames\":[\"a#0\"]}]",
		"\"resource\":{\"selectors\":{\"pfNames\":[\"a#0\"]}}",
		"\"resource\":{\"selectors\":[{\"pfNames\":[\"a#0\"]}]}",
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(bodies); i++) {
		bw_autorequest struct bw_cni_request *req = request(BW_CNI_ADD, bodies[i], NULL);
		sriov_autoconf struct sriov_conf c = { 0 };
		const struct sriov_selector *s;

		assert_int_equal(sriov_conf_load(req, &c, NULL), 0);
		assert_int_equal(c.selectors.n, 1);
		s = c.selectors.items;
		assert_int_equal(s->pf_names.n, 1);
	}
}

static void bonds(void **state)
{
	bw_autorequest struct bw_cni_request *req =
		request(BW_CNI_ADD, "\"bond\":{\"pfs\":[\"ens1f0\",\"0000:3b:00.1\"]}", NULL);
	bw_autorequest struct bw_cni_request *by_device =
		request(BW_CNI_ADD,
			DEV ",\"bond\":{\"mode\":\"802.3ad\",\"miimon\":50,"
			    "\"deviceIDs\":[\"0000:01:10.0\",\"0000:02:10.0\"]}",
			NULL);
	sriov_autoconf struct sriov_conf a = { 0 };
	sriov_autoconf struct sriov_conf b = { 0 };

	(void)state;
	assert_int_equal(sriov_conf_load(req, &a, NULL), 0);
	assert_int_equal(a.has_bond, 1);
	assert_int_equal(a.bond.mode, SRIOV_BOND_ACTIVE_BACKUP);
	assert_int_equal(a.bond.miimon, SRIOV_MIIMON_DEFAULT);
	assert_string_equal(a.bond.pfs[1].s, "0000:3b:00.1");
	assert_string_equal(a.bond.devices[0].s, "");
	assert_int_equal(sriov_conf_n_vfs(&a), 2);
	assert_int_equal(sriov_conf_load(by_device, &b, NULL), 0);
	assert_int_equal(b.bond.mode, SRIOV_BOND_8023AD);
	assert_int_equal(b.bond.miimon, 50);
	assert_string_equal(b.bond.devices[1].s, "0000:02:10.0");
}

static void names_of_values(void **state)
{
	(void)state;
	assert_string_equal(sriov_link_state_str(SRIOV_LINK_DISABLE), "disable");
	assert_string_equal(sriov_link_state_str(SRIOV_LINK_MAX_), "unknown");
	assert_string_equal(sriov_bond_mode_str(SRIOV_BOND_8023AD), "802.3ad");
	assert_string_equal(sriov_bond_mode_str(SRIOV_BOND_MAX_), "unknown");
}

static void each_allocation_may_fail(void **state)
{
	static const char body[] =
		"\"pf\":[\"a\",\"b\"],\"dns\":{\"search\":[\"x\"]},\"resource\":[{\"pfNames\":"
		"[\"a#1\"],\"vendors\":[\"8086\"]},{\"drivers\":[\"igbvf\"]}]";
	bw_autorequest struct bw_cni_request *req = request(BW_CNI_ADD, body, NULL);
	long n = 0;
	int failed;

	(void)state;
	do {
		sriov_autoconf struct sriov_conf a = { 0 };
		sriov_autoconf struct sriov_conf b = { 0 };
		int r;

		fail_alloc_start(n);
		r = sriov_conf_load(req, &a, NULL);
		failed = fail_alloc_stop();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		fail_alloc_start(n++);
		r = sriov_conf_load_lenient(req, &b, NULL);
		assert_int_equal(r, fail_alloc_stop() ? -ENOMEM : 0);
	} while (failed);
	assert_true(n > 5 || !FAIL_ALLOC_WORKS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_given_is_left_alone),
		cmocka_unit_test(every_key_is_read),
		cmocka_unit_test(bad_values_are_refused_with_key_and_value),
		cmocka_unit_test(no_bad_value_stops_a_del),
		cmocka_unit_test(a_del_finds_the_device_beside_bad_values),
		cmocka_unit_test(status_needs_no_way_to_a_vf),
		cmocka_unit_test(switches_take_four_words),
		cmocka_unit_test(null_and_empty_texts_are_not_given),
		cmocka_unit_test(mac_precedence),
		cmocka_unit_test(the_device_of_the_runtime_is_taken),
		cmocka_unit_test(rates),
		cmocka_unit_test(a_resource_of_the_device_plugin_is_read),
		cmocka_unit_test(selectors_are_read_without_their_resource),
		cmocka_unit_test(bonds),
		cmocka_unit_test(names_of_values),
		cmocka_unit_test(each_allocation_may_fail),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	bw_log_setup(BW_LOG_ERROR, STDERR_FILENO, NULL, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
