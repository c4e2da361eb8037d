# SPDX-License-Identifier: MIT
"""Everything behind tools/soak: `rounds` (a guest and what it says), `state`
(what all rounds did, in a file), `main` (the command line, the line of progress)."""
