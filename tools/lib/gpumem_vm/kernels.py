# SPDX-License-Identifier: MIT
"""Debian kernels by series: image, modules, headers, vkms' source and checkpatch.

A kernel is unpacked beside the build root, never installed in it, so any
number of series share one root.
"""

import dataclasses
import lzma
import pathlib
import re
import shutil
import subprocess

from . import cache, rootfs, sandbox
from .errors import VmError

DEFAULT = "6.12"
LATEST = "latest"
RECIPE = "3"

_MIRROR = "http://deb.debian.org/debian"
_SECURITY = "http://security.debian.org/debian-security"
# Where kernels come from. A mirror's backports index may be past its date; its
# signature is checked all the same.
SOURCES = "".join(f"deb [{options}] {site} {suite} main\n" for options, site, suite in (
    ("signed-by=/usr/share/keyrings/debian-archive-keyring.gpg", _MIRROR, "trixie"),
    ("signed-by=/usr/share/keyrings/debian-archive-keyring.gpg", _MIRROR, "trixie-updates"),
    ("signed-by=/usr/share/keyrings/debian-archive-keyring.gpg", _SECURITY, "trixie-security"),
    ("signed-by=/usr/share/keyrings/debian-archive-keyring.gpg check-valid-until=no", _MIRROR, "trixie-backports"),
    ("signed-by=/usr/share/keyrings/debian-archive-keyring.gpg", _MIRROR, "bookworm"),
    ("signed-by=/usr/share/keyrings/debian-archive-keyring.gpg", _SECURITY, "bookworm-security"),
))

# What image and headers packages are made of, by their dependencies; newer
# kernels come in more pieces.
_PARTS = tuple(f"linux-{part}-" for part in ("headers", "kbuild", "base", "binary", "modules"))

CHECKPATCH = ("checkpatch.pl", "const_structs.checkpatch", "spelling.txt")

_IMAGE = re.compile(r"linux-image-((\d+\.\d+)\.\d[^-]*(?:-\d+)?-amd64)$")


@dataclasses.dataclass(frozen=True)
class Kernel:
    """One unpacked kernel."""
    path: pathlib.Path

    @property
    def release(self):
        """What uname -r says."""
        return (self.path / "release").read_text(encoding="ascii").strip()

    @property
    def series(self):
        return ".".join(self.release.split(".")[:2])

    @property
    def image(self):
        here = self.path / f"boot/vmlinuz-{self.release}"
        return here if here.exists() else self.modules / "vmlinuz"

    @property
    def modules(self):
        return self.path / f"usr/lib/modules/{self.release}"

    @property
    def vkms_source(self):
        return self.path / "vkms"

    @property
    def checkpatch(self):
        """The directory of checkpatch.pl and the word lists that it reads."""
        return self.path / "checkpatch"

    @property
    def build_directory(self):
        """Where the headers are inside the build root."""
        return f"/usr/src/linux-headers-{self.release}"

    def binds(self):
        """Mounts that make the headers visible at their own paths."""
        pairs = []
        for pattern in ("usr/src/linux-headers-*", "usr/lib/linux-kbuild-*"):
            for path in sorted(self.path.glob(pattern)):
                pairs.append((path, "/" + str(path.relative_to(self.path))))
        return pairs


class _Index:
    """Debian's package index, kept in the cache, read with the root's own apt."""

    def __init__(self):
        self.root = rootfs.tree()
        self.home = cache.directory() / "apt"
        for name in ("lists/partial", "archives/partial", "debs"):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        (self.home / "sources.list").write_text(SOURCES, encoding="ascii")
        (self.home / "status").touch()

    def _run(self, *command, cwd="/apt", **options):
        config = ["-o", "Dir::State::lists=/apt/lists", "-o", "Dir::State::status=/apt/status",
                  "-o", "Dir::Cache=/apt", "-o", "Dir::Etc::sourcelist=/apt/sources.list",
                  "-o", "Dir::Etc::sourceparts=-", "-o", "APT::Sandbox::User=root",
                  "-o", "Acquire::Languages=none", "-o", "Acquire::Retries=3", "-o", "Debug::NoLocking=true"]
        return sandbox.run_in(self.root, [command[0], *config, *command[1:]], binds=[(self.home, "/apt")], cwd=cwd,
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False, **options)

    def update(self):
        """Fetch the index. One suite that fails does not stop the others."""
        done = self._run("apt-get", "-q", "update", stdout=subprocess.PIPE)
        return [line for line in done.stderr.splitlines() if line.startswith(("E:", "W:"))]

    def names(self, prefix):
        return self._run("apt-cache", "pkgnames", prefix, stdout=subprocess.PIPE).stdout.split()

    def depends(self, package):
        out = self._run("apt-cache", "depends", "--important", package, stdout=subprocess.PIPE).stdout
        return [line.split(":", 1)[1].strip() for line in out.splitlines() if "Depends:" in line]

    def versions(self, package):
        out = self._run("apt-cache", "madison", package, stdout=subprocess.PIPE).stdout
        return [line.split("|")[1].strip() for line in out.splitlines() if line.count("|") == 2]

    def download(self, packages):
        done = self._run("apt-get", "-q", "download", *packages, cwd="/apt/debs", stdout=subprocess.PIPE)
        if done.returncode:
            reason = [line for line in done.stderr.splitlines() if line.startswith("E:")] or ["E: apt-get failed"]
            raise VmError(f"cannot download {packages[0]}: {reason[0].removeprefix('E: ')}")


def _natural(text):
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.findall(r"\d+|\D+", text)]


def choose(image_names, header_names, source_names):
    """The newest complete kernel of every series: {series: release}.

    A series counts only when image, headers and source are all there.
    """
    found = {}
    for name in image_names:
        match = _IMAGE.match(name)
        if not match:
            continue
        release, series = match.groups()
        if f"linux-headers-{release}" not in header_names or f"linux-source-{series}" not in source_names:
            continue
        if series not in found or _natural(found[series]) < _natural(release):
            found[series] = release
    return found


def _unpack(index, release, series, scratch):
    wanted = [f"linux-image-{release}", f"linux-headers-{release}", f"linux-source-{series}"]
    todo = [f"linux-image-{release}", f"linux-headers-{release}"]
    while todo:
        for name in index.depends(todo.pop()):
            if name.startswith(_PARTS) and name not in wanted:
                wanted.append(name)
                todo.append(name)
    # The source must be the image's own: the index may hold a newer one.
    image_version = index.versions(wanted[0])[0].split("~")[0]
    for version in index.versions(wanted[2]):
        if version.split("~")[0] == image_version:
            wanted[2] = f"linux-source-{series}={version}"
            break
    index.download(wanted)
    debs = [next(index.home.glob(f"debs/{name.split('=')[0]}_*.deb")) for name in wanted]
    scratch.mkdir(mode=0o755)
    for deb in debs:
        sandbox.run_in(index.root, ["dpkg-deb", "-x", f"/apt/debs/{deb.name}", "/kernel"],
                       binds=[(index.home, "/apt"), (scratch, "/kernel")])
        deb.unlink()
    # Older packages still use /lib; the root's /lib is a link to usr/lib.
    if (scratch / "lib/modules").is_dir():
        (scratch / "usr/lib").mkdir(parents=True, exist_ok=True)
        (scratch / "lib/modules").rename(scratch / "usr/lib/modules")
    _keep_of_source(scratch, series)
    for unused in ("usr/share", "lib"):
        shutil.rmtree(scratch / unused, ignore_errors=True)
    sandbox.run_in(index.root, ["depmod", "-b", "/kernel/usr", "-m", "/lib/modules", release],
                   binds=[(scratch, "/kernel")])
    (scratch / "release").write_text(release + "\n", encoding="ascii")


def _keep_of_source(scratch, series):
    """Of the whole kernel source only vkms' directory and checkpatch are needed."""
    archive = scratch / f"usr/src/linux-source-{series}.tar.xz"
    source = scratch / "source"
    source.mkdir()
    sandbox.run(["tar", "-xf", str(archive), "-C", str(source), "--wildcards", "--no-same-owner",
                 "linux-source-*/drivers/gpu/drm/vkms/*", *(f"linux-source-*/scripts/{name}" for name in CHECKPATCH)])
    (directory,) = source.glob("linux-source-*")
    (directory / "drivers/gpu/drm/vkms").rename(scratch / "vkms")
    (directory / "scripts").rename(scratch / "checkpatch")
    shutil.rmtree(source)
    archive.unlink()


def unpack_source(series, directory):
    """The whole source of a series, as Debian has it, in an empty directory."""
    with cache.lock(cache.directory() / "apt.lock"):
        index = _Index()
        index.update()
        name = f"linux-source-{series}"
        index.download([name])
        deb = next(index.home.glob(f"debs/{name}_*.deb"))
        scratch = directory.parent / "source-package"
        scratch.mkdir()
        sandbox.run_in(index.root, ["dpkg-deb", "-x", f"/apt/debs/{deb.name}", "/package"],
                       binds=[(index.home, "/apt"), (scratch, "/package")])
        deb.unlink()
    sandbox.run(["tar", "-xf", str(scratch / f"usr/src/{name}.tar.xz"), "-C", str(directory), "--strip-components=1",
                 "--no-same-owner"])
    shutil.rmtree(scratch)


def check_series(series):
    """Raises VmError for what is no series. Whether Debian has it is seen by get()."""
    if series != LATEST and not re.fullmatch(r"\d+\.\d+", series):
        raise VmError(f"'{series}' is not a kernel series: say 6.12, another X.Y, or latest")


def get(series):
    """The kernel of a series ("6.12", "latest"); fetched on first use."""
    check_series(series)

    def make(scratch):
        with cache.lock(cache.directory() / "apt.lock"):
            index = _Index()
            problems = index.update()
            found = choose(index.names("linux-image-"), set(index.names("linux-headers-")),
                           set(index.names("linux-source-")))
            if not found:
                raise VmError("no kernel in Debian's index: " + (problems or ["it is empty"])[0])
            known = sorted(found, key=_natural)
            wanted = known[-1] if series == LATEST else series
            if wanted not in found:
                raise VmError(f"Debian's index has no complete kernel {series}; there are: {', '.join(known)}, latest")
            cache.say(f"fetching Debian's kernel {found[wanted]} (once)")
            _unpack(index, found[wanted], wanted, scratch)

    return Kernel(cache.entry("kernels", f"{series}-{cache.key(RECIPE, SOURCES)}", make, sandbox.remove_tree))


def unpacked_module(path):
    """The bytes of a module file, which Debian may have compressed."""
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data
