# SPDX-License-Identifier: Apache-2.0
# build/libbarewire.a: every .c under lib/ and the library part of ipam/.
LIB_SRC := $(wildcard lib/*/*.c) $(filter-out ipam/main.c,$(wildcard ipam/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o)
LIB := $(B)/libbarewire.a

$(B)/%.o: %.c $(B)/.compile-flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(CFLAGS_$(subst /,_,$(dir $<))) -c $< -o $@

$(LIB): $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

-include $(LIB_OBJ:.o=.d)
