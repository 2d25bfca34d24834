/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <bw/cni_request.h>
#include <bw/err.h>
#include <bw/log.h>

#include "conf.h"

/* A request with @body's members beside name and type, and CNI_ARGS. */
static struct bw_cni_request *request(const char *body, const char *args)
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
		     "{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"type\":\"barewire-bridge\"%s%s}",
		     *body ? "," : "", body);
	assert_true(n > 0 && (size_t)n < sizeof(text));
	if (bw_cni_request_new(&env, BW_CNI_ADD, text, (size_t)n, known, &req, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	return req;
}

static void defaults_are_those_of_the_reference(void **state)
{
	bw_autorequest struct bw_cni_request *req = request("", NULL);
	bridge_autoconf struct bridge_conf c = { 0 };

	(void)state;
	assert_int_equal(bridge_conf_load(req, &c, NULL), 0);
	assert_string_equal(c.bridge, "cni0");
	assert_null(c.uplink);
	assert_null(c.ipam_type);
	assert_int_equal(c.is_gateway | c.is_default_gateway | c.force_address | c.ip_masq, 0);
	assert_int_equal(c.hairpin | c.promisc | c.preserve_default_vlan | c.macspoofchk, 0);
	assert_int_equal(c.enable_dad | c.no_container_if | c.isolated | c.has_mac |
				 bw_conf_has_dns(&c.dns),
			 0);
	assert_int_equal(c.move_uplink_addresses, 0);
	assert_int_equal(c.announce, 1);
	assert_int_equal(c.vlan, 0);
	assert_int_equal(c.mtu, 0);
	assert_int_equal(c.trunk.n, 0);
	assert_int_equal(c.accel, BRIDGE_ACCEL_AUTO);
	assert_int_equal(c.mac_from, BRIDGE_MAC_FROM_ADDRESS);
	assert_int_equal(c.probe, BW_PROBE_OFF);
	assert_int_equal(c.link, BRIDGE_LINK_VETH);
	assert_int_equal(c.antispoof.mode, BRIDGE_SPOOF_DEFAULT);
	assert_true(bridge_conf_checks_ip(&c));
	assert_string_equal(bridge_conf_needs_programs(&c), "antiSpoof");
}

static void every_key_is_read(void **state)
{
	bw_autorequest struct bw_cni_request *req =
		request("\"bridge\":\"br7\",\"uplink\":\"wan\",\"isDefaultGateway\":true,"
			"\"forceAddress\":true,\"ipMasq\":true,\"ipMasqBackend\":\"nftables\","
			"\"hairpinMode\":true,\"vlan\":4094,\"vlanTrunk\":[{\"id\":7},"
			"{\"minID\":9,\"maxID\":11,\"id\":20}],\"preserveDefaultVlan\":true,"
			"\"macspoofchk\":true,\"enabledad\":true,\"portIsolation\":true,"
			"\"announce\":false,\"moveUplinkAddresses\":true,\"mtu\":9000,"
			"\"accel\":\"ebpf\",\"macFrom\":\"random\",\"probe\":\"enforce\","
			"\"link\":\"auto\",\"antiSpoof\":{\"allow\":[\"10.0.0.9\",\"fd00::/64\"]},"
			"\"bandwidth\":{\"ingressRate\":1,\"ingressBurst\":2},"
			"\"ipam\":{\"type\":\"host-local\"},\"dns\":{\"search\":[\"a\",\"b\"]}",
			NULL);
	bridge_autoconf struct bridge_conf c = { 0 };
	struct bw_err err = { 0 };
	unsigned int last = 0;

	(void)state;
	assert_int_equal(bridge_conf_load(req, &c, &err), 0);
	assert_string_equal(c.bridge, "br7");
	assert_string_equal(c.uplink, "wan");
	assert_string_equal(c.ipam_type, "host-local");
	assert_true(c.is_gateway && c.is_default_gateway && c.force_address && c.ip_masq);
	assert_true(c.hairpin && c.preserve_default_vlan && c.macspoofchk && c.enable_dad);
	assert_true(c.isolated && c.move_uplink_addresses && bw_conf_has_dns(&c.dns) &&
		    !c.announce);
	assert_int_equal(c.vlan, 4094);
	assert_int_equal(c.mtu, 9000);
	assert_int_equal(c.trunk.n, 5);
	assert_int_equal(bridge_trunk_next(&c.trunk, 0, &last), 7);
	assert_int_equal(last, 7);
	assert_int_equal(bridge_trunk_next(&c.trunk, last + 1, &last), 9);
	assert_int_equal(last, 11);
	assert_int_equal(bridge_trunk_next(&c.trunk, last + 1, &last), 20);
	assert_int_equal(bridge_trunk_next(&c.trunk, last + 1, &last), 0);
	assert_int_equal(c.accel, BRIDGE_ACCEL_EBPF);
	assert_int_equal(c.mac_from, BRIDGE_MAC_FROM_RANDOM);
	assert_int_equal(c.probe, BW_PROBE_ENFORCE);
	assert_int_equal(c.link, BRIDGE_LINK_AUTO);
	assert_int_equal(c.antispoof.mode, BRIDGE_SPOOF_ON);
	assert_int_equal(c.antispoof.n_v4, 1);
	assert_int_equal(c.antispoof.v4[0].len, 32);
	assert_int_equal(c.antispoof.n_v6, 1);
	assert_int_equal(c.bandwidth.ingress_rate, 1);
	assert_int_equal(c.bandwidth.ingress_burst, 2);
	assert_int_equal(c.dns.search.n, 2);
	assert_true(bridge_conf_is_foreign(&c));
	assert_true(bridge_conf_checks_ip(&c));
}

static void the_bandwidth_of_containerd_is_read(void **state)
{
	bw_autorequest struct bw_cni_request *req =
		request("\"runtimeConfig\":{\"bandwidth\":{\"IngressRate\":8000000,"
			"\"IngressBurst\":4294967295,\"EgressRate\":16000000,"
			"\"EgressBurst\":4294967295}}",
			NULL);
	bridge_autoconf struct bridge_conf c = { 0 };
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(bridge_conf_load(req, &c, &err), 0);
	assert_int_equal(c.bandwidth.ingress_rate, 8000000);
	assert_int_equal(c.bandwidth.ingress_burst, 4294967295);
	assert_int_equal(c.bandwidth.egress_rate, 16000000);
	assert_int_equal(c.bandwidth.egress_burst, 4294967295);
}

struct refusal {
	const char *body;
	const char *args;
	const char *text; /* part of the message */
};

static const struct refusal refusals[] = {
	{ "\"bridge\":\"\"", NULL, "bridge: expected an interface name" },
	{ "\"bridge\":\"sixteen-letters-\"", NULL, "bridge: expected" },
	{ "\"bridge\":\"a/b\"", NULL, "bridge: expected" },
	{ "\"bridge\":\"a b\"", NULL, "bridge: expected" },
	{ "\"bridge\":\"br%d\"", NULL, "bridge: expected" },
	{ "\"bridge\":\"..\"", NULL, "bridge: expected" },
	{ "\"bridge\":7", NULL, "bridge: expected" },
	{ "\"uplink\":\"a:b\"", NULL, "uplink: expected" },
	{ "\"uplink\":\"cni0\"", NULL, "uplink: is the bridge itself" },
	{ "\"isGateway\":\"yes\"", NULL, "isGateway: expected true or false, got \"yes\"" },
	{ "\"hairpinMode\":1", NULL, "hairpinMode: expected" },
	{ "\"hairpinMode\":true,\"promiscMode\":true", NULL, "hairpinMode and promiscMode" },
	{ "\"ipMasqBackend\":\"nft\"", NULL, "ipMasqBackend: expected one of iptables, nftables" },
	{ "\"vlan\":4095", NULL, "vlan: expected an integer from 0 to 4094, got 4095" },
	{ "\"vlan\":-1", NULL, "vlan: expected" },
	{ "\"vlan\":1.5", NULL, "vlan: expected" },
	{ "\"vlanTrunk\":{}", NULL, "vlanTrunk: expected a list" },
	{ "\"vlanTrunk\":[{\"id\":0}]", NULL, "vlanTrunk[0].id: expected" },
	{ "\"vlanTrunk\":[{\"id\":4095}]", NULL, "vlanTrunk[0].id: expected" },
	{ "\"vlanTrunk\":[{}]", NULL, "vlanTrunk[0]: names no VLAN" },
	{ "\"vlanTrunk\":[{\"minID\":5}]", NULL, "vlanTrunk[0]: minID and maxID" },
	{ "\"vlanTrunk\":[{\"id\":1},{\"minID\":5,\"maxID\":4}]", NULL, "vlanTrunk[1]: minID:" },
	{ "\"mtu\":67", NULL, "mtu: expected 0 or an integer from 68 to 65535" },
	{ "\"mtu\":65536", NULL, "mtu: expected" },
	{ "\"mtu\":-1", NULL, "mtu: expected" },
	{ "\"accel\":\"on\"", NULL, "accel: expected one of auto, ebpf, off, got \"on\"" },
	{ "\"accel\":true", NULL, "accel: expected" },
	{ "\"macFrom\":\"ip\"", NULL, "macFrom: expected one of address, random" },
	{ "\"probe\":\"on\"", NULL, "probe: expected one of off, warn, enforce" },
	{ "\"link\":\"tap\"", NULL, "link: expected one of veth, netkit, auto" },
	{ "\"antiSpoof\":\"off\"", NULL, "antiSpoof: expected true, false or" },
	{ "\"antiSpoof\":{}", NULL, "antiSpoof.allow: expected a list" },
	{ "\"antiSpoof\":{\"allow\":\"10.0.0.1\"}", NULL, "antiSpoof.allow: expected" },
	{ "\"antiSpoof\":{\"allow\":[\"10.0.0.1/24\"]}", NULL, "antiSpoof.allow[0]: expected" },
	{ "\"antiSpoof\":{\"allow\":[1]}", NULL, "antiSpoof.allow[0]: expected" },
	{ "\"antiSpoof\":{\"allow\":[\"10.0.0.1\",\"10.0.0.2\",\"10.0.0.3\",\"10.0.0.4\","
	  "\"10.0.0.5\"]}",
	  NULL, "antiSpoof.allow[4]: is one too many" },
	{ "\"runtimeConfig\":{\"bandwidth\":{\"ingressRate\":8}}", NULL,
	  "runtimeConfig.bandwidth: ingressRate and ingressBurst" },
	{ "\"runtimeConfig\":{\"bandwidth\":{\"egressBurst\":8}}", NULL,
	  "runtimeConfig.bandwidth: egressRate and egressBurst" },
	{ "\"runtimeConfig\":{\"bandwidth\":{\"egressRate\":-8,\"egressBurst\":8}}", NULL,
	  "runtimeConfig.bandwidth.egressRate: expected" },
	{ "\"runtimeConfig\":{\"bandwidth\":{\"egressRate\":8,\"egressBurst\":34359738361}}", NULL,
	  "runtimeConfig.bandwidth.egressBurst: expected" },
	{ "\"runtimeConfig\":{\"bandwidth\":7}", NULL, "runtimeConfig.bandwidth: expected" },
	{ "\"runtimeConfig\":{\"mac\":7}", NULL, "runtimeConfig.mac: expected" },
	{ "\"runtimeConfig\":{\"mac\":\"02:00\"}", NULL, "runtimeConfig.mac: expected" },
	{ "\"runtimeConfig\":{\"mac\":\"01:00:00:00:00:01\"}", NULL,
	  "runtimeConfig.mac: expected" },
	{ "\"runtimeConfig\":{\"mac\":\"00:00:00:00:00:00\"}", NULL,
	  "runtimeConfig.mac: expected" },
	{ "\"args\":{\"cni\":{\"mac\":\"x\"}}", NULL, "args.cni.mac: expected" },
	{ "\"args\":7", NULL, "args: expected an object" },
	{ "", "MAC=zz", "MAC in CNI_ARGS: expected" },
	{ "\"moveUplinkAddresses\":true", NULL, "moveUplinkAddresses: true needs uplink" },
	{ "\"disableContainerInterface\":true,\"ipam\":{\"type\":\"barewire-ipam\"}", NULL,
	  "disableContainerInterface: true needs an empty ipam" },
	{ "\"ipam\":7", NULL, "ipam: expected an object" },
	{ "\"ipam\":{\"type\":7}", NULL, "ipam.type: expected the name" },
	{ "\"ipam\":{\"type\":\"../sh\"}", NULL, "ipam.type: expected the name" },
	{ "\"dns\":{\"nameservers\":\"x\"}", NULL, "dns.nameservers: expected" },
	{ "\"dns\":7", NULL, "dns: expected" },
};

static void bad_values_are_refused_with_key_and_value(void **state)
{
	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(refusals); i++) {
		const struct refusal *t = &refusals[i];
		bw_autorequest struct bw_cni_request *req = request(t->body, t->args);
		bridge_autoconf struct bridge_conf c = { 0 };
		struct bw_err err = { 0 };

		if (bridge_conf_load(req, &c, &err) != -EINVAL || err.class != BW_ERR_INVALID ||
		    !strstr(err.msg, t->text))
			fail_msg("%s %s\nexpected: %s\nactual:   %s", t->body,
				 t->args ? t->args : "", t->text, err.msg);
	}
}

static void a_bad_value_keeps_its_default_for_del(void **state)
{
	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(refusals); i++) {
		bw_autorequest struct bw_cni_request *req = request(refusals[i].body, NULL);
		bridge_autoconf struct bridge_conf c = { 0 };

		assert_int_equal(bridge_conf_load_lenient(req, &c, NULL), 0);
		assert_non_null(c.bridge);
	}
}

static void mac_precedence(void **state)
{
	static const struct {
		const char *body;
		const char *args;
		uint8_t last;
	} rows[] = {
		{ "\"runtimeConfig\":{\"mac\":\"02:00:00:00:00:01\"},"
		  "\"args\":{\"cni\":{\"mac\":\"02:00:00:00:00:02\"}}",
		  "MAC=02:00:00:00:00:03", 1 },
		{ "\"runtimeConfig\":{\"mac\":\"\"},"
		  "\"args\":{\"cni\":{\"mac\":\"02-00-00-00-00-02\"}}",
		  "MAC=02:00:00:00:00:03", 2 },
		{ "", "MAC=02:00:00:00:00:03", 3 },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(rows); i++) {
		bw_autorequest struct bw_cni_request *req = request(rows[i].body, rows[i].args);
		bridge_autoconf struct bridge_conf c = { 0 };

		assert_int_equal(bridge_conf_load(req, &c, NULL), 0);
		assert_int_equal(c.has_mac, 1);
		assert_int_equal(c.mac.b[5], rows[i].last);
	}
}

static void antispoof_is_on_unless_the_port_is_special(void **state)
{
	static const struct {
		const char *body;
		int ip, mac, wants;
	} rows[] = {
		{ "", 1, 1, 1 },
		{ "\"antiSpoof\":false", 0, 0, 1 },
		{ "\"antiSpoof\":false,\"accel\":\"off\"", 0, 0, 0 },
		{ "\"antiSpoof\":false,\"accel\":\"off\",\"macspoofchk\":true", 0, 1, 1 },
		{ "\"accel\":\"off\"", 1, 1, 1 },
		{ "\"vlanTrunk\":[{\"id\":7}],\"accel\":\"off\"", 0, 0, 0 },
		{ "\"vlanTrunk\":[{\"id\":7}],\"antiSpoof\":true", 1, 1, 1 },
		{ "\"disableContainerInterface\":true,\"accel\":\"off\"", 0, 0, 0 },
		{ "\"disableContainerInterface\":true,\"macspoofchk\":true", 0, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(rows); i++) {
		bw_autorequest struct bw_cni_request *req = request(rows[i].body, NULL);
		bridge_autoconf struct bridge_conf c = { 0 };

		assert_int_equal(bridge_conf_load(req, &c, NULL), 0);
		assert_int_equal(bridge_conf_checks_ip(&c), rows[i].ip);
		assert_int_equal(bridge_conf_checks_mac(&c), rows[i].mac);
		assert_int_equal(bridge_conf_wants_programs(&c), rows[i].wants);
	}
}

static void bandwidth_of_the_runtime_replaces_the_networks(void **state)
{
	bw_autorequest struct bw_cni_request *req =
		request("\"bandwidth\":{\"ingressRate\":1,\"ingressBurst\":2},\"runtimeConfig\":"
			"{\"bandwidth\":{\"egressRate\":3,\"egressBurst\":4}}",
			NULL);
	bridge_autoconf struct bridge_conf c = { 0 };

	(void)state;
	assert_int_equal(bridge_conf_load(req, &c, NULL), 0);
	assert_int_equal(c.bandwidth.ingress_rate, 0);
	assert_int_equal(c.bandwidth.egress_rate, 3);
	assert_true(bridge_conf_is_limited(&c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_reference),
		cmocka_unit_test(every_key_is_read),
		cmocka_unit_test(the_bandwidth_of_containerd_is_read),
		cmocka_unit_test(bad_values_are_refused_with_key_and_value),
		cmocka_unit_test(a_bad_value_keeps_its_default_for_del),
		cmocka_unit_test(mac_precedence),
		cmocka_unit_test(antispoof_is_on_unless_the_port_is_special),
		cmocka_unit_test(bandwidth_of_the_runtime_replaces_the_networks),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	bw_log_setup(BW_LOG_ERROR, STDERR_FILENO, NULL, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
