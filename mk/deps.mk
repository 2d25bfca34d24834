# SPDX-License-Identifier: Apache-2.0
# What the build needs from outside; slow builds are cached outside the checkout.
BW_CACHE ?= /var/cache/barewire
