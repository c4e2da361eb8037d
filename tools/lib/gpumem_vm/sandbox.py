# SPDX-License-Identifier: MIT
"""Being root in the build root: as root, or as a user in a user namespace.

As a user, uid 0 of the namespace is the user and the rest comes from
/etc/subuid, so that what the build root's root writes belongs to the user.
"""

import os
import pathlib
import pwd
import shlex
import shutil
import subprocess

from .errors import VmError

SCRIPT = pathlib.Path(__file__).with_name("enter-root.sh")


def is_root():
    return os.geteuid() == 0


def _subordinate_ids(path):
    """Whether the user has a range in /etc/subuid or /etc/subgid."""
    user = pwd.getpwuid(os.geteuid())
    try:
        lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return any(line.split(":")[0] in (user.pw_name, str(user.pw_uid)) for line in lines)


def check():
    """Say in one line what keeps an ordinary user from having a build root."""
    need = ["unshare", "chroot", "mount"] + ([] if is_root() else ["newuidmap"])
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    for tool in need:
        if not shutil.which(tool, path=path):
            package = {"newuidmap": "uidmap"}.get(tool, "util-linux")
            raise VmError(f"{tool} is missing: install the Debian package {package}")
    if is_root():
        return
    for name in ("/etc/subuid", "/etc/subgid"):
        if not _subordinate_ids(name):
            user = pwd.getpwuid(os.geteuid()).pw_name
            raise VmError(
                f"{user} has no range in {name}, which user namespaces need: "
                f"run 'sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}', "
                "or run this as root")
    probe = subprocess.run(namespaces() + ["true"], capture_output=True, text=True, check=False)
    if probe.returncode:
        reason = (probe.stderr.strip().splitlines() or ["unshare failed"])[-1]
        raise VmError(f"user namespaces do not work here ({reason}): "
                      "allow them (sysctl kernel.unprivileged_userns_clone=1), or run this as root")


def namespaces():
    """The command that starts another one as root in private namespaces."""
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    if not is_root():
        command += ["--user", "--map-root-user", "--map-auto"]
    return command


def environment():
    """A fixed environment: a build does not depend on who runs it."""
    keep = {k: v for k, v in os.environ.items() if k.lower().endswith("_proxy")}
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive", **keep}


def run(command, **options):
    """Run a command as (namespace) root on the host's file system."""
    return _run(namespaces() + command, command, environment(), options)


def run_in(root, command, binds=(), cwd="/", extra_env=None, **options):
    """Run a command inside the build root.

    root: the tree. It is mounted read-only; binds are pairs (host path, path
    inside) mounted writable over it.
    """
    for _, inside in binds:
        target = root / str(inside).lstrip("/")
        if not os.path.lexists(target):
            run(["mkdir", "-p", str(target)])
    mounts = [str(path) for pair in binds for path in pair]
    env = environment() | (extra_env or {})
    return _run(namespaces() + ["sh", str(SCRIPT), str(root), str(cwd), str(len(binds)), *mounts, *command],
                command, env, options)


def _run(whole, command, env, options):
    check = options.pop("check", True)
    done = subprocess.run(whole, env=env, check=False, **options)
    if check and done.returncode:
        raise VmError(f"'{shown(command)}' failed with status {done.returncode}")
    return done


def remove_tree(path):
    """Remove a tree whose files may belong to subordinate ids."""
    run(["rm", "-rf", "--one-file-system", str(path)])


def shown(command):
    return shlex.join(str(word) for word in command)
