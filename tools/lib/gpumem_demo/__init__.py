# SPDX-License-Identifier: MIT
"""Everything behind tools/demo: `passes` (one pass of the gallery in a guest),
`progress` (the bar), `summary` (what three passes say together), `film` (the
moving picture) and `main` (the command line).
"""
