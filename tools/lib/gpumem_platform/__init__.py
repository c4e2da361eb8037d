# SPDX-License-Identifier: MIT
"""Everything behind tools/platform: `settings` (what is compared), `balloon` (what
the host takes and gives), `guest` (one run), `numbers` (what its samples come to),
`table` and `plot` (how that is shown), `main` (the command line)."""
