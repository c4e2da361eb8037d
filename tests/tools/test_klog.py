# SPDX-License-Identifier: MIT
"""The kernel log scanner finds what the kernel really prints, and no more."""

import pathlib
import re
import unittest

from gpumem_vm import klog

REPORTS = (
    "[   12.345678] WARNING: CPU: 1 PID: 99 at mm/page_alloc.c:1 f+0x1/0x2",
    "[   12.345678][  T99] BUG: KASAN: slab-use-after-free in f+0x1/0x2",
    "[   12.345678] BUG: kernel NULL pointer dereference, address: 0000000000000008",
    "[   12.345678] kernel BUG at mm/migrate.c:1!",
    "[   12.345678] Oops: 0002 [#1] PREEMPT SMP NOPTI",
    "[   12.345678] Oops: general protection fault, probably for non-canonical address 0x1",
    "[   12.345678] UBSAN: array-index-out-of-bounds in a.c:1:2",
    "[   12.345678] WARNING: possible circular locking dependency detected",
    "[   12.345678] INFO: possible recursive locking detected",
    "[   12.345678] WARNING: inconsistent lock state",
    "[   12.345678] WARNING: suspicious RCU usage",
    "[   12.345678] BUG: sleeping function called from invalid context at a.c:1",
    "[   12.345678] INFO: task test:99 blocked for more than 300 seconds.",
    "[   12.345678] watchdog: BUG: soft lockup - CPU#1 stuck for 120s! [test:99]",
    "[   12.345678] rcu: INFO: rcu_preempt self-detected stall on CPU",
    "[   12.345678] kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
    "[   12.345678] BUG: Bad page state in process test  pfn:12345",
    "[   12.345678] refcount_t: underflow; use-after-free.",
    "[   12.345678] list_del corruption, 1->next is LIST_POISON1",
    "[   12.345678] BUG: KCSAN: data-race in gpumem_object_pin [gpumem_helper] / g",
    "[   12.345678] BUG: KFENCE: use-after-free read in f+0x1/0x2",
    "[   12.345678] Unable to handle kernel paging request at virtual address ffff",
    "[   12.345678] general protection fault, probably for non-canonical address 0x1",
    "[   12.345678] WARNING: bad unlock balance detected!",
    "[   12.345678] WARNING: held lock freed!",
    "[   12.345678] BUG: scheduling while atomic: test/99/0x00000002",
    "[   12.345678] watchdog: Watchdog detected hard LOCKUP on cpu 1",
    "[   12.345678] DEBUG_LOCKS_WARN_ON(lock->magic != lock)",
    "[   12.345678] ODEBUG: free active (active state 0) object: 1",
    "[   12.345678] turning off the locking correctness validator.",
    "[   12.345678] INFO: lockdep is turned off.",
    "[   12.345678] kmemleak: Cannot allocate a kmemleak_object structure",
    "[   12.345678] DMA-API: debugging out of memory - disabling",
    "[   12.345678] Disabling lock debugging due to kernel taint",
    "[   12.345678] Call Trace:",
    "[   12.345678] ------------[ cut here ]------------",
)

HARMLESS = (
    "[    0.000000] Linux version 6.12.118+deb13-amd64 (debian-kernel@lists.debian.org)",
    "[    0.000000] DEBUG: nothing to see",
    "[    0.140000] Spectre V2 : User space: Vulnerable",
    "[   12.345678] BUG: KCSAN: data-race in folio_batch_move_lru / lru_add_drain_cpu",
    "[    1.000000] gpumem: loading out-of-tree module taints kernel.",
    "[    1.000000] kmemleak: Kernel memory leak detector initialized",
    "[    1.000000] rcu: Hierarchical RCU implementation.",
    "[    1.000000] debug: unmapping init memory",
)


class KernelLog(unittest.TestCase):
    def test_finds_every_kind_of_report(self):
        for line in REPORTS:
            with self.subTest(line):
                self.assertEqual(klog.reports(["ok", line, "ok"]), [1])

    def test_every_expression_has_an_example(self):
        text = (pathlib.Path(klog.__file__).parent / "kernel-reports.txt").read_text(encoding="utf-8")
        for line in text.splitlines():
            if line.startswith("report "):
                with self.subTest(line):
                    self.assertTrue(any(re.search(line.removeprefix("report "), example) for example in REPORTS))

    def test_leaves_ordinary_lines_alone(self):
        self.assertEqual(klog.reports(list(HARMLESS)), [])

    def test_the_stack_of_the_oom_killer_is_none_and_the_next_is(self):
        killer = ["[    1.0] gpumem-stress invoked oom-killer: gfp_mask=0x140dca, order=0", "[    1.0] CPU: 0 PID: 1",
                  "[    1.0] Call Trace:", "[    1.0]  dump_stack_lvl+0x5d/0x80"]
        self.assertEqual(klog.reports(killer), [])
        self.assertEqual(klog.reports([*killer, "[    1.0] Call Trace:"]), [4])
        self.assertEqual(klog.reports([killer[0], REPORTS[0], killer[2]]), [1, 2])

    def test_excerpt_starts_just_before_the_report(self):
        lines = [f"line {i}" for i in range(10)] + [REPORTS[0], "RIP: 0010:f"]
        self.assertEqual(klog.excerpt(lines), ["line 8", "line 9", REPORTS[0], "RIP: 0010:f"])

    def test_excerpt_of_a_quiet_log_is_empty(self):
        self.assertEqual(klog.excerpt(list(HARMLESS)), [])

    def test_sees_a_panic(self):
        self.assertTrue(klog.panicked(["[    1.0] Kernel panic - not syncing: sysrq triggered crash"]))
        self.assertFalse(klog.panicked(list(HARMLESS)))

    def test_blames_emulation_for_int3_only_without_our_module(self):
        oops = ["[    1.3] Oops: int3: 0000 [#1] PREEMPT SMP NOPTI", "[    1.3] RIP: 0010:text_poke+0x1/0x2"]
        self.assertTrue(klog.int3_of_emulation(oops))
        self.assertFalse(klog.int3_of_emulation(oops + ["[    1.3]  gpumem_migrate_page+0x5/0x10 [gpumem]"]))
        self.assertFalse(klog.int3_of_emulation(list(HARMLESS)))


class TestStacks(unittest.TestCase):
    def test_tells_who_is_where(self):
        log = ["[  427.4] sysrq: Show Blocked State",
               "[  427.5] task:worker          state:D stack:0     pid:12    tgid:12    ppid:2      flags:0x00004000",
               "[  427.5] Call Trace:", "[  427.5]  <TASK>", "[  427.5]  __schedule+0x1/0x2", "[  427.5]  ? noise+0x1/0x2",
               "[  427.5]  folio_lock+0x3/0x4 [module]",
               "[  427.6] CPU: 0 UID: 0 PID: 215 Comm: program Tainted: G           OE      6.12",
               "[  427.6] RIP: 0010:compact_zone+0x2/0x3", "[  427.6]  sys_write+0x1/0x2"]
        self.assertEqual(klog.stacks(log).splitlines(),
                         ["task:worker: __schedule < folio_lock", "CPU: 0 UID: 0 PID: 215 Comm: program: compact_zone < sys_write"])

    def test_says_nothing_of_a_log_without_any(self):
        self.assertEqual(klog.stacks(["[    1.0] gpumem: loaded"]), "")


if __name__ == "__main__":
    unittest.main()
