/* SPDX-License-Identifier: Apache-2.0 */
/* libyaml's documents by path. */
#include <string.h>

#include <bw/err.h>

#include "yaml.h"

int kube_yaml_load(struct kube_yaml *y, const char *text, size_t size, const char *what,
		   struct bw_err *err)
{
	yaml_parser_t parser;
	int r = 0;

	y->loaded = 0;
	if (!yaml_parser_initialize(&parser))
		return bw_fail(err, ENOMEM, "read %s", what);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	if (yaml_parser_load(&parser, &y->doc))
		y->loaded = 1;
	else if (parser.error == YAML_MEMORY_ERROR || !parser.problem)
		r = bw_fail(err, ENOMEM, "read %s", what);
	else
		r = bw_reject(err, BW_ERR_INVALID, EINVAL,
			      "%s is no YAML: line %zu, column %zu: %s", what,
			      parser.problem_mark.line + 1, parser.problem_mark.column + 1,
			      parser.problem);
	yaml_parser_delete(&parser);
	return r;
}

void kube_yaml_done(struct kube_yaml *y)
{
	if (y->loaded)
		yaml_document_delete(&y->doc);
	y->loaded = 0;
}

kube_yaml_node kube_yaml_root(struct kube_yaml *y)
{
	return y->loaded ? yaml_document_get_root_node(&y->doc) : NULL;
}

kube_yaml_node kube_yaml_get(struct kube_yaml *y, kube_yaml_node n, const char *key)
{
	if (!n || n->type != YAML_MAPPING_NODE)
		return NULL;
	for (const yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top;
	     p++) {
		const yaml_node_t *k = yaml_document_get_node(&y->doc, p->key);

		if (k && k->type == YAML_SCALAR_NODE && k->data.scalar.length == strlen(key) &&
		    memcmp(k->data.scalar.value, key, k->data.scalar.length) == 0)
			return yaml_document_get_node(&y->doc, p->value);
	}
	return NULL;
}

const char *kube_yaml_str(kube_yaml_node n)
{
	const char *s;

	if (!n || n->type != YAML_SCALAR_NODE || !n->data.scalar.length)
		return NULL;
	s = (const char *)n->data.scalar.value;
	/* A text with a NUL in it would be read short. */
	if (strlen(s) != n->data.scalar.length)
		return NULL;
	if (n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	    (strcmp(s, "null") == 0 || strcmp(s, "~") == 0))
		return NULL;
	return s;
}

const char *kube_yaml_get_str(struct kube_yaml *y, kube_yaml_node n, const char *key)
{
	return kube_yaml_str(kube_yaml_get(y, n, key));
}

int kube_yaml_get_bool(struct kube_yaml *y, kube_yaml_node n, const char *key)
{
	const char *s = kube_yaml_get_str(y, n, key);

	return s && strcmp(s, "true") == 0;
}

kube_yaml_node kube_yaml_at(struct kube_yaml *y, kube_yaml_node n, size_t i)
{
	if (!n || n->type != YAML_SEQUENCE_NODE || i >= KUBE_YAML_ITEMS_MAX ||
	    i >= (size_t)(n->data.sequence.items.top - n->data.sequence.items.start))
		return NULL;
	return yaml_document_get_node(&y->doc, n->data.sequence.items.start[i]);
}
