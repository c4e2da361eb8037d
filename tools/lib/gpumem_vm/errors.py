# SPDX-License-Identifier: MIT
"""The one exception that tools/vm turns into a clear line and status 125."""


class VmError(Exception):
    """tools/vm itself cannot go on; the message is one line for the user."""


# Exit statuses of tools/vm beside COMMAND's own.
KERNEL_REPORT = 70
GUEST_DIED = 71
TIMED_OUT = 124
OWN_FAILURE = 125
