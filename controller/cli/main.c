/* SPDX-License-Identifier: Apache-2.0 */
/* barewire, the command line: topics and verbs are tables, options are the same everywhere. */
#include <stdio.h>
#include <string.h>

#include <bw/datapath.h>
#include <bw/version.h>

#include "cli.h"

static const struct cli_topic *const topics[] = {
	&cli_topic_net,
	&cli_topic_ipam,
	&cli_topic_sriov,
};

#define OPTIONS                                                                                    \
	"options:\n"                                                                               \
	"  -o FORMAT      text, wide (more columns) or json (one document)\n"                      \
	"  --dir DIR      the journal's folder, a network's dataDir (/var/lib/barewire)\n"         \
	"  --domain NAME  only this L2 domain\n"                                                   \
	"  --help         this text\n"

static void help_all(FILE *to)
{
	/* Help that cannot be printed helps nobody, ignoring. */
	(void)fprintf(to, "usage: barewire TOPIC VERB [OPTIONS] [ARGUMENTS]\n\n");
	for (size_t i = 0; i < BW_ARRAY_SIZE(topics); i++) {
		(void)fprintf(to, "%s: %s\n", topics[i]->name, topics[i]->about);
		for (size_t k = 0; k < topics[i]->n_verbs; k++) {
			const struct cli_verb *v = &topics[i]->verbs[k];
			char left[64];

			(void)snprintf(left, sizeof(left), "%s%s%s", v->name, *v->usage ? " " : "",
				       v->usage);
			(void)fprintf(to, "  %-22s %s\n", left, v->about);
		}
	}
	(void)fprintf(to, "the cluster: unit, pool, pool map, claim, who, check, repair, release, "
			  "simulate,\n             import, uninstall --check; barewire help "
			  "COMMAND says more of each\n");
	(void)fprintf(to, "version: print the version and the datapath's ABI\n\n" OPTIONS
			  "\nbarewire TOPIC VERB --help says more\n");
}

static void help_verb(const struct cli_topic *topic, const struct cli_verb *v)
{
	/* as above, ignoring */
	(void)printf("usage: barewire %s %s%s%s [OPTIONS]\n%s\n\n%s\n" OPTIONS, topic->name,
		     v->name, *v->usage ? " " : "", v->usage, v->about, v->more);
}

/* Commands of the cluster: another program, kubectl-barewire, beside this one or in PATH. */
static const char *const cluster[] = { "pool",   "pool-map", "claim",    "who",    "check",
				       "repair", "release",  "simulate", "import", "uninstall",
				       "unit",   "units",    "pools",    "claims" };

static int is_of_cluster(const char *word)
{
	for (size_t i = 0; i < BW_ARRAY_SIZE(cluster); i++)
		if (strcmp(cluster[i], word) == 0)
			return 1;
	return 0;
}

/* Returns on failure alone. */
static int become_kubectl(char **argv)
{
	static char name[] = "kubectl-barewire";
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(name));
	char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;

	argv[0] = name;
	if (slash) {
		memcpy(slash + 1, name, sizeof(name));
		(void)execv(path, argv); /* not beside this one: the next, ignoring */
	}
	(void)execvp(name, argv); /* the message says what is missing, ignoring */
	/* Nothing is left to do when stderr is gone, ignoring. */
	(void)fprintf(stderr,
		      "barewire: %s: the cluster's commands are in %s, which is not "
		      "installed\n",
		      strerror(errno), name);
	return CLI_FAILED;
}

static int usage(const char *what, const char *which)
{
	/* as above, ignoring */
	(void)fprintf(stderr, "barewire: %s%s%s\n", what, which ? ": " : "", which ? which : "");
	(void)fprintf(stderr, "barewire --help lists topics, verbs and options\n");
	return CLI_USAGE;
}

/* An option with a value: "--dir X", "--dir=X", "-o X". NULL when argv[*i] is another. */
static const char *value_of(const char *name, int argc, char **argv, int *i)
{
	size_t n = strlen(name);

	if (strncmp(argv[*i], name, n) != 0)
		return NULL;
	if (argv[*i][n] == '=')
		return argv[*i] + n + 1;
	if (argv[*i][n] == '\0')
		return *i + 1 < argc && argv[*i + 1] ? argv[++*i] : "";
	return NULL;
}

/* 0; CLI_USAGE after a message. Words are moved to the front of argv. */
static int parse(int argc, char **argv, struct cli_args *args, int *ret_help)
{
	args->words = argv;
	for (int i = 0; i < argc; i++) {
		const char *v;

		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			*ret_help = 1;
		} else if ((v = value_of("-o", argc, argv, &i))) {
			args->json = strcmp(v, "json") == 0;
			args->wide = strcmp(v, "wide") == 0;
			if (!args->json && !args->wide && strcmp(v, "text") != 0)
				return usage("-o: expected text, wide or json, got", v);
		} else if ((v = value_of("--dir", argc, argv, &i))) {
			args->dir = v;
		} else if ((v = value_of("--domain", argc, argv, &i))) {
			args->domain = v;
		} else if (argv[i][0] == '-' && argv[i][1]) {
			return usage("unknown option", argv[i]);
		} else {
			argv[args->n_words++] = argv[i];
		}
	}
	return 0;
}

static int print_version(const struct cli_args *args)
{
	int n = args->json ? printf("{\"version\": \"%s\", \"datapath\": \"%s\"}\n", BW_VERSION,
				    bw_dp_abi())
			   : printf("barewire %s, datapath %s\n", BW_VERSION, bw_dp_abi());

	return n < 0 ? CLI_FAILED : CLI_OK;
}

static const struct cli_topic *find_topic(const char *name)
{
	for (size_t i = 0; i < BW_ARRAY_SIZE(topics); i++)
		if (strcmp(topics[i]->name, name) == 0)
			return topics[i];
	return NULL;
}

static const struct cli_verb *find_verb(const struct cli_topic *t, const char *name)
{
	for (size_t i = 0; i < t->n_verbs; i++)
		if (strcmp(t->verbs[i].name, name) == 0)
			return &t->verbs[i];
	return NULL;
}

int main(int argc, char **argv)
{
	struct cli_args args = { 0 };
	const struct cli_topic *topic;
	const struct cli_verb *verb;
	int help = 0;
	int r;

	if (argc > 1 && is_of_cluster(argv[1]))
		return become_kubectl(argv);
	if (argc > 2 && strcmp(argv[1], "help") == 0 && is_of_cluster(argv[2]))
		return become_kubectl(argv);
	r = parse(argc - 1, argv + 1, &args, &help);
	if (r)
		return r;
	if (args.n_words == 0) {
		help_all(help ? stdout : stderr);
		return help ? CLI_OK : CLI_USAGE;
	}
	if (strcmp(args.words[0], "help") == 0) {
		help_all(stdout);
		return CLI_OK;
	}
	if (strcmp(args.words[0], "version") == 0)
		return print_version(&args);
	topic = find_topic(args.words[0]);
	if (!topic)
		return usage("no such topic", args.words[0]);
	if (args.n_words == 1) {
		help_all(help ? stdout : stderr);
		return help ? CLI_OK : CLI_USAGE;
	}
	verb = find_verb(topic, args.words[1]);
	if (!verb)
		return usage("no such verb", args.words[1]);
	if (help) {
		help_verb(topic, verb);
		return CLI_OK;
	}
	args.words += 2;
	args.n_words -= 2;
	if (args.n_words < verb->min_words || args.n_words > verb->max_words)
		return usage(args.n_words < verb->min_words ? "an argument is missing"
							    : "too many arguments",
			     verb->name);
	return verb->run(&args);
}
