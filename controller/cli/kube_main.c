/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl-barewire: the table of its commands. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/kube_podexec.h>
#include <bw/version.h>

#include "kube_cli.h"

#define CONNECTED CLI_OPT_CONNECT
#define ACTS (CONNECTED | CLI_OPT_NAMESPACE | CLI_OPT_WAIT)
#define NAMESPACED (CONNECTED | CLI_OPT_NAMESPACE | CLI_OPT_OUTPUT)

const struct cli_command cli_kube_commands[] = {
	{ "pool", "[NAME]", "pools: how much of each is used, and what is wrong; or one in full",
	  "  barewire pool\n  barewire pool lan\n  barewire pool lan -o yaml\n"
	  "  barewire pool map lan           see barewire pool-map --help\n",
	  0, 1, cli_kube_pool, CONNECTED | CLI_OPT_OUTPUT, CLI_FORMATS_LIST },
	{ "pool-map", "NAME", "also: pool map NAME: a picture of a pool",
	  "One character an address, or several where there are more than 4096: '.' free, ' '\n"
	  "excluded, 'r' reserved, '=' retained, '~' cooling, '#' bound, '!' quarantined.\n\n"
	  "  barewire pool map lan\n  barewire pool map lan -o svg > lan.svg\n",
	  1, 1, cli_kube_map, CONNECTED | CLI_OPT_OUTPUT, 1U << CLI_SVG },
	{ "claim", "[NAME]", "claims: addresses, node, token, what they wait for; or one in full",
	  "  barewire claim -n db\n  barewire claim -A -o wide\n  barewire claim db/redis-0\n", 0,
	  1, cli_kube_claim, NAMESPACED | CLI_OPT_ALL, CLI_FORMATS_LIST },
	{ "who", "ADDRESS", "who has an address, on which node, and since when",
	  "Exit code 0: somebody has it, or it is kept or cools; 1: nobody.\n\n"
	  "  barewire who 10.99.2.77\n  barewire who fd00::77 -o yaml\n",
	  1, 1, cli_kube_who, CONNECTED | CLI_OPT_OUTPUT, CLI_FORMATS_TREE },
	{ "check", "", "compare claims, locks, pods, the nodes' journals and their kernels",
	  "What the agents publish of each node's journal and kernel is compared with the API,\n"
	  "and where this machine has a journal, that too, row by row. Each kind of difference is\n"
	  "named with its remedy. Only what two looks a moment apart find is told.\n"
	  "Exit code 0: nothing differs, there may be warnings; 1: something differs.\n\n"
	  "  barewire check\n  barewire check -o json | jq '.differences[].reason'\n",
	  0, 0, cli_kube_check, CONNECTED | CLI_OPT_OUTPUT | CLI_OPT_DIR, CLI_FORMATS_TREE },
	{ "repair", "", "mend what check found and no person must decide",
	  "Deletes the pods whose interface is gone, moved or cut off, where something makes them\n"
	  "again; lets a stopped sweep go on, and ends that afterwards. It says what it will do\n"
	  "and asks. What is left to a person is named with the command.\n"
	  "Exit code 0: nothing differs, or all was mended; 1: something is left.\n\n"
	  "  barewire repair --dry-run\n  barewire repair --yes\n",
	  0, 0, cli_kube_repair, CONNECTED | CLI_OPT_DIR | CLI_OPT_DRY_RUN | CLI_OPT_YES, 0 },
	{ "release", "CLAIM", "give up on a node that is powered off and will never answer",
	  "An address that is given on while its node still sends is on the wire twice: look that\n"
	  "the machine is off. Needs the right to `release` claims (ClusterRole "
	  "barewire-release).\n\n"
	  "  barewire release db/redis-0 --token 3 --confirm-powered-off --reason 'node1 burned'\n",
	  1, 1, cli_kube_release, CONNECTED | CLI_OPT_NAMESPACE | CLI_OPT_RELEASE, 0 },
	{ "simulate", "POOL COUNT", "would COUNT more addresses fit, and which would they be",
	  "Exit code 0: they fit; 1: they do not.\n\n  barewire simulate lan 300\n", 2, 2,
	  cli_kube_simulate, CONNECTED | CLI_OPT_OUTPUT, CLI_FORMATS_TREE },
	{ "import", "FILE", "pools, reservations and claims out of another IPAM's, to apply",
	  "Reads a CNI configuration, or what `kubectl get -o json` prints, of host-local,\n"
	  "Whereabouts, Spiderpool, Calico and DBScale; - is standard input. Nothing is written\n"
	  "to the cluster. See docs/migration.md.\n\n"
	  "  kubectl get spiderippools -o json | barewire import - --domain lan > pools.yaml\n"
	  "  barewire import /etc/cni/net.d/10-lan.conflist -o json | kubectl apply -f -\n",
	  1, 1, cli_kube_import, CLI_OPT_OUTPUT | CLI_OPT_DOMAIN, CLI_FORMATS_TREE },
	{ "unit list", "[NAME]", "Units: address, node, phase, and what each waits for",
	  "  barewire unit list -n db\n  barewire unit list -A -o wide\n"
	  "  barewire unit list -l app=redis\n  barewire unit list db/redis-0 -o yaml\n",
	  0, 1, cli_unit_list, NAMESPACED | CLI_OPT_ALL | CLI_OPT_SELECT, CLI_FORMATS_LIST },
	{ "unit describe", "NAME", "the whole story of one: pod, address, volumes, what to do",
	  "Its pod and node, its addresses with MAC and segment and whether they can take the fast\n"
	  "path, its volumes, its last action, conditions and events, what it waits for and what\n"
	  "there is to do about it. -o json and yaml print the objects that it is told from.\n\n"

	  "  barewire unit describe redis-0 -n db\n  barewire unit describe db/redis-0 -o yaml\n",
	  1, 1, cli_unit_describe, NAMESPACED, CLI_FORMATS_TREE },
	{ "unit logs", "NAME", "what its database writes, and wrote before its last restart",
	  "  barewire unit logs redis-0 --tail 100 -f\n  barewire unit logs redis-0 --previous\n",
	  1, 1, cli_unit_logs, CONNECTED | CLI_OPT_NAMESPACE | CLI_OPT_LOGS | CLI_OPT_CONTAINER,
	  0 },
	{ "unit connect", "NAME [-- COMMAND ...]", "a terminal in its database's container",
	  "Runs the command, or sh, with this terminal for its own; without a terminal input and\n"
	  "outputs are handed through. The keys Enter ~ . leave a connection that hangs.\n"
	  "Exit code: the command's; 255: it could not be run, or the connection broke.\n\n"
	  "  barewire unit connect redis-0 -- redis-cli -h 10.99.2.77\n"
	  "  barewire unit connect redis-0 -- sh -c 'cat > /data/import' < dump\n",
	  1, BW_KUBE_PODEXEC_ARGS_MAX, cli_unit_connect,
	  CONNECTED | CLI_OPT_NAMESPACE | CLI_OPT_CONTAINER, 0 },
	{ "unit stop", "NAME", "stop the database; its address and volumes stay its own",
	  "Writes startup: false. Exit code 0: asked for, or with --wait done; 1: refused, failed or\n"
	  "not done in time, and it goes on. So of all that follow.\n\n"
	  "  barewire unit stop redis-0 --wait\n",
	  1, 1, cli_unit_stop, ACTS, 0 },
	{ "unit start", "NAME", "start it again", "  barewire unit start redis-0 --timeout 5m\n", 1,
	  1, cli_unit_start, ACTS, 0 },
	{ "unit restart", "NAME", "a new pod on the same node, with the same address and volumes",
	  "It can be cancelled until the old pod is asked to end.\n\n"
	  "  barewire unit restart redis-0 --wait\n  barewire unit restart redis-0 --force\n"
	  "  barewire unit restart redis-0 --cancel\n",
	  1, 1, cli_unit_restart, ACTS | CLI_OPT_ACTION, 0 },
	{ "unit migrate", "NAME", "to another node, with its address and its volumes",
	  "Refused when a volume is bound to its node: its data cannot follow. --cancel goes back\n"
	  "until the new pod is Ready.\n\n"
	  "  barewire unit migrate redis-0 --to node2 --wait\n"
	  "  barewire unit migrate redis-0 --cancel --wait\n",
	  1, 1, cli_unit_migrate, ACTS | CLI_OPT_ACTION | CLI_OPT_MOVE, 0 },
	{ "unit rebuild", "NAME",
	  "new and empty volumes; the old ones are kept until told otherwise",
	  "On another node, on the one that is named, or --in-place. The database copies its data\n"
	  "from a peer. It asks before. Old volumes are in barewire unit describe; they are deleted\n"
	  "by kubectl delete pvc -l db.barewire.dev/retained=ID. --cancel gives them back until the\n"
	  "new pod is Ready.\n\n"
	  "  barewire unit rebuild redis-0 --in-place --wait\n"
	  "  barewire unit rebuild redis-0 --to node2 --yes --timeout 1h\n",
	  1, 1, cli_unit_rebuild,
	  ACTS | CLI_OPT_ACTION | CLI_OPT_MOVE | CLI_OPT_REBUILD | CLI_OPT_YES, 0 },
	{ "unit resize", "NAME", "other cpu and memory; the pod and the database in it stay",
	  "Writes the template's requests and limits. Kubernetes 1.33 and later changes them in the\n"
	  "running pod. A bound that is new, or another class of service, is another pod. What the\n"
	  "node cannot have is told, and the database runs on with what it has.\n\n"
	  "  barewire unit resize redis-0 --memory 4Gi --wait\n"
	  "  barewire unit resize redis-0 --requests cpu=500m,memory=2Gi --limits cpu=2,memory=4Gi\n"
	  "  barewire unit resize redis-0 -c exporter --cpu 100m\n",
	  1, 1, cli_unit_resize, ACTS | CLI_OPT_RESIZE | CLI_OPT_CONTAINER, 0 },
	{ "uninstall", "--check", "what of barewire is in use and would be left behind",
	  "Lists claims, attachments, addresses and pools that are left. It removes nothing:\n"
	  "kubectl delete -k conf/deploy/uninstall takes the programs away and leaves all of\n"
	  "these; see docs/kubernetes.md for removing them, too.\n"
	  "Exit code 0: nothing is left; 1: something is.\n\n  barewire uninstall --check\n",
	  0, 0, cli_kube_uninstall, CONNECTED | CLI_OPT_OUTPUT | CLI_OPT_CHECK, CLI_FORMATS_TREE },
};
const size_t cli_kube_n_commands = BW_ARRAY_SIZE(cli_kube_commands);

static int run(const struct cli_command *c, struct cli_kube_args *args)
{
	struct cli_session s = { .args = args };
	struct bw_err err = { 0 };
	int code;

	if (c->options & CLI_OPT_CONNECT && cli_session_open(args, &s, &err) < 0) {
		cli_session_close(&s);
		return cli_fail(&err);
	}
	code = c->run(&s);
	cli_session_close(&s);
	return code;
}

static int print_version(void)
{
	return printf("kubectl-barewire %s\n", BW_VERSION) < 0 ? CLI_FAILED : CLI_OK;
}

int main(int argc, char **argv)
{
	struct cli_kube_args args = { 0 };
	const struct cli_command *c;
	int r = cli_args_parse(argc - 1, argv + 1, &args);

	if (r)
		return r;
	if (args.n_words && strcmp(args.words[0], "help") == 0) {
		args.help = 1;
		args.words++;
		args.n_words--;
	}
	if (args.n_words == 0) {
		cli_help_all(args.help ? stdout : stderr);
		return args.help ? CLI_OK : CLI_USAGE;
	}
	if (strcmp(args.words[0], "version") == 0)
		return print_version();
	c = cli_args_command(&args);
	if (!c)
		return CLI_USAGE;
	if (args.help) {
		if (args.group)
			cli_help_group(args.group);
		else
			cli_help_command(c);
		return CLI_OK;
	}
	r = cli_args_fit(&args, c);
	return r ? r : run(c, &args);
}
