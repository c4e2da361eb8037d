# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Sourced by tools/demo and tools/test: installs the Debian packages that the
# host needs. Asks for sudo where not root; does nothing when all are there.

gpumem_setup() {
	# What to look for, and the package that brings it.
	local need=(
		qemu-system-x86_64:qemu-system-x86
		mmdebstrap:mmdebstrap
		mksquashfs:squashfs-tools
		python3:python3
		unshare:util-linux
		newuidmap:uidmap
		xz:xz-utils
		git:git
	)
	local missing=() pair sudo=()
	for pair in "${need[@]}"; do
		PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
	done
	[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing+=(debian-archive-keyring)
	[ ${#missing[@]} -gt 0 ] || return 0

	if ! command -v apt-get >/dev/null; then
		echo "setup: this is not Debian; install by hand what brings: ${missing[*]}" >&2
		return 1
	fi
	if [ "$(id -u)" != 0 ]; then
		if ! command -v sudo >/dev/null; then
			echo "setup: run as root: apt-get install ${missing[*]}" >&2
			return 1
		fi
		sudo=(sudo)
	fi
	echo "setup: installing ${missing[*]}" >&2
	local log
	log=$(mktemp) || return 1
	if ! { "${sudo[@]}" apt-get -q update &&
		"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
			apt-get -q -y --no-install-recommends install "${missing[@]}"; } >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		rm -f "$log"
		echo "setup: apt-get failed; its last words are above" >&2
		return 1
	fi
	rm -f "$log"
}
