# SPDX-License-Identifier: MIT
"""Everything behind tools/soak: `rounds` (a guest and what it says), `counts`
(what that comes to), `state` (of all rounds, in a file), `main` (the command line, the line of progress)."""
