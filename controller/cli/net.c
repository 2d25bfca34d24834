/* SPDX-License-Identifier: Apache-2.0 */
/* barewire net show | slow | reload | clean: the datapath for people. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/json.h>
#include <bw/segment.h>

#include "cli.h"
#include "net.h"
#include "net_port.h"

/* Nobody reads what cannot be printed: printf's returns are ignored in this file. */

static int parse_switch(const char *word, int *ret_on)
{
	static const struct {
		const char *word;
		int on;
	} words[] = { { "on", 1 }, { "off", 0 } };

	for (size_t i = 0; i < BW_ARRAY_SIZE(words); i++) {
		if (strcmp(word, words[i].word))
			continue;
		*ret_on = words[i].on;
		return 0;
	}
	(void)fprintf(stderr, "barewire: expected on or off, got \"%.64s\"\n", word);
	return CLI_USAGE;
}

static int slow_done(const struct cli_args *args, const char *dev, int on)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *top;

	if (args->json) {
		top = bw_json_build_object(&b);
		bw_json_put_str(&b, top, "device", dev);
		bw_json_put_bool(&b, top, "slow", on);
		return cli_print_json(&b);
	}
	if (on)
		(void)printf("%s goes through the bridge: tcpdump -ni %s sees all of it\n", dev,
			     dev);
	else
		(void)printf("%s may be fast again\n", dev);
	return CLI_OK;
}

static int run_slow(const struct cli_args *args)
{
	cli_autoports struct cli_ports ports = { 0 };
	const struct cli_port *port;
	struct bw_err err = { 0 };
	int on = 0;
	int r = parse_switch(args->words[1], &on);

	if (r)
		return r;
	if (cli_ports_read(args, &ports, &err))
		return cli_fail(&err);
	port = cli_ports_find(&ports, args->words[0]);
	if (!port || port->dp.is_uplink || !port->in_datapath) {
		(void)fprintf(stderr, "barewire: no endpoint of the datapath is \"%.64s\"\n",
			      args->words[0]);
		return CLI_FOUND;
	}
	if (bw_dp_endpoint_slow(port->dp.ifindex, on, &err))
		return cli_fail(&err);
	return slow_done(args, port->dp.host_if, on);
}

static int run_reload(const struct cli_args *args)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct bw_err err = { 0 };
	struct cJSON *top;
	unsigned int n = 0;

	if (bw_dp_reload(&n, &err))
		return cli_fail(&err);
	if (!args->json) {
		(void)printf("%u programs switched to this version (%s)\n", n, bw_dp_abi());
		return CLI_OK;
	}
	top = bw_json_build_object(&b);
	bw_json_put_uint(&b, top, "switched", n);
	bw_json_put_str(&b, top, "abi", bw_dp_abi());
	return cli_print_json(&b);
}

static void say_cleaned(const char *bridge, const struct bw_segment_clean *c)
{
	const struct {
		int is_so;
		const char *text;
	} lines[] = {
		{ c->bridge_removed, "the bridge is removed" },
		{ c->bridge_kept, "the bridge stays: barewire did not make it" },
		{ c->uplink_restored, "the uplink has its addresses and routes back" },
		{ c->uplink_freed, "the uplink is no port of it any more" },
	};
	int n = 0;

	for (size_t i = 0; i < BW_ARRAY_SIZE(lines); i++)
		if (lines[i].is_so)
			(void)printf("%s%s", n++ ? "; " : "", lines[i].text);
	(void)printf("%s\n", n ? "" : "nothing of barewire's was left");
	if (c->uplink[0])
		(void)printf("bridge %s, uplink %s\n", bridge, c->uplink);
}

static int run_clean(const struct cli_args *args)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct bw_segment_clean c = { 0 };
	struct bw_err err = { 0 };
	struct cJSON *top;

	if (bw_segment_clean(args->words[0], &c, &err))
		return cli_fail(&err);
	if (!args->json) {
		say_cleaned(args->words[0], &c);
		return CLI_OK;
	}
	top = bw_json_build_object(&b);
	bw_json_put_str(&b, top, "bridge", args->words[0]);
	bw_json_put_str(&b, top, "uplink", c.uplink);
	bw_json_put_bool(&b, top, "bridgeRemoved", c.bridge_removed);
	bw_json_put_bool(&b, top, "bridgeKept", c.bridge_kept);
	bw_json_put_bool(&b, top, "uplinkRestored", c.uplink_restored);
	bw_json_put_bool(&b, top, "uplinkFreed", c.uplink_freed);
	return cli_print_json(&b);
}

static const struct cli_verb verbs[] = {
	{ "show", "[PORT]", "pod ports: addresses, segment, fast or slow and why, counters, drops",
	  "PORT is a device, an address or a container ID; all without it. FAST and SLOW count\n"
	  "packets of both directions; DROPS gives the reasons of antiSpoof, VLAN and bandwidth.\n"
	  "-o wide adds MAC, hook, state, rates and ABI; -o json has bytes and each direction.\n",
	  0, 1, net_show },
	{ "slow", "PORT on|off", "send one endpoint through the bridge, so that tcpdump sees it",
	  "PORT is a device or an address. What was fast takes the bridge at once, in both\n"
	  "directions, and is fast again after off. Nothing is lost by it.\n",
	  2, 2, run_slow },
	{ "reload", "", "put this version's programs in place of the running ones, losing nothing",
	  "Finishes an upgrade that was interrupted, takes over what other versions attached, and\n"
	  "gives endpoints tcx links where an ADD gave them filters. Run it after installing.\n",
	  0, 0, run_reload },
	{ "clean", "BRIDGE", "remove a bridge, its programs and maps; give its uplink back",
	  "Refused while containers are attached to it. A bridge that barewire did not make stays.\n"
	  "May be run again after an interruption.\n",
	  1, 1, run_clean },
};

const struct cli_topic cli_topic_net = {
	"net",
	"the datapath of barewire-bridge",
	verbs,
	BW_ARRAY_SIZE(verbs),
};
