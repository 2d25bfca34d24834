# SPDX-License-Identifier: Apache-2.0
# build/libbarewire.a: every .c under lib/, and ipam/ and cni/*/ without a main(): the command line
# and the tests use them too. A program takes out of it only what it calls.
LIB_SRC := $(wildcard lib/*/*.c) $(filter-out %/main.c,$(wildcard ipam/*.c cni/*/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o)
LIB := $(B)/libbarewire.a

# The two halves of barewire-controller see each other's headers.
CFLAGS_controller_unit_ := -iquote controller/ipam
CFLAGS_controller_ipam_ := -iquote controller/unit -iquote controller/page

$(B)/%.o: %.c $(B)/.compile-flags | $(foreach u,net db k8s,build/gen/$(u).h)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(CFLAGS_$(subst /,_,$(dir $<))) -c $< -o $@

$(LIB): $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

-include $(LIB_OBJ:.o=.d)
