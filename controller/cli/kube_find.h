/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `barewire check` finds: kinds are a table with a remedy each, findings are texts with what a
 * repair needs. `barewire repair` follows the same table.
 */
#pragma once

#include <bw/defs.h>
#include <bw/kube_kind.h>

struct bw_json_build;
struct cJSON;

enum cli_kind {
	/* The API against itself. */
	CLI_ADDRESS_TWICE,
	CLI_ADDRESS_UNLOCKED,
	CLI_ADDRESS_ORPHANED,
	CLI_POOL_MISSING,
	CLI_HOLDER_GONE,
	CLI_ATTACHED_ELSEWHERE,
	CLI_SWEEP_STOPPED,
	CLI_SWEEP_LEFT_OPEN,
	/* The API against pods and nodes. */
	CLI_POD_ADDRESS,
	CLI_ATTACHMENTS_MISSING,
	CLI_NODE_SILENT,
	CLI_RESTORE_SUSPECTED,
	/* Journals against kernels, as agents publish it. */
	CLI_JOURNAL_UNREADABLE,
	CLI_INTERFACE_MISSING,
	CLI_INTERFACE_MOVED,
	CLI_INTERFACE_UNKNOWN,
	CLI_CUT_OFF,
	CLI_ACK_WAITING,
	CLI_NODE_OTHER,
	/* The journal of the machine that this runs on. */
	CLI_ROW_DEAD,
	CLI_ROW_UNKNOWN,
	CLI_ROW_TOKEN,
	/* Warnings: from here on nothing differs. */
	CLI_WARN_NOT_COMPARED,
	CLI_WARN_POLICY,
	CLI_WARN_POOL,
	CLI_WARN_SEGMENT,
	CLI_WARN_QUARANTINED,
	CLI_WARN_NO_LEADER,
	CLI_WARN_NO_AGENT,
	CLI_KIND_MAX_,
};
#define CLI_WARNINGS CLI_WARN_NOT_COMPARED

/* What a repair does about one. */
enum cli_cure {
	CLI_CURE_NONE, /* a person's decision, or it mends itself */
	CLI_CURE_POD, /* delete the pod, what owns it makes it again */
	CLI_CURE_SWEEP, /* let the sweep of the pool go on */
	CLI_CURE_SWEEP_END, /* take that back */
};

struct cli_finding {
	enum cli_kind kind;
	char where[BW_KUBE_NAME_MAX + 8]; /* "node N"; "" = in the API */
	char text[768];
	/* Of the object that the cure is done to; "" = there is none. */
	char ns[BW_KUBE_NS_MAX + 1];
	char name[BW_KUBE_NAME_MAX + 1];
	char uid[BW_KUBE_UID_MAX + 1];
};

/* Owns .list. Zeroed is empty. */
struct cli_findings {
	struct cli_finding *list;
	size_t n;
	size_t cap;
	int failed; /* out of memory: something is missing */
	struct cli_finding spare; /* what there was no room for */
};

const char *cli_kind_str(enum cli_kind kind);
/* What a person can do about it. */
const char *cli_kind_remedy(enum cli_kind kind);
enum cli_cure cli_kind_cure(enum cli_kind kind);
/* By the reason of a NodeNetwork's difference; CLI_NODE_OTHER for one that this version does not
 * know. */
enum cli_kind cli_kind_of(const char *reason);

/**
 * cli_find() - note a finding
 * @f: list
 * @kind: of the finding
 * @node: where; NULL = in the API
 *
 * Return: for .ns, .name and .uid; valid until the next call, never NULL.
 */
struct cli_finding *cli_find(struct cli_findings *f, enum cli_kind kind, const char *node,
			     const char *fmt, ...) BW_PRINTF(4, 5);

void cli_findings_done(struct cli_findings *f);
/* By kind, place, text. */
void cli_findings_sort(struct cli_findings *f);
/* Keeps what @other has, too; both sorted. */
void cli_findings_keep(struct cli_findings *f, const struct cli_findings *other);
/* How many are no warnings. Sorted. */
size_t cli_findings_differences(const struct cli_findings *f);

/* Prints them by kind, with the remedy of each kind once. Sorted. */
void cli_findings_print(const struct cli_findings *f);
/* {"differences": [...], "warnings": [...]} into @root. Sorted. */
void cli_findings_json(const struct cli_findings *f, struct bw_json_build *b, struct cJSON *root);
