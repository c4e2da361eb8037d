# SPDX-License-Identifier: MIT
"""Everything behind tools/vm and tools/lib/build-guest.

One module per idea: `cache` (where things are kept and how several runs share
them), `sandbox` (being root in the build root, as root or as a user),
`rootfs` (the Debian tree and its image), `kernels` (Debian kernels by series),
`modules` (gpumem_helper.ko, gpumem.ko and vkms.ko), `initrd` (what the guest starts from),
`qemu` (the machine), `session` (one run of a command), `klog` (reading the
kernel log), `cli` (the command line).
"""
