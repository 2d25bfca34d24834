/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl-barewire: options as kubectl's, commands from a table. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "kube_cli.h"

const struct cli_command cli_kube_commands[] = {
	{ "pool", "[NAME]", "pools: how much of each is used; one in full", 0, 1, cli_kube_pool,
	  0 },
	{ "pool-map", "NAME", "also: pool map NAME: a picture of a pool; -o svg", 1, 1,
	  cli_kube_map, 0 },
	{ "claim", "[NAME]", "claims: address, node, state; -A for all namespaces", 0, 1,
	  cli_kube_claim, 0 },
	{ "who", "ADDRESS", "who has an address, and since when", 1, 1, cli_kube_who, 0 },
	{ "check", "", "compare addresses, claims and a node's journal; 1 when they differ", 0, 0,
	  cli_kube_check, 0 },
	{ "release", "CLAIM", "give up on a node that is powered off; needs --token, --reason", 1,
	  1, cli_kube_release, 0 },
	{ "simulate", "POOL COUNT", "would COUNT more addresses fit, and which would they be", 2, 2,
	  cli_kube_simulate, 0 },
	{ "import", "FILE", "NetworkPools out of another IPAM's configuration (JSON), to apply", 1,
	  1, cli_kube_import, 1 },
};
const size_t cli_kube_n_commands = BW_ARRAY_SIZE(cli_kube_commands);

static void help(FILE *to)
{
	/* Help that cannot be printed helps nobody, ignoring. */
	(void)fprintf(to, "usage: barewire COMMAND [OPTIONS] [ARGUMENTS]\n"
			  "       kubectl barewire COMMAND [OPTIONS] [ARGUMENTS]\n\n");
	for (size_t i = 0; i < cli_kube_n_commands; i++) {
		const struct cli_command *c = &cli_kube_commands[i];
		char left[64];

		(void)snprintf(left, sizeof(left), "%s %s", c->name, c->usage);
		(void)fprintf(to, "  %-22s %s\n", left, c->about);
	}
	(void)fprintf(
		to,
		"\noptions:\n"
		"  --kubeconfig FILE      as kubectl: else $KUBECONFIG, ~/.kube/config, the pod\n"
		"  --context NAME         another than the current one\n"
		"  -n, --namespace NAME   another than the context's; -A: all\n"
		"  -o FORMAT              svg for pool-map\n"
		"  --token N              release: the token that is to be given up\n"
		"  --confirm-powered-off  release: the node cannot send any more\n"
		"  --reason TEXT          release: is kept on the claim\n"
		"  --dir DIR              check: a node's journal (/var/lib/barewire)\n");
}

static int usage(const char *what, const char *which)
{
	/* as above, ignoring */
	(void)fprintf(stderr, "barewire: %s%s%s\nbarewire --help lists commands and options\n",
		      what, which ? ": " : "", which ? which : "");
	return CLI_USAGE;
}

/* Options with a value. */
static const struct option {
	const char *name;
	size_t offset;
} options[] = {
	{ "--kubeconfig", offsetof(struct cli_kube_args, kubeconfig) },
	{ "--context", offsetof(struct cli_kube_args, context) },
	{ "--namespace", offsetof(struct cli_kube_args, namespace) },
	{ "-n", offsetof(struct cli_kube_args, namespace) },
	{ "-o", offsetof(struct cli_kube_args, output) },
	{ "--token", offsetof(struct cli_kube_args, token) },
	{ "--reason", offsetof(struct cli_kube_args, reason) },
	{ "--dir", offsetof(struct cli_kube_args, dir) },
};

/* "--x V", "--x=V". 1 it was one, 0 it is another; CLI_USAGE without a value. */
static int take_option(int argc, char **argv, int *i, struct cli_kube_args *args)
{
	for (size_t k = 0; k < BW_ARRAY_SIZE(options); k++) {
		size_t n = strlen(options[k].name);
		const char **to = (const char **)(void *)((char *)args + options[k].offset);

		if (strncmp(argv[*i], options[k].name, n) != 0)
			continue;
		if (argv[*i][n] == '=') {
			*to = argv[*i] + n + 1;
			return 1;
		}
		if (argv[*i][n])
			continue;
		if (*i + 1 >= argc)
			return usage("a value is missing after", argv[*i]);
		*to = argv[++*i];
		return 1;
	}
	return 0;
}

/* 0; CLI_USAGE after a message. Words are moved to the front of argv. */
static int parse(int argc, char **argv, struct cli_kube_args *args, int *ret_help)
{
	args->words = argv;
	for (int i = 0; i < argc; i++) {
		int r = take_option(argc, argv, &i, args);

		if (r == 1)
			continue;
		if (r)
			return r;
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			*ret_help = 1;
		else if (strcmp(argv[i], "-A") == 0 || strcmp(argv[i], "--all-namespaces") == 0)
			args->all = 1;
		else if (strcmp(argv[i], "--confirm-powered-off") == 0)
			args->confirm = 1;
		else if (argv[i][0] == '-' && argv[i][1])
			return usage("unknown option", argv[i]);
		else
			argv[args->n_words++] = argv[i];
	}
	return 0;
}

static const struct cli_command *find(struct cli_kube_args *args)
{
	const char *name = args->words[0];

	/* "pool map NAME" is what a person says. */
	if (args->n_words == 3 && strcmp(name, "pool") == 0 && strcmp(args->words[1], "map") == 0) {
		name = "pool-map";
		args->words++;
		args->n_words--;
	}
	for (size_t i = 0; i < cli_kube_n_commands; i++)
		if (strcmp(cli_kube_commands[i].name, name) == 0)
			return &cli_kube_commands[i];
	return NULL;
}

static int run(const struct cli_command *c, struct cli_kube_args *args)
{
	struct cli_session s = { .args = args };
	struct bw_err err = { 0 };
	int code;

	if (!c->offline && cli_session_open(args, &s, &err) < 0) {
		cli_session_close(&s);
		return cli_fail(&err);
	}
	code = c->run(&s);
	cli_session_close(&s);
	return code;
}

int main(int argc, char **argv)
{
	struct cli_kube_args args = { 0 };
	const struct cli_command *c;
	int want_help = 0;
	int r = parse(argc - 1, argv + 1, &args, &want_help);

	if (r)
		return r;
	if (want_help || args.n_words == 0) {
		help(want_help ? stdout : stderr);
		return want_help ? CLI_OK : CLI_USAGE;
	}
	c = find(&args);
	if (!c)
		return usage("no such command", args.words[0]);
	args.words++;
	args.n_words--;
	if (args.n_words < c->min_words || args.n_words > c->max_words)
		return usage(args.n_words < c->min_words ? "an argument is missing"
							 : "too many arguments",
			     c->name);
	return run(c, &args);
}
