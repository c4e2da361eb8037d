# SPDX-License-Identifier: MIT
"""Everything behind tools/test: `results` (what a test gave, gtest's JSON,
filters), `programs` (GoogleTest programs, on the host and in the guest),
`python_tests` (unittest), `long_runs` (gpumem-fuzz and gpumem-stress), `vm_contract` (tools/vm as its
users see it) and `main` (the command line and the closing line).
"""
