# SPDX-License-Identifier: Apache-2.0
# BPF objects: the datapath (bpf/), which the library embeds, and what the bpf tier compares it with
# (tests/bpf), which nothing else needs. uapi headers only. clang's name of the machine has a vendor in it,
# the directory of its headers has not.
BPF_TEST_OBJ := $(patsubst %.bpf.c,build/%.bpf.o,$(wildcard tests/bpf/*.bpf.c))
BPF_OBJ := $(patsubst %.bpf.c,build/%.bpf.o,$(wildcard bpf/*.bpf.c)) $(BPF_TEST_OBJ)
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -MMD -MP -Iinclude -Ibpf/lib \
	-I/usr/include/$(subst -pc-,-,$(shell $(CC) -dumpmachine))

build/%.bpf.o: %.bpf.c
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

-include $(BPF_OBJ:.o=.d)
test-bpf: $(BPF_TEST_OBJ)
