/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl-barewire: options as kubectl takes them, help, and what was probably meant. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "kube_cli.h"

#define WORD_MAX 64

static const struct option {
	const char *name;
	const char *also; /* another name; NULL = none */
	const char *value; /* what stands behind it; NULL = nothing, it is a flag */
	size_t offset; /* of a const char *, or of a uint8_t */
	unsigned int bit;
	const char *about;
} options[] = {
	{ "--kubeconfig", NULL, "FILE", offsetof(struct cli_kube_args, kubeconfig), CLI_OPT_CONNECT,
	  "as kubectl: else $KUBECONFIG, ~/.kube/config, the pod's own" },
	{ "--context", NULL, "NAME", offsetof(struct cli_kube_args, context), CLI_OPT_CONNECT,
	  "another than the current one" },
	{ "-n", "--namespace", "NAME", offsetof(struct cli_kube_args, namespace), CLI_OPT_NAMESPACE,
	  "another namespace than the context's" },
	{ "-A", "--all-namespaces", NULL, offsetof(struct cli_kube_args, all), CLI_OPT_ALL,
	  "all namespaces" },
	{ "-o", "--output", "FORMAT", offsetof(struct cli_kube_args, output), CLI_OPT_OUTPUT,
	  NULL },
	{ "--token", NULL, "N", offsetof(struct cli_kube_args, token), CLI_OPT_RELEASE,
	  "the token that is to be given up, as barewire claim shows it" },
	{ "--confirm-powered-off", NULL, NULL, offsetof(struct cli_kube_args, confirm),
	  CLI_OPT_RELEASE, "the node cannot send any more: you have seen that it is off" },
	{ "--although-ready", NULL, NULL, offsetof(struct cli_kube_args, although_ready),
	  CLI_OPT_RELEASE, "its Node says Ready, and you know better" },
	{ "--reason", NULL, "TEXT", offsetof(struct cli_kube_args, reason), CLI_OPT_RELEASE,
	  "is kept on the claim" },
	{ "--dir", NULL, "DIR", offsetof(struct cli_kube_args, dir), CLI_OPT_DIR,
	  "this machine's journal (/var/lib/barewire)" },
	{ "--domain", NULL, "NAME", offsetof(struct cli_kube_args, domain), CLI_OPT_DOMAIN,
	  "the L2 segment the pools belong to; else each is one of its own" },
	{ "--dry-run", NULL, NULL, offsetof(struct cli_kube_args, dry_run), CLI_OPT_DRY_RUN,
	  "say what would be done, and do nothing" },
	{ "--yes", "-y", NULL, offsetof(struct cli_kube_args, yes), CLI_OPT_YES,
	  "do not ask before it is done" },
	{ "--check", NULL, NULL, offsetof(struct cli_kube_args, check), CLI_OPT_CHECK,
	  "say what is left" },
	{ "-l", "--selector", "LABELS", offsetof(struct cli_kube_args, selector), CLI_OPT_SELECT,
	  "those with these labels alone, as kubectl: app=redis,tier!=test" },
	{ "--wait", NULL, NULL, offsetof(struct cli_kube_args, wait), CLI_OPT_WAIT,
	  "until it is done; each step is told" },
	{ "--timeout", NULL, "TIME", offsetof(struct cli_kube_args, timeout), CLI_OPT_WAIT,
	  "as --wait, and so long at most: 90s, 5m, 1h (10m)" },
	{ "--to", NULL, "NODE", offsetof(struct cli_kube_args, node), CLI_OPT_MOVE,
	  "the node to go to; another that the scheduler finds if not given" },
	{ "--in-place", NULL, NULL, offsetof(struct cli_kube_args, in_place), CLI_OPT_REBUILD,
	  "on the node where it is" },
	{ "--force", NULL, NULL, offsetof(struct cli_kube_args, force), CLI_OPT_ACTION,
	  "do not wait for the database to end by itself: a second, then it is killed" },
	{ "--id", NULL, "ID", offsetof(struct cli_kube_args, id), CLI_OPT_ACTION,
	  "of the action; one id runs once, so a script may say it again" },
	{ "--cancel", NULL, NULL, offsetof(struct cli_kube_args, cancel), CLI_OPT_ACTION,
	  "give up the one that runs or waits" },
	{ "--cpu", NULL, "AMOUNT", offsetof(struct cli_kube_args, cpu), CLI_OPT_RESIZE,
	  "of request and limit: 500m, 2" },
	{ "--memory", NULL, "AMOUNT", offsetof(struct cli_kube_args, memory), CLI_OPT_RESIZE,
	  "of request and limit: 512Mi, 4Gi" },
	{ "--requests", NULL, "LIST", offsetof(struct cli_kube_args, requests), CLI_OPT_RESIZE,
	  "what is kept free for it: cpu=500m,memory=2Gi" },
	{ "--limits", NULL, "LIST", offsetof(struct cli_kube_args, limits), CLI_OPT_RESIZE,
	  "what it gets at most: cpu=1,memory=4Gi" },
	{ "-f", "--follow", NULL, offsetof(struct cli_kube_args, follow), CLI_OPT_LOGS,
	  "go on with what comes" },
	{ "--tail", NULL, "N", offsetof(struct cli_kube_args, tail), CLI_OPT_LOGS,
	  "the last N lines alone" },
	{ "-p", "--previous", NULL, offsetof(struct cli_kube_args, previous), CLI_OPT_LOGS,
	  "of the container before the last restart" },
	{ "-c", "--container", "NAME", offsetof(struct cli_kube_args, container), CLI_OPT_CONTAINER,
	  "another than the database's" },
	{ "--help", "-h", NULL, offsetof(struct cli_kube_args, help), 0, "this text" },
};

static const char *const formats[] = {
	[CLI_TEXT] = "text", [CLI_WIDE] = "wide", [CLI_JSON] = "json",
	[CLI_YAML] = "yaml", [CLI_NAME] = "name", [CLI_SVG] = "svg",
};
static_assert(BW_ARRAY_SIZE(formats) == CLI_FORMAT_MAX_, "a format has no name");

/* What people write for a command; "" = it means nothing of its own. */
static const struct slip {
	const char *said;
	const char *meant;
} slips[] = {
	{ "pools", "pool" },          { "netpool", "pool" },      { "netpools", "pool" },
	{ "networkpool", "pool" },    { "networkpools", "pool" }, { "claims", "claim" },
	{ "netclaim", "claim" },      { "netclaims", "claim" },   { "networkclaim", "claim" },
	{ "networkclaims", "claim" }, { "whois", "who" },         { "netaddr", "who" },
	{ "address", "who" },         { "map", "pool-map" },      { "status", "check" },
	{ "verify", "check" },        { "doctor", "check" },      { "fix", "repair" },
	{ "remove", "uninstall" },    { "migrate", "import" },    { "convert", "import" },
	{ "units", "unit" },          { "dbunit", "unit" },       { "dbunits", "unit" },
};

/* The same behind a group's name. */
static const struct slip group_slips[] = { { "get", "list" },       { "ls", "list" },
					   { "show", "describe" },  { "log", "logs" },
					   { "exec", "connect" },   { "shell", "connect" },
					   { "scale", "resize" },   { "attach", "connect" },
					   { "move", "migrate" },   { "stat", "describe" },
					   { "status", "describe" } };

/* Verbs of kubectl before a kind: "get pool lan" is "pool lan". */
static const char *const verbs[] = { "get", "list", "show", "describe" };

/* Changes of one character that make @b of @a; more than @WORD_MAX are too many. */
static size_t distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1];
	size_t n = strlen(b);

	if (n > WORD_MAX || strlen(a) > WORD_MAX)
		return WORD_MAX;
	for (size_t k = 0; k <= n; k++)
		row[k] = k;
	for (size_t i = 0; a[i]; i++) {
		size_t corner = row[0];

		row[0] = i + 1;
		for (size_t k = 0; k < n; k++) {
			size_t above = row[k + 1];
			size_t best = corner + (a[i] != b[k]);

			if (above + 1 < best)
				best = above + 1;
			if (row[k] + 1 < best)
				best = row[k] + 1;
			row[k + 1] = best;
			corner = above;
		}
	}
	return row[n];
}

/* Whether @said is a start of @name, or two slips away from it at most. */
static int is_near(const char *said, const char *name)
{
	size_t n = strlen(said);

	return (n >= 3 && strncmp(said, name, n) == 0) ||
	       distance(said, name) <= (strlen(name) > 4 ? 2 : 1);
}

int cli_usage(const char *what, const char *which)
{
	/* Nothing is left to do when stderr is gone, ignoring. */
	(void)fprintf(stderr,
		      "barewire: %s%s%s\nkubectl barewire --help lists commands and options\n",
		      what, which ? ": " : "", which ? which : "");
	return CLI_USAGE;
}

static int no_option(const char *said)
{
	for (size_t i = 0; i < BW_ARRAY_SIZE(options); i++) {
		const char *names[] = { options[i].name, options[i].also };

		for (size_t k = 0; k < BW_ARRAY_SIZE(names); k++)
			if (names[k] && names[k][1] == '-' && is_near(said, names[k])) {
				(void)fprintf(stderr,
					      "barewire: unknown option: %s; did you mean %s?\n",
					      said, names[k]); /* as above, ignoring */
				return CLI_USAGE;
			}
	}
	return cli_usage("unknown option", said);
}

/* The value of "--x V", "--x=V", "-xV"; NULL = argv[*i] is another; "" with *ret_missing. */
static const char *value_of(const char *name, int argc, char **argv, int *i, int *ret_missing)
{
	size_t n = name ? strlen(name) : 0;

	if (!n || strncmp(argv[*i], name, n) != 0)
		return NULL;
	if (argv[*i][n] == '=')
		return argv[*i] + n + 1;
	if (argv[*i][n])
		return n == 2 ? argv[*i] + n : NULL;
	if (*i + 1 >= argc) {
		*ret_missing = 1;
		return "";
	}
	return argv[++*i];
}

/* 1 it was that option, 0 it is another; CLI_USAGE after a message. */
static int take(const struct option *o, int argc, char **argv, int *i, struct cli_kube_args *args)
{
	void *to = (char *)args + o->offset;
	const char *said = argv[*i];
	const char *v;
	int missing = 0;

	if (!o->value) {
		if (strcmp(said, o->name) != 0 && (!o->also || strcmp(said, o->also) != 0))
			return 0;
		*(uint8_t *)to = 1;
	} else {
		v = value_of(o->name, argc, argv, i, &missing);
		if (!v)
			v = value_of(o->also, argc, argv, i, &missing);
		if (!v)
			return 0;
		if (missing)
			return cli_usage("a value is missing after", said);
		*(const char **)to = v;
	}
	args->given |= o->bit;
	if (o->bit)
		args->said[__builtin_ctz(o->bit)] = o->name;
	return 1;
}

int cli_args_parse(int argc, char **argv, struct cli_kube_args *ret)
{
	int only_words = 0;

	ret->words = argv;
	for (int i = 0; i < argc; i++) {
		int r = 0;

		if (!only_words && strcmp(argv[i], "--") == 0) {
			only_words = 1;
			continue;
		}
		if (only_words || argv[i][0] != '-' || !argv[i][1]) {
			argv[ret->n_words++] = argv[i];
			ret->n_after += only_words;
			continue;
		}
		for (size_t k = 0; r == 0 && k < BW_ARRAY_SIZE(options); k++)
			r = take(&options[k], argc, argv, &i, ret);
		if (r != 1)
			return r ? r : no_option(argv[i]);
	}
	/* There is room: argv itself ends so. A command in a container is handed on as it stands.
	 */
	argv[ret->n_words] = NULL;
	return 0;
}

static const struct cli_command *command(const char *name)
{
	for (size_t i = 0; i < cli_kube_n_commands; i++)
		if (strcmp(cli_kube_commands[i].name, name) == 0)
			return &cli_kube_commands[i];
	return NULL;
}

static const char *meant_among(const struct slip *list, size_t n, const char *said)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].said, said) == 0)
			return list[i].meant;
	return said;
}

static const char *meant(const char *said)
{
	return meant_among(slips, BW_ARRAY_SIZE(slips), said);
}

/* Whether @name is the group that a command's name begins with. */
static int is_of_group(const struct cli_command *c, const char *name)
{
	size_t n = strlen(name);

	return strncmp(c->name, name, n) == 0 && c->name[n] == ' ';
}

static int is_group(const char *name)
{
	for (size_t i = 0; i < cli_kube_n_commands; i++)
		if (is_of_group(&cli_kube_commands[i], name))
			return 1;
	return 0;
}

static void drop_word(struct cli_kube_args *args)
{
	args->words++;
	args->n_words--;
}

/* "get pool" is "pool", and "get unit" is "unit get". */
static void drop_verb(struct cli_kube_args *args)
{
	for (size_t i = 0; i < BW_ARRAY_SIZE(verbs); i++) {
		if (args->n_words < 2 || strcmp(args->words[0], verbs[i]) != 0)
			continue;
		if (is_group(meant(args->words[1]))) {
			char *verb = args->words[0];

			args->words[0] = args->words[1];
			args->words[1] = verb;
		} else if (command(meant(args->words[1]))) {
			drop_word(args);
		}
		return;
	}
}

static const struct cli_command *no_command(const char *name)
{
	for (size_t i = 0; i < cli_kube_n_commands; i++)
		if (is_near(name, cli_kube_commands[i].name)) {
			(void)fprintf(stderr,
				      "barewire: no such command: %s; did you mean barewire %s?\n",
				      name, cli_kube_commands[i].name); /* as above, ignoring */
			return NULL;
		}
	(void)cli_usage("no such command", name); /* the caller says it failed, ignoring */
	return NULL;
}

/* "unit list"; without a word of its own the first of the group. */
static const struct cli_command *command_of(struct cli_kube_args *args, const char *group)
{
	char name[WORD_MAX];
	const char *verb;

	if (!args->n_words) {
		args->group = group;
		for (size_t i = 0; i < cli_kube_n_commands; i++)
			if (is_of_group(&cli_kube_commands[i], group))
				return &cli_kube_commands[i];
	}
	verb = meant_among(group_slips, BW_ARRAY_SIZE(group_slips), args->words[0]);
	/* A longer one is cut and is no command, ignoring. */
	(void)snprintf(name, sizeof(name), "%s %s", group, verb);
	drop_word(args);
	return command(name) ? command(name) : no_command(name);
}

const struct cli_command *cli_args_command(struct cli_kube_args *args)
{
	const struct cli_command *c;
	const char *name;

	drop_verb(args);
	name = meant(args->words[0]);
	drop_word(args);
	if (is_group(name))
		return command_of(args, name);
	/* "pool map NAME" is what a person says. */
	if (strcmp(name, "pool") == 0 && args->n_words && strcmp(args->words[0], "map") == 0) {
		name = "pool-map";
		drop_word(args);
	}
	c = command(name);
	return c ? c : no_command(name);
}

/* "wide, json, yaml or name" */
static const char *format_names(const struct cli_command *c, char out[WORD_MAX])
{
	size_t len = 0;

	out[0] = '\0';
	for (unsigned int f = 0; f < CLI_FORMAT_MAX_; f++) {
		unsigned int later = c->formats >> f >> 1;

		if (c->formats & 1U << f)
			/* a few words fit, ignoring */
			len += (size_t)snprintf(out + len, WORD_MAX - len, "%s%s",
						!len    ? ""
						: later ? ", "
							: " or ",
						formats[f]);
	}
	return out;
}

static int take_format(struct cli_kube_args *args, const struct cli_command *c)
{
	char names[WORD_MAX];

	if (!args->output)
		return 0;
	for (unsigned int f = 0; f < CLI_FORMAT_MAX_; f++)
		if (strcmp(args->output, formats[f]) == 0 &&
		    (f == CLI_TEXT || c->formats & 1U << f)) {
			args->format = (enum cli_format)f;
			return 0;
		}
	(void)fprintf(stderr, "barewire %s: -o: expected %s, got \"%.64s\"\n", c->name,
		      format_names(c, names), args->output); /* as above, ignoring */
	return CLI_USAGE;
}

int cli_args_fit(struct cli_kube_args *args, const struct cli_command *c)
{
	unsigned int wrong = args->given & ~(c->options | CLI_OPT_CONNECT);

	if (wrong) {
		(void)fprintf(stderr,
			      "barewire %s: %s is no option of it; barewire %s --help lists "
			      "those\n",
			      c->name, args->said[__builtin_ctz(wrong)],
			      c->name); /* as above, ignoring */
		return CLI_USAGE;
	}
	if (args->n_words < c->min_words || args->n_words > c->max_words) {
		(void)fprintf(stderr, "barewire %s: %s\nusage: barewire %s %s [OPTIONS]\n", c->name,
			      args->n_words < c->min_words ? "an argument is missing"
							   : "too many arguments",
			      c->name, c->usage); /* as above, ignoring */
		return CLI_USAGE;
	}
	return take_format(args, c);
}

static void help_option(const struct option *o, const struct cli_command *c, FILE *to)
{
	char left[WORD_MAX], names[WORD_MAX];

	/* Help that cannot be printed helps nobody, ignoring: here and below. */
	(void)snprintf(left, sizeof(left), "%s%s%s%s%s", o->name, o->also ? ", " : "",
		       o->also ? o->also : "", o->value ? " " : "", o->value ? o->value : "");
	(void)fprintf(to, "  %-24s %s\n", left, o->about ? o->about : format_names(c, names));
}

void cli_help_command(const struct cli_command *c)
{
	(void)printf("usage: barewire %s%s%s [OPTIONS]\n\n%s\n\n%s\noptions:\n", c->name,
		     *c->usage ? " " : "", c->usage, c->about, c->more);
	for (size_t i = 0; i < BW_ARRAY_SIZE(options); i++)
		if (!options[i].bit || c->options & options[i].bit)
			help_option(&options[i], c, stdout);
}

static void help_line(const struct cli_command *c, FILE *to)
{
	char left[WORD_MAX];

	/* as above, ignoring */
	(void)snprintf(left, sizeof(left), "%s%s%s", c->name, *c->usage ? " " : "", c->usage);
	(void)fprintf(to, "  %-24s %s\n", left, c->about);
}

void cli_help_group(const char *group)
{
	(void)printf("usage: barewire %s COMMAND [OPTIONS] [ARGUMENTS]\n\n", group);
	for (size_t i = 0; i < cli_kube_n_commands; i++)
		if (is_of_group(&cli_kube_commands[i], group))
			help_line(&cli_kube_commands[i], stdout);
	(void)printf("\nbarewire %s COMMAND --help says more, with examples.\n", group);
}

void cli_help_all(FILE *to)
{
	(void)fprintf(to, "usage: barewire COMMAND [OPTIONS] [ARGUMENTS]\n"
			  "       kubectl barewire COMMAND [OPTIONS] [ARGUMENTS]\n\n");
	for (size_t i = 0; i < cli_kube_n_commands; i++)
		help_line(&cli_kube_commands[i], to);
	(void)fprintf(to, "\nThe API server is found as kubectl finds it: --kubeconfig, --context, "
			  "$KUBECONFIG, ~/.kube/config.\nExit codes: 0 it worked; 1 the answer is "
			  "no, or something differs; 2 it failed; 64 it was called wrongly.\n"
			  "barewire COMMAND --help says more, with examples.\n");
}
