/* SPDX-License-Identifier: Apache-2.0 */
/* The alias of a bridge as a value. Pure. */
#include <stdio.h>
#include <string.h>

#include "alias.h"

#define PREFIX "barewire"
#define WORDS_MAX 16
#define WORD_LEN_MAX 64
#define VLAN_MAX 4094

static const struct {
	const char *word;
	size_t offset;
} flags[] = {
	{ "made", offsetof(struct bridge_alias, made) },
	{ "new", offsetof(struct bridge_alias, is_new) },
	{ "raised", offsetof(struct bridge_alias, raised) },
	{ "moved", offsetof(struct bridge_alias, moved) },
};

static void take_word(const char *word, struct bridge_alias *a)
{
	for (size_t i = 0; i < BW_ARRAY_SIZE(flags); i++)
		if (strcmp(word, flags[i].word) == 0)
			*((uint8_t *)a + flags[i].offset) = 1;
	if (strncmp(word, "vlan=", 5) == 0) {
		unsigned long v = strtoul(word + 5, NULL, 10);

		a->vlan = v <= VLAN_MAX ? (uint16_t)v : 0;
	}
	if (strncmp(word, "uplink=", 7) == 0 && strlen(word + 7) < sizeof(a->uplink))
		memcpy(a->uplink, word + 7, strlen(word + 7) + 1);
}

void bridge_alias_parse(const char *text, struct bridge_alias *ret)
{
	struct bridge_alias a = { .ours = text[0] == '\0' };

	for (int i = 0; i < WORDS_MAX && *text; i++) {
		char word[WORD_LEN_MAX];
		size_t len = strcspn(text, " ");

		if (len < sizeof(word)) {
			memcpy(word, text, len);
			word[len] = '\0';
			if (i == 0 && strcmp(word, PREFIX) != 0)
				break;
			a.ours = a.known = 1;
			take_word(word, &a);
		} else if (i == 0) {
			break;
		}
		text += len;
		text += strspn(text, " ");
	}
	*ret = a;
}

const char *bridge_alias_str(const struct bridge_alias *a, char out[BRIDGE_ALIAS_MAX])
{
	size_t len = strlen(PREFIX);

	/* Every word at its longest fits, ignoring the results. */
	memcpy(out, PREFIX, len + 1);
	for (size_t i = 0; i < BW_ARRAY_SIZE(flags); i++)
		if (*((const uint8_t *)a + flags[i].offset))
			len += (size_t)snprintf(out + len, BRIDGE_ALIAS_MAX - len, " %s",
						flags[i].word);
	if (a->uplink[0])
		len += (size_t)snprintf(out + len, BRIDGE_ALIAS_MAX - len, " uplink=%s", a->uplink);
	if (a->vlan)
		(void)snprintf(out + len, BRIDGE_ALIAS_MAX - len, " vlan=%u", a->vlan);
	return out;
}
