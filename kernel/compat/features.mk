# SPDX-License-Identifier: GPL-2.0
# struct movable_operations is there for modules from 6.0 to 6.16, and the index of a
# page is theirs to use up to 6.15.
gpumem-has-mops := $(shell [ $(VERSION) -eq 6 ] && [ $(PATCHLEVEL) -le 15 ] && echo y)

# Before 6.5 the keys of fdinfo are ours to print.
gpumem-own-fdinfo := $(shell [ $(VERSION) -eq 6 ] && [ $(PATCHLEVEL) -lt 5 ] && echo y)

# Virtual drivers are faux devices from 6.15 on; they import without a mapping.
gpumem-imports-without-map := $(shell [ $(VERSION) -gt 6 ] || [ $(PATCHLEVEL) -ge 15 ] && echo y)

# The kernel's allocator for compressed memory, to compare our store with.
gpumem-has-zsmalloc := $(subst m,y,$(CONFIG_ZSMALLOC))
