# SPDX-License-Identifier: MIT
"""The guest's initrd: a cpio archive written here, anew for every run.

It carries the init scripts, the modules in load order and what to run, so
that nothing has to be quoted onto a kernel command line. Written in the
"newc" format; device nodes are just records, so no root is needed.
"""

import io
import pathlib
import shlex
import stat

GUEST = pathlib.Path(__file__).with_name("guest")


class Archive:
    """A cpio archive in memory."""

    def __init__(self):
        self._out = io.BytesIO()
        self._inode = 0
        self._directories = set()

    def _record(self, name, mode, data=b"", device=(0, 0)):
        self._inode += 1
        encoded = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0)
        self._write(b"070701" + b"".join(b"%08X" % field for field in fields) + encoded)
        self._write(data)

    def _write(self, data):
        self._out.write(data)
        self._out.write(b"\0" * (-len(data) % 4))

    def directory(self, name):
        parts = name.split("/")
        for count in range(1, len(parts) + 1):
            path = "/".join(parts[:count])
            if path and path not in self._directories:
                self._directories.add(path)
                self._record(path, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o644):
        if "/" in name:
            self.directory(name.rsplit("/", 1)[0])
        self._record(name, stat.S_IFREG | mode, data)

    def device(self, name, major, minor):
        self.directory(name.rsplit("/", 1)[0])
        self._record(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def finish(self):
        self._record("TRAILER!!!", 0)
        return self._out.getvalue()


def build(busybox, base_modules, later_modules, config, command, script=None):
    """The archive as bytes.

    base_modules: (name, bytes) needed to reach the root file system;
    later_modules: (name, bytes, parameters) loaded before COMMAND.
    config: shell variables for the guest's scripts.
    command: the argument vector; empty for a shell, which reads `script` if
    there is one.
    """
    archive = Archive()
    for name in ("dev", "proc", "sys", "root", "gpumem"):
        archive.directory(name)
    archive.device("dev/console", 5, 1)
    archive.file("bin/busybox", busybox, 0o755)
    archive.file("init", (GUEST / "init").read_bytes(), 0o755)
    archive.file("gpumem/stage2", (GUEST / "stage2").read_bytes(), 0o755)
    listing = {"base": [], "later": []}
    for when, modules in (("base", [(n, d, []) for n, d in base_modules]), ("later", later_modules)):
        for name, data, words in modules:
            archive.file(f"gpumem/modules/{name}.ko", data)
            listing[when].append(" ".join([name, *words]))
    for when, lines in listing.items():
        archive.file(f"gpumem/{when}", "".join(line + "\n" for line in lines).encode())
    archive.file("gpumem/config", "".join(f"{k}={shlex.quote(v)}\n" for k, v in config.items()).encode())
    # "exec" leaves COMMAND's own status and signals untouched by a shell.
    words = " ".join(shlex.quote(word) for word in command)
    archive.file("gpumem/command", f"exec -- {words}\n".encode("utf-8", "surrogateescape") if command else b"")
    if script is not None:
        archive.file("gpumem/script", script)
    return archive.finish()
