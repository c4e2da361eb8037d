# SPDX-License-Identifier: MIT
"""The cache outside the repository, shared safely by any number of runs.

An entry is a file or directory whose name holds a hash of what went in. It is
made under a lock in a scratch name and renamed into place, so that a reader
finds it whole or not at all.
"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import sys
import tempfile

from .errors import VmError


def directory():
    """$XDG_CACHE_HOME/gpumem or ~/.cache/gpumem, made on first use."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    path = pathlib.Path(base) / "gpumem"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VmError(f"cannot make the cache directory {path}: {error.strerror}") from error
    return path


def key(*parts):
    """A short hash over strings, bytes and paths of files."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, pathlib.Path):
            part = part.read_bytes()
        elif isinstance(part, str):
            part = part.encode()
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()[:16]


def tree_key(*roots):
    """A hash over names and contents of all files below some directories."""
    parts = []
    for root in roots:
        for path in sorted(root.rglob("*")):
            if path.is_file():
                parts += [str(path.relative_to(root)), path]
    return key(*parts)


@contextlib.contextmanager
def lock(path, shared=False):
    """Hold an flock on a file; says so when it has to wait for another run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="ascii") as handle:
        mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(handle, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another run ({path.name})")
            fcntl.flock(handle, mode)
        yield


def entry(kind, name, make, remove=shutil.rmtree):
    """The path of a cached entry; make(scratch_path) creates a missing one.

    `remove` clears what an earlier, interrupted run left behind.
    """
    path = directory() / kind / name
    if path.exists():
        return path
    with lock(directory() / kind / f".{name}.lock"):
        if path.exists():
            return path
        scratch = path.with_name(f".{name}.new")
        if scratch.is_dir():
            remove(scratch)
        elif scratch.exists():
            scratch.unlink()
        make(scratch)
        os.rename(scratch, path)
    return path


@contextlib.contextmanager
def run_directory():
    """A private directory for one run, removed at its end.

    Directories of runs that were killed are recognised by their free lock and
    swept by the next run.
    """
    runs = directory() / "runs"
    runs.mkdir(exist_ok=True)
    with lock(directory() / "runs.lock"):
        for old in runs.iterdir():
            try:
                with open(old / "lock", "a", encoding="ascii") as handle:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(old, ignore_errors=True)
            except (BlockingIOError, FileNotFoundError):
                continue  # in use, or just ended
        path = pathlib.Path(tempfile.mkdtemp(dir=runs))
        handle = open(path / "lock", "w", encoding="ascii")  # closed with the directory
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        handle.close()


def say(text):
    """Progress and remarks go to stderr, marked, so that stdout is COMMAND's."""
    print(f"tools/vm: {text}", file=sys.stderr, flush=True)
