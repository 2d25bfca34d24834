/* SPDX-License-Identifier: Apache-2.0 */
/* Field and label selectors. */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "server.h"

#define TERM_MAX 256 /* characters of one term */

/* Cuts the next term off at a comma outside of parentheses; NULL at the end. */
static const char *next_term(const char *at, char out[TERM_MAX])
{
	size_t n = 0;
	int depth = 0;

	if (!*at)
		return NULL;
	for (; *at && (depth || *at != ','); at++) {
		depth += (*at == '(') - (*at == ')');
		if (n < TERM_MAX - 1)
			out[n++] = *at;
	}
	out[n] = '\0';
	return *at ? at + 1 : at;
}

/* Splits "k!=v", "k==v", "k=v" in place. 1 equal, 0 unequal is wanted; -1 no such operator. */
static int split(char *term, char **value)
{
	char *op = strchr(term, '=');
	int equal = 1;

	if (!op)
		return -1;
	*value = op[1] == '=' ? op + 2 : op + 1;
	if (op > term && op[-1] == '!') {
		equal = 0;
		op--;
	}
	*op = '\0';
	return equal;
}

static const char *field_of(const struct sim_version *v, const char *name)
{
	if (!strcmp(name, "metadata.name"))
		return v->key->name;
	if (!strcmp(name, "metadata.namespace") && v->key->kind->kind.namespaced)
		return v->key->namespace;
	if (v->key->kind->field && !strcmp(name, v->key->kind->field))
		return v->field;
	return NULL;
}

int sim_select_fields(const struct sim_version *v, const char *selector)
{
	char term[TERM_MAX];
	char *value;

	for (const char *at = selector ? selector : ""; (at = next_term(at, term));) {
		int equal = split(term, &value);
		const char *is = field_of(v, term);

		if (equal < 0 || !is)
			return -EINVAL;
		if (equal != !strcmp(is, value))
			return 0;
	}
	return 1;
}

/* "(a,b)" holds @value? */
static int in_set(const char *set, const char *value)
{
	size_t n = strlen(value);

	for (const char *at = set; at && *at; at = strchr(at + 1, ',')) {
		const char *item = at + 1 + strspn(at + 1, " ");

		if (!strncmp(item, value, n) && strchr(",) ", item[n]))
			return 1;
	}
	return 0;
}

static int label_term(const struct cJSON *labels, char *term)
{
	char *value, *set = strstr(term, " in (");
	char *notset = strstr(term, " notin (");
	const char *is;
	int equal;

	if (set || notset) {
		*(set ? set : notset) = '\0';
		is = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(labels, term));
		if (set)
			return is && in_set(set + strlen(" in "), is);
		return !is || !in_set(notset + strlen(" notin "), is);
	}
	equal = split(term, &value);
	if (equal < 0) {
		const char *key = *term == '!' ? term + 1 : term;

		return (*term == '!') != (cJSON_GetObjectItemCaseSensitive(labels, key) != NULL);
	}
	is = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(labels, term));
	return equal ? is && !strcmp(is, value) : !is || strcmp(is, value) != 0;
}

int sim_select_labels(const struct sim_version *v, const char *selector)
{
	char term[TERM_MAX];

	for (const char *at = selector ? selector : ""; (at = next_term(at, term));) {
		if (!*term)
			return -EINVAL;
		if (!label_term(v->labels, term))
			return 0;
	}
	return 1;
}
