# SPDX-License-Identifier: MIT
"""The Debian packages that the host needs, by tools/lib/setup.sh."""

import pathlib
import subprocess

from .errors import VmError

SCRIPT = pathlib.Path(__file__).resolve().parents[1] / "setup.sh"


def install():
    """Install what is missing; does nothing when all is there."""
    if subprocess.run(["bash", "-euc", '. "$1"; gpumem_setup', "setup", str(SCRIPT)], check=False).returncode:
        raise VmError("the packages that the host needs are not there: see above")
