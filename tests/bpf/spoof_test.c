/* SPDX-License-Identifier: Apache-2.0 */
/* Anti-spoofing, a table: every kind a pod may forge, and what must pass. */
#include "kit.h"

#define A_LL "fe80::ff:fe00:41" /* the EUI-64 of A's MAC */
#define B_LL "fe80::ff:fe00:42"

/* Pod A, checked: 10.1.0.2, 10.1.9.0/24, fd00::2, fd00:9::/64. */
static const struct kit_line checked[] = {
	{ "TCP of its own", "A>X ip 10.1.0.2>10.1.0.9 tcp 4000>80", "next" },
	{ "UDP of its own", "A>X ip 10.1.0.2>10.1.0.9 udp 4000>53", "next" },
	{ "an allowed prefix", "A>X ip 10.1.9.77>10.1.0.9 tcp 4000>80", "next" },
	{ "ping", "A>X ip 10.1.0.2>10.1.0.9 icmp=8", "next" },
	{ "another protocol", "A>X ip 10.1.0.2>10.1.0.9 proto=47 pad=8", "next" },
	{ "a later fragment", "A>X ip 10.1.0.2>10.1.0.9 frag=1480 proto=17 pad=64", "next" },
	{ "a first fragment", "A>X ip 10.1.0.2>10.1.0.9 frag=0+ udp 4000>53 pad=64", "next" },
	{ "IP options", "A>X ip 10.1.0.2>10.1.0.9 opt tcp 4000>80", "next" },
	{ "IPv6 TCP", "A>X ip6 fd00::2>fd00::9 tcp 4000>80", "next" },
	{ "IPv6 UDP", "A>X ip6 fd00::2>fd00::9 udp 4000>53", "next" },
	{ "an allowed IPv6 prefix", "A>X ip6 fd00:9::77>fd00::9 tcp 4000>80", "next" },
	{ "its link-local", "A>X ip6 " A_LL ">fe80::1 udp 546>547", "next" },
	{ "IPv6 ping", "A>X ip6 fd00::2>fd00::9 icmp6=128", "next" },
	{ "behind hop-by-hop", "A>X ip6 fd00::2>fd00::9 hbh tcp 4000>80", "next" },
	{ "an IPv6 fragment", "A>X ip6 fd00::2>fd00::9 frag6=0+ udp 4000>53 pad=64", "next" },
	{ "a later IPv6 fragment", "A>X ip6 fd00::2>fd00::9 frag6=1448 next=17 pad=64", "next" },
	{ "priority-tagged", "A>X prio=5 ip 10.1.0.2>10.1.0.9 tcp 4000>80", "next" },
	{ "priority-tagged IPv6", "A>X prio=5 ip6 fd00::2>fd00::9 tcp 4000>80", "next" },

	{ "ARP request", "A>* arp=1 A@10.1.0.2>10.1.0.9", "next" },
	{ "ARP reply", "A>X arp=2 A@10.1.0.2>10.1.0.9", "next" },
	{ "ARP announcement", "A>* arp=1 A@10.1.9.5>10.1.9.5", "next" },
	{ "ARP probe", "A>* arp=1 A@0.0.0.0>10.1.0.9", "next" },
	{ "DAD", "A>M ip6 ::>ff02::1 ns=fd00::2", "next" },
	{ "DAD of its link-local", "A>M ip6 ::>ff02::1 ns=" A_LL, "next" },
	{ "NS for anybody", "A>M ip6 fd00::2>ff02::1 ns=fd00::9 sll=A", "next" },
	{ "NA of its own", "A>X ip6 fd00::2>fd00::9 na=fd00::2 tll=A", "next" },
	{ "NA from its link-local", "A>M ip6 " A_LL ">ff02::1 na=fd00:9::5 tll=A", "next" },
	{ "RS", "A>M ip6 " A_LL ">ff02::2 rs sll=A", "next" },
	{ "MLD from its link-local", "A>M ip6 " A_LL ">ff02::16 hbh icmp6=143", "next" },
	{ "MLD report during DAD", "A>M ip6 ::>ff02::16 hbh icmp6=143", "next" },

	{ "a foreign MAC", "B>X ip 10.1.0.2>10.1.0.9 tcp 4000>80", "mac" },
	{ "a foreign MAC, IPv6", "B>X ip6 fd00::2>fd00::9 tcp 4000>80", "mac" },
	{ "a foreign MAC, ARP", "B>* arp=1 A@10.1.0.2>10.1.0.9", "mac" },
	{ "a foreign MAC, priority-tagged", "B>X prio=1 ip 10.1.0.2>10.1.0.9 tcp 1>2", "mac" },
	{ "a foreign MAC, any protocol", "B>X type=0x88cc pad=46", "mac" },
	{ "a broadcast as source", "*>X ip 10.1.0.2>10.1.0.9 tcp 4000>80", "mac" },

	{ "a foreign IPv4", "A>X ip 10.1.0.3>10.1.0.9 tcp 4000>80", "ip4" },
	{ "a foreign IPv4, UDP", "A>X ip 10.1.0.3>10.1.0.9 udp 4000>53", "ip4" },
	{ "a foreign IPv4, ICMP", "A>X ip 10.1.0.3>10.1.0.9 icmp=8", "ip4" },
	{ "a foreign IPv4 with options", "A>X ip 10.1.0.3>10.1.0.9 opt tcp 4000>80", "ip4" },
	{ "a foreign IPv4, first fragment", "A>X ip 10.1.0.3>10.1.0.9 frag=0+ udp 1>2 pad=64",
	  "ip4" },
	{ "a foreign IPv4, later fragment", "A>X ip 10.1.0.3>10.1.0.9 frag=1480 pad=64", "ip4" },
	{ "a foreign IPv4, priority-tagged", "A>X prio=0 ip 10.1.0.3>10.1.0.9 tcp 1>2", "ip4" },
	{ "a foreign IPv4 to all", "A>* ip 10.1.0.3>255.255.255.255 udp 1>2", "ip4" },
	{ "IPv4 from nobody", "A>* ip 0.0.0.0>255.255.255.255 udp 68>67", "ip4" },
	{ "IPv4 from nobody, TCP", "A>X ip 0.0.0.0>10.1.0.9 tcp 4000>80", "ip4" },
	{ "IPv4 from a broadcast", "A>X ip 255.255.255.255>10.1.0.9 tcp 4000>80", "ip4" },
	{ "IPv4 just outside the prefix", "A>X ip 10.1.8.255>10.1.0.9 tcp 4000>80", "ip4" },

	{ "a foreign IPv6", "A>X ip6 fd00::3>fd00::9 tcp 4000>80", "ip6" },
	{ "a foreign IPv6, UDP", "A>X ip6 fd00::3>fd00::9 udp 4000>53", "ip6" },
	{ "a foreign IPv6 behind hop-by-hop", "A>X ip6 fd00::3>fd00::9 hbh tcp 4000>80", "ip6" },
	{ "a foreign IPv6, first fragment", "A>X ip6 fd00::3>fd00::9 frag6=0+ udp 1>2 pad=64",
	  "ip6" },
	{ "a foreign IPv6, later fragment", "A>X ip6 fd00::3>fd00::9 frag6=1448 pad=64", "ip6" },
	{ "a foreign IPv6, priority-tagged", "A>X prio=0 ip6 fd00::3>fd00::9 tcp 1>2", "ip6" },
	{ "a foreign link-local", "A>X ip6 " B_LL ">fd00::9 tcp 4000>80", "ip6" },
	{ "a link-local outside fe80::/64", "A>X ip6 fe80:0:0:1:0:ff:fe00:41>fd00::9 tcp 1>2",
	  "ip6" },
	{ "IPv6 from nobody", "A>X ip6 ::>fd00::9 tcp 4000>80", "ip6" },
	{ "IPv6 from nobody, UDP", "A>M ip6 ::>ff02::1 udp 546>547", "ip6" },
	{ "IPv6 from nobody, ping", "A>M ip6 ::>ff02::1 icmp6=128", "ip6" },
	{ "RS from nobody", "A>M ip6 ::>ff02::2 rs", "ip6" },
	{ "NA from nobody", "A>M ip6 ::>ff02::1 na=fd00::2", "ip6" },
	{ "a later fragment from nobody", "A>M ip6 ::>ff02::1 frag6=8 next=58 pad=64", "ip6" },
	{ "MLD from a foreign link-local", "A>M ip6 " B_LL ">ff02::16 hbh icmp6=143", "ip6" },

	{ "ARP with another's MAC", "A>* arp=1 B@10.1.0.2>10.1.0.9", "arp" },
	{ "ARP with another's address", "A>* arp=1 A@10.1.0.3>10.1.0.9", "arp" },
	{ "ARP reply with another's address", "A>X arp=2 A@10.1.0.3>10.1.0.9", "arp" },
	{ "ARP reply with another's pair", "A>X arp=2 B@10.1.0.3>10.1.0.9", "arp" },
	{ "ARP announcement for another", "A>* arp=1 A@10.1.0.3>10.1.0.3", "arp" },
	{ "ARP reply from nobody", "A>X arp=2 A@0.0.0.0>10.1.0.9", "arp" },
	{ "ARP probe with another's MAC", "A>* arp=1 B@0.0.0.0>10.1.0.9", "arp" },
	{ "ARP of another hardware", "A>* arp=1 A@10.1.0.2>10.1.0.9 htype=6", "arp" },
	{ "ARP of another length", "A>* arp=1 A@10.1.0.2>10.1.0.9 hlen=8", "arp" },
	{ "ARP cut off", "A>* arp=1 A@10.1.0.2>10.1.0.9 cut=38", "arp" },
	{ "ARP spoofed, priority-tagged", "A>* prio=0 arp=1 A@10.1.0.3>10.1.0.9", "arp" },
	{ "RARP", "A>* type=0x8035 pad=46", "proto" },

	{ "NA for another", "A>M ip6 fd00::2>ff02::1 na=fd00::3 tll=A", "nd" },
	{ "NA with another's MAC", "A>M ip6 fd00::2>ff02::1 na=fd00::2 tll=B", "nd" },
	{ "NA for another's link-local", "A>M ip6 " A_LL ">ff02::1 na=" B_LL " tll=A", "nd" },
	{ "NS with another's MAC", "A>M ip6 fd00::2>ff02::1 ns=fd00::9 sll=B", "nd" },
	{ "NS, second option forged", "A>M ip6 fd00::2>ff02::1 ns=fd00::9 sll=A sll=B", "nd" },
	{ "DAD for another", "A>M ip6 ::>ff02::1 ns=fd00::3", "nd" },
	{ "RS with another's MAC", "A>M ip6 " A_LL ">ff02::2 rs sll=B", "nd" },
	{ "NA behind hop-by-hop", "A>M ip6 fd00::2>ff02::1 hbh na=fd00::3 tll=A", "nd" },
	{ "NA behind three headers", "A>M ip6 fd00::2>ff02::1 hbh dst rt na=fd00::3 tll=A", "nd" },
	{ "NA behind AH", "A>M ip6 fd00::2>ff02::1 ah na=fd00::3 tll=A", "nd" },
	{ "NA in a fragment", "A>M ip6 fd00::2>ff02::1 frag6=0+ na=fd00::2 tll=A", "nd" },
	{ "NA in an atomic fragment", "A>M ip6 fd00::2>ff02::1 frag6=0 na=fd00::2 tll=A", "nd" },
	{ "NA with an option of length 0", "A>M ip6 fd00::2>ff02::1 na=fd00::2 tll=A olen=0",
	  "nd" },
	{ "NA with an option past the end", "A>M ip6 fd00::2>ff02::1 na=fd00::2 tll=A olen=2",
	  "nd" },
	{ "NA with half an option", "A>M ip6 fd00::2>ff02::1 na=fd00::2 pad=4", "nd" },
	{ "NA with too many options",
	  "A>M ip6 fd00::2>ff02::1 na=fd00::2 tll=A tll=A tll=A tll=A tll=A tll=A tll=A", "nd" },
	{ "NA cut off", "A>M ip6 fd00::2>ff02::1 na=fd00::2 cut=66", "nd" },
	{ "NA for another, priority-tagged", "A>M prio=0 ip6 fd00::2>ff02::1 na=fd00::3", "nd" },

	{ "RA", "A>M ip6 " A_LL ">ff02::1 icmp6=134 pad=8", "ra" },
	{ "RA behind hop-by-hop", "A>M ip6 " A_LL ">ff02::1 hbh icmp6=134 pad=8", "ra" },
	{ "RA behind destination options", "A>M ip6 " A_LL ">ff02::1 dst icmp6=134 pad=8", "ra" },
	{ "RA behind a routing header", "A>M ip6 " A_LL ">ff02::1 rt icmp6=134 pad=8", "ra" },
	{ "RA in a first fragment", "A>M ip6 " A_LL ">ff02::1 frag6=0+ icmp6=134 pad=8", "ra" },
	{ "RA in a fragment, behind options", "A>M ip6 " A_LL ">ff02::1 frag6=0+ dst icmp6=134",
	  "ra" },
	{ "RA, priority-tagged", "A>M prio=0 ip6 " A_LL ">ff02::1 icmp6=134 pad=8", "ra" },
	{ "ICMP router advertisement", "A>* ip 10.1.0.2>224.0.0.1 icmp=9", "ra" },

	{ "ICMP redirect", "A>X ip 10.1.0.2>10.1.0.9 icmp=5", "redirect" },
	{ "ICMP redirect with options", "A>X ip 10.1.0.2>10.1.0.9 opt icmp=5", "redirect" },
	{ "ICMP redirect in a fragment", "A>X ip 10.1.0.2>10.1.0.9 frag=0+ icmp=5", "redirect" },
	{ "ICMP redirect, priority-tagged", "A>X prio=0 ip 10.1.0.2>10.1.0.9 icmp=5", "redirect" },
	{ "ICMPv6 redirect", "A>X ip6 " A_LL ">fd00::9 icmp6=137 pad=32", "redirect" },
	{ "ICMPv6 redirect behind hop-by-hop", "A>X ip6 " A_LL ">fd00::9 hbh icmp6=137",
	  "redirect" },

	{ "DHCP reply", "A>* ip 10.1.0.2>255.255.255.255 udp 67>68", "dhcp" },
	{ "DHCP reply from another port", "A>* ip 10.1.0.2>255.255.255.255 udp 4011>68", "dhcp" },
	{ "DHCP reply to a relay", "A>X ip 10.1.0.2>10.1.0.9 udp 67>67", "dhcp" },
	{ "DHCP reply with options", "A>* ip 10.1.0.2>255.255.255.255 opt udp 67>68", "dhcp" },
	{ "DHCP reply in a fragment", "A>* ip 10.1.0.2>10.1.0.9 frag=0+ udp 67>68", "dhcp" },
	{ "DHCP reply, priority-tagged", "A>* prio=0 ip 10.1.0.2>10.1.0.9 udp 67>68", "dhcp" },
	{ "DHCPv6 reply", "A>X ip6 " A_LL ">fe80::9 udp 547>546", "dhcp" },
	{ "DHCPv6 reply from another port", "A>X ip6 " A_LL ">fe80::9 udp 4000>546", "dhcp" },
	{ "DHCPv6 reply behind hop-by-hop", "A>X ip6 fd00::2>fd00::9 hbh udp 547>546", "dhcp" },
	{ "DHCPv6 reply in a fragment", "A>X ip6 fd00::2>fd00::9 frag6=0+ udp 547>546", "dhcp" },

	{ "a VLAN tag", "A>X vlan=10 ip 10.1.0.2>10.1.0.9 tcp 4000>80", "vlan" },
	{ "a VLAN tag and a spoof", "A>X vlan=10 ip 10.1.0.3>10.1.0.9 tcp 4000>80", "vlan" },
	{ "a service tag", "A>X ad=10 ip 10.1.0.2>10.1.0.9 tcp 4000>80", "vlan" },
	{ "a service tag of VID 0", "A>X ad=0 ip 10.1.0.2>10.1.0.9 tcp 4000>80", "vlan" },
	{ "a double tag", "A>X prio=1 vlan=10 ip 10.1.0.2>10.1.0.9 tcp 4000>80", "vlan" },
	{ "two priority tags", "A>X prio=1 prio=1 ip 10.1.0.2>10.1.0.9 tcp 4000>80", "vlan" },
	{ "a service and a priority tag", "A>X ad=0 prio=0 ip 10.1.0.2>10.1.0.9 tcp 1>2", "vlan" },

	{ "another ethertype", "A>X type=0x88cc pad=46", "proto" },
	{ "a length instead", "A>X llc=46 pad=46", "proto" },
	{ "a spanning tree frame", "A>S llc=38 pad=46", "proto" },
	{ "PPPoE discovery", "A>* type=0x8863 pad=46", "proto" },

	{ "IPv4 cut off", "A>X prio=0 ip 10.1.0.2>10.1.0.9 cut=34", "parse" },
	{ "IPv4 of version 6", "A>X ip 10.1.0.2>10.1.0.9 ver=6 tcp 4000>80", "parse" },
	{ "IPv6 of version 4", "A>X ip6 fd00::2>fd00::9 ver=4 tcp 4000>80", "parse" },
	{ "IPv6 cut off", "A>X prio=0 ip6 fd00::2>fd00::9 cut=50", "parse" },
	{ "UDP cut off", "A>X ip 10.1.0.2>10.1.0.9 udp 67>68 cut=36", "parse" },
	{ "a tiny first fragment of UDP", "A>X ip 10.1.0.2>10.1.0.9 frag=0+ proto=17", "parse" },
	{ "a tiny first fragment of ICMP", "A>X ip 10.1.0.2>10.1.0.9 frag=0+ proto=1", "parse" },
	{ "an IPv6 first fragment that ends before ICMPv6",
	  "A>M ip6 " A_LL ">ff02::1 frag6=0+ dst next=58", "parse" },
	{ "an IPv6 first fragment that ends in a header",
	  "A>M ip6 " A_LL ">ff02::1 frag6=0+ next=60", "parse" },
	{ "an IPv6 first fragment that ends before UDP",
	  "A>M ip6 " A_LL ">ff02::1 frag6=0+ next=17", "parse" },
	{ "a header chain that is cut off", "A>X ip6 fd00::2>fd00::9 hbh next=60", "parse" },
	{ "too many extension headers",
	  "A>X ip6 fd00::2>fd00::9 dst dst dst dst dst dst dst dst dst icmp6=134", "parse" },
};

static void each_forged_frame_is_dropped_and_counted(void **state)
{
	struct bw_ep ep = kit_pod('A', 3, KIT_CHECKED);

	(void)state;
	kit_put_ep(KIT_IF, &ep);
	KIT_TABLE(kit.pod_tx, 0, 3, checked);
}

/* Whatever is cut off a forged frame, what is left does not pass: nothing fails open. */
static void no_part_of_a_forged_frame_passes(void **state)
{
	struct bw_ep ep = kit_pod('A', 3, KIT_CHECKED);
	unsigned int tried = 0;

	(void)state;
	kit_put_ep(KIT_IF, &ep);
	kit_put_remote(KIT_IF, 0, 'X', 0);
	for (size_t i = 0; i < sizeof(checked) / sizeof(checked[0]); i++) {
		struct pk whole;
		char part[600];

		if (!strcmp(checked[i].expect, "next"))
			continue;
		pk_build(&whole, checked[i].packet);
		for (size_t len = 15; len < whole.len; len++) {
			snprintf(part, sizeof(part), "%s cut=%zu", checked[i].packet, len);
			if (!kit_can_run(part))
				continue;
			tried++;
			if (kit_run(kit.pod_tx, 0, part).verdict != SHOT)
				fail_msg("%s: its first %zu bytes pass", checked[i].what, len);
		}
	}
	assert_true(tried > 1000);
}

/* The checks do not depend on acceleration. */
static void the_same_without_acceleration(void **state)
{
	struct bw_ep ep = kit_pod('A', 3, BW_EP_F_CHECK_MAC | BW_EP_F_CHECK_IP);

	(void)state;
	kit_put_ep(KIT_IF, &ep);
	KIT_TABLE(kit.pod_tx, 0, 3, checked);
}

/* ... nor on where the frame goes: a known remote MAC makes legal IP fast, nothing else. */
static void the_same_on_the_way_to_the_uplink(void **state)
{
	struct bw_ep ep = kit_pod('A', 3, KIT_CHECKED);
	unsigned int fast = 0;

	(void)state;
	kit_put_ep(KIT_IF, &ep);
	kit_put_remote(KIT_IF, 0, 'X', 0);
	for (size_t i = 0; i < sizeof(checked) / sizeof(checked[0]); i++) {
		const char *got = kit_verdict(kit.pod_tx, 0, 3, checked[i].packet);

		if (!strcmp(got, "fast"))
			fast++;
		else if (strcmp(got, checked[i].expect))
			fail_msg("%s: expected %s, got %s", checked[i].what, checked[i].expect,
				 got);
		if (!strcmp(got, "fast") && strcmp(checked[i].expect, "next"))
			fail_msg("%s: expected %s, got fast", checked[i].what, checked[i].expect);
	}
	assert_true(fast >= 10);
}

static const struct kit_line mac_only[] = {
	{ "any source address", "A>X ip 192.0.2.1>10.1.0.9 tcp 4000>80", "next" },
	{ "any IPv6 source", "A>X ip6 2001:db8::1>fd00::9 tcp 4000>80", "next" },
	{ "any ARP", "A>* arp=1 A@192.0.2.1>10.1.0.9", "next" },
	{ "any protocol", "A>X type=0x88cc pad=46", "next" },
	{ "a router advertisement", "A>M ip6 fe80::1>ff02::1 icmp6=134", "next" },
	{ "a priority tag", "A>X prio=3 ip 192.0.2.1>10.1.0.9 tcp 4000>80", "next" },
	{ "a foreign MAC", "B>X ip 10.1.0.2>10.1.0.9 tcp 4000>80", "mac" },
	{ "a foreign MAC, ARP", "B>* arp=1 B@10.1.0.2>10.1.0.9", "mac" },
	{ "a VLAN tag", "A>X vlan=10 ip 192.0.2.1>10.1.0.9 tcp 4000>80", "vlan" },
};

static void without_addresses_the_mac_alone_is_checked(void **state)
{
	struct bw_ep ep = kit_pod('A', 3, BW_EP_F_CHECK_MAC | BW_EP_F_ACCEL);

	(void)state;
	kit_put_ep(KIT_IF, &ep);
	KIT_TABLE(kit.pod_tx, 0, 3, mac_only);
}

static const struct kit_line unchecked[] = {
	{ "any MAC", "B>X ip 192.0.2.1>10.1.0.9 tcp 4000>80", "next" },
	{ "a VLAN tag", "B>X vlan=10 ip 192.0.2.1>10.1.0.9 tcp 4000>80", "next" },
	{ "a double tag", "B>X ad=10 vlan=10 ip 192.0.2.1>10.1.0.9 tcp 4000>80", "next" },
	{ "a DHCP reply", "B>* ip 192.0.2.1>10.1.0.9 udp 67>68", "next" },
	{ "a short frame", "B>X type=0x88cc pad=8", "next" },
};

static void an_unchecked_pod_may_send_anything(void **state)
{
	struct bw_ep ep = kit_pod('A', 3, BW_EP_F_ACCEL);

	(void)state;
	kit_put_ep(KIT_IF, &ep);
	KIT_TABLE(kit.pod_tx, 0, 3, unchecked);
}

static const struct kit_line trunk[] = {
	{ "a VLAN tag", "A>X vlan=10 ip 10.1.0.2>10.1.0.9 tcp 4000>80", "next" },
	{ "a service tag", "A>X ad=10 ip 10.1.0.2>10.1.0.9 tcp 4000>80", "next" },
	{ "a double tag", "A>X ad=10 vlan=20 ip 10.1.0.2>10.1.0.9 tcp 4000>80", "next" },
	{ "three tags", "A>X ad=1 vlan=2 vlan=3 ip 10.1.0.2>10.1.0.9 tcp 4000>80", "vlan" },
	{ "a spoof behind a tag", "A>X vlan=10 ip 10.1.0.3>10.1.0.9 tcp 4000>80", "ip4" },
	{ "a spoof behind two tags", "A>X ad=10 vlan=20 ip6 fd00::3>fd00::9 tcp 1>2", "ip6" },
	{ "ARP spoofed behind a tag", "A>* vlan=10 arp=1 A@10.1.0.3>10.1.0.9", "arp" },
	{ "a foreign MAC behind a tag", "B>X vlan=10 ip 10.1.0.2>10.1.0.9 tcp 1>2", "mac" },
};

static void a_checked_trunk_may_tag_but_not_forge(void **state)
{
	struct bw_ep ep = kit_pod('A', 3, KIT_CHECKED | BW_EP_F_TRUNK);

	(void)state;
	kit_put_ep(KIT_IF, &ep);
	KIT_TABLE(kit.pod_tx, 0, 3, trunk);
}

static const struct kit_line dhcp_client[] = {
	{ "a DHCP request", "A>* ip 0.0.0.0>255.255.255.255 udp 68>67", "next" },
	{ "a DHCP request, priority-tagged", "A>* prio=0 ip 0.0.0.0>255.255.255.255 udp 68>67",
	  "next" },
	{ "from nobody to another port", "A>* ip 0.0.0.0>255.255.255.255 udp 68>69", "ip4" },
	{ "from nobody, TCP", "A>* ip 0.0.0.0>255.255.255.255 tcp 68>67", "ip4" },
	{ "from nobody, a fragment", "A>* ip 0.0.0.0>255.255.255.255 frag=0+ udp 68>67", "ip4" },
	{ "a foreign address", "A>* ip 10.1.0.3>255.255.255.255 udp 68>67", "ip4" },
	{ "a server's reply", "A>* ip 10.1.0.2>255.255.255.255 udp 67>68", "dhcp" },
};

static void a_dhcp_client_may_ask_from_nobody(void **state)
{
	struct bw_ep ep = kit_pod('A', 3, KIT_CHECKED | BW_EP_F_DHCP_CLIENT);

	(void)state;
	kit_put_ep(KIT_IF, &ep);
	KIT_TABLE(kit.pod_tx, 0, 3, dhcp_client);
}

static const struct kit_line nothing[] = {
	{ "IPv4", "A>X ip 10.1.0.2>10.1.0.9 tcp 4000>80", "ip4" },
	{ "IPv4 from zeros", "A>X ip 0.0.0.0>10.1.0.9 tcp 4000>80", "ip4" },
	{ "IPv6", "A>X ip6 fd00::2>fd00::9 tcp 4000>80", "ip6" },
	{ "ARP", "A>* arp=1 A@10.1.0.2>10.1.0.9", "arp" },
	{ "its link-local", "A>X ip6 " A_LL ">fe80::1 icmp6=128", "next" },
};

static void a_zeroed_address_table_permits_nothing(void **state)
{
	struct bw_ep ep = kit_pod('A', 3, KIT_CHECKED);

	(void)state;
	ep.n_v4 = ep.n_v6 = 0;
	memset(ep.v4, 0, sizeof(ep.v4));
	memset(ep.v6, 0, sizeof(ep.v6));
	kit_put_ep(KIT_IF, &ep);
	KIT_TABLE(kit.pod_tx, 0, 3, nothing);
}

static void all_four_addresses_of_a_family_count(void **state)
{
	struct bw_ep ep = kit_pod('A', 3, KIT_CHECKED);

	(void)state;
	ep.n_v4 = ep.n_v6 = BW_EP_ADDRS_MAX;
	ep.v4[2] = kit_net4("10.2.0.0", 16);
	ep.v4[3] = kit_net4("10.3.0.7", 32);
	ep.v6[2] = kit_net6("fd02::", 32);
	ep.v6[3] = kit_net6("fd03::7", 128);
	kit_put_ep(KIT_IF, &ep);
	assert_string_equal(kit_verdict(kit.pod_tx, 0, 3, "A>X ip 10.3.0.7>10.1.0.9 tcp 1>2"),
			    "next");
	assert_string_equal(kit_verdict(kit.pod_tx, 0, 3, "A>X ip6 fd03::7>fd00::9 tcp 1>2"),
			    "next");
	assert_string_equal(kit_verdict(kit.pod_tx, 0, 3, "A>X ip6 fd02:0:1::7>fd00::9 tcp 1>2"),
			    "next");
	assert_string_equal(kit_verdict(kit.pod_tx, 0, 3, "A>X ip 10.3.0.8>10.1.0.9 tcp 1>2"),
			    "ip4");
	assert_string_equal(kit_verdict(kit.pod_tx, 0, 3, "A>X ip6 fd03::8>fd00::9 tcp 1>2"),
			    "ip6");
}

static void a_frame_of_no_endpoint_is_not_ours(void **state)
{
	(void)state;
	assert_int_equal(kit_run(kit.pod_tx, 0, "A>X ip 10.1.0.3>10.1.0.9 tcp 1>2").verdict, NEXT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_forged_frame_is_dropped_and_counted, kit_reset),
		cmocka_unit_test_setup(no_part_of_a_forged_frame_passes, kit_reset),
		cmocka_unit_test_setup(the_same_without_acceleration, kit_reset),
		cmocka_unit_test_setup(the_same_on_the_way_to_the_uplink, kit_reset),
		cmocka_unit_test_setup(without_addresses_the_mac_alone_is_checked, kit_reset),
		cmocka_unit_test_setup(an_unchecked_pod_may_send_anything, kit_reset),
		cmocka_unit_test_setup(a_checked_trunk_may_tag_but_not_forge, kit_reset),
		cmocka_unit_test_setup(a_dhcp_client_may_ask_from_nobody, kit_reset),
		cmocka_unit_test_setup(a_zeroed_address_table_permits_nothing, kit_reset),
		cmocka_unit_test_setup(all_four_addresses_of_a_family_count, kit_reset),
		cmocka_unit_test_setup(a_frame_of_no_endpoint_is_not_ours, kit_reset),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, kit_open, kit_close);
}
