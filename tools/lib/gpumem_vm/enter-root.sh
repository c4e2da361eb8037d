#!/bin/sh
# SPDX-License-Identifier: MIT
# Enters the build root from inside fresh namespaces and runs a command there.
# usage: enter-root.sh ROOT CWD COUNT [OUTSIDE INSIDE]... COMMAND [ARG...]
set -eu
root=$1 cwd=$2 count=$3
shift 3

mount --make-rprivate /
mount --bind "$root" "$root"
# Some containers do not let a user mount a fresh proc: the outer one serves.
mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
while [ "$count" -gt 0 ]; do
	mkdir -p "$root$2"
	mount --rbind "$1" "$root$2"
	shift 2
	count=$((count - 1))
done
if [ -e /etc/resolv.conf ] && [ -f "$root/etc/resolv.conf" ]; then
	mount --bind /etc/resolv.conf "$root/etc/resolv.conf"
fi
# The tree is shared by all builds of this version of it: nothing may change it.
mount -o remount,bind,ro "$root"
exec chroot "$root" sh -c 'cd "$1" && shift && exec "$@"' sh "$cwd" "$@"
