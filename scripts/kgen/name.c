/* SPDX-License-Identifier: Apache-2.0 */
/* How the names of objects and fields become names of C. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "kgen.h"

static const char *const words[] = {
	"auto",   "bool",     "break",  "case",     "char",     "const",  "continue", "default",
	"do",     "double",   "else",   "enum",     "extern",   "float",  "for",      "goto",
	"if",     "inline",   "int",    "long",     "register", "return", "short",    "signed",
	"sizeof", "static",   "struct", "switch",   "typedef",  "typeof", "union",    "unsigned",
	"void",   "volatile", "while",  "restrict", "asm",
};

/* Whether a new word begins at @s[i]: fooBar, fooBARBaz; not in the plural of a short form, IPs. */
static int begins_word(const char *s, size_t i)
{
	int plural;

	if (i == 0 || !isupper((unsigned char)s[i]))
		return 0;
	if (!isupper((unsigned char)s[i - 1]))
		return 1;
	plural = s[i + 1] == 's' && (!s[i + 2] || isupper((unsigned char)s[i + 2]));
	return islower((unsigned char)s[i + 1]) && !plural;
}

char *c_name(const char *json)
{
	char *out = must_alloc(2 * strlen(json) + 2, 1);
	size_t n = 0;

	for (size_t i = 0; json[i]; i++) {
		if (begins_word(json, i))
			out[n++] = '_';
		out[n++] = isalnum((unsigned char)json[i]) ? (char)tolower((unsigned char)json[i])
							   : '_';
	}
	for (size_t i = 0; i < BW_ARRAY_SIZE(words); i++)
		if (strcmp(words[i], out) == 0)
			out[n++] = '_';
	return out;
}

char *c_upper(const char *text)
{
	char *out = c_name(text);

	for (char *p = out; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	return out;
}

char *c_singular(const char *name)
{
	size_t len = strlen(name);
	char *out = must_print("%s", name);

	if (len > 3 && strcmp(out + len - 3, "ies") == 0)
		memcpy(out + len - 3, "y", 2);
	else if (len > 4 &&
		 (strcmp(out + len - 4, "sses") == 0 || strcmp(out + len - 4, "uses") == 0))
		out[len - 2] = '\0';
	else if (len > 1 && out[len - 1] == 's')
		out[len - 1] = '\0';
	return out;
}

char *c_kind(const char *group, const char *kind)
{
	int label = (int)strcspn(group, ".");
	size_t len = strlen(kind);

	if (strncmp(kind, "Network", 7) == 0 && kind[7])
		return must_print("bw_%.*s_%s", label, group, c_name(kind + 7));
	if (len > 7 && strcmp(kind + len - 7, "Network") == 0)
		return must_print("bw_%.*s_%.*s", label, group, (int)len - 7, c_name(kind));
	return must_print("bw_%.*s_%s", label, group, c_name(kind));
}
