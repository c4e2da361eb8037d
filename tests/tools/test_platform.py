# SPDX-License-Identifier: MIT
"""tools/platform: what its samples come to, how the balloon is moved, which words it refuses."""

import contextlib
import copy
import io
import json
import pathlib
import socket
import sys
import tempfile
import threading
import unittest
import xml.etree.ElementTree
from unittest import mock

from gpumem_platform import balloon, guest, main, numbers, plot, settings, table
from gpumem_vm.errors import VmError

WITH_STORE = {"gpumem_helper": b"\0parm=store:Whose store\0parm=store_policy:How it moves\0parmtype=store_idle:uint\0",
              "gpumem": b"\0parm=movable:Make new buffers movable\0parmtype=movable:bool\0"}
WITHOUT = {"gpumem_helper": b"", "gpumem": b"\0parmtype=movable:bool\0"}


def sample(t, got=1, moved=0, **more):
    """A sample like those that gpumem-platform prints."""
    found = {"type": "sample", "t": t, "warm": t >= 10, "buddyinfo": [8, 4, 2, 1, 0, 0, 0, 0, 0, 0, 0], "unusable_index": [0.0] * 11,
             "memory": {"free": 32 * 4096, "swap": 0}, "vmstat": {"pgmigrate_success": moved}, "threads": {"kswapd0": t, "kcompactd0": 0.0},
             "compaction": {who: {"calls": 1, "seconds": 1.0, "cpu_seconds": t / 10} for who in ("kcompactd", "direct")}, "store": None, "zram": None,
             "gpu": {"resident_pages": 1, "cold_bytes": 0, "moved": moved},
             "probe": {order: {"tried": 2, "succeeded": got, "ns": 10, "max_ns": 9} for order in numbers.ORDERS}}
    return {**found, **more}


LATENCY = {"count": 4, "p50_ns": 1000.0, "p99_ns": 2000.0, "max_ns": 3000.0}
END = {"type": "end", "pages_wrong": 0, "pages_verified": 7, "latency": {"touch": LATENCY}}


class Numbers(unittest.TestCase):
    def test_free_memory_is_counted_in_blocks_of_an_order_and_more(self):
        one = sample(0)
        self.assertEqual(numbers.free_bytes(one), 32 * 4096)
        self.assertEqual(numbers.free_bytes(one, 3), 8 * 4096)

    def test_what_is_copied_while_an_order_is_asked_for_stands_apart(self):
        one, other = sample(10), sample(20, got=2, moved=30)
        for asked, whole, copied in ((one, 0, 5), (other, 1, 8192)):
            asked["probe"]["9"]["meanwhile"] = {"vmstat": {"pgmigrate_success": 3, "compact_migrate_scanned": 7},
                                                "store": {"moved_whole": whole, "bytes_copied": copied}}
        found = numbers.summary([one, other, END])
        self.assertEqual(found["probes"]["9"]["copied"], 3 * 4096 + 5 + 2 * 4096 + 8192)
        self.assertEqual(found["probes"]["9"]["scanned"], 14)
        self.assertIsNone(found["probes"]["3"]["copied"])
        # The last sample's probes come after its counters, and what they copied goes with what they got.
        self.assertEqual(found["copied"], 30 * 4096 + 2 * 4096 + 8192)
        self.assertEqual(found["copied_per_order_9"], found["copied"] / 3)

    def test_cold_samples_do_not_count_and_counters_are_differences(self):
        found = numbers.summary([sample(0, got=0, moved=5), sample(10, moved=10), sample(20, got=2, moved=40), END])
        self.assertEqual(found["warm"], 2)
        self.assertEqual(found["probes"]["9"]["share"], 0.75)
        self.assertEqual(found["copied"], 30 * 4096)
        self.assertEqual(found["copied_per_order_9"], 10 * 4096)
        self.assertEqual(found["cpu"], {"kswapd": 10, "kcompactd": 0})
        self.assertIsNone(found["store"])

    def test_a_page_that_was_emptied_is_not_a_copy_but_its_objects_are(self):
        before = {"stored_bytes": 100, "held_bytes": 4096, "bytes_copied": 0, "moved_whole": 0, "emptied": 0, "searches": 0, "steps": 0,
                  "searches_of_0": 0, "searches_of_1": 7, "searches_of_2": 0, "searches_of_3": 5}
        after = {**before, "stored_bytes": 4096, "bytes_copied": 4196, "moved_whole": 1, "emptied": 2, "searches": 4, "steps": 6,
                 "searches_of_1": 9, "searches_of_2": 2}
        found = numbers.summary([sample(10, store=before), sample(20, moved=5, store=after), END])
        self.assertEqual(found["copied"], 3 * 4096 + 100)
        self.assertEqual(found["store"]["steps_mean"], 1.5)
        # What was before the first sample does not count.
        self.assertEqual((found["store"]["steps_p99"], found["store"]["steps_max"]), (2, 2))
        self.assertEqual(found["store"]["used"], 4096)
        self.assertEqual(found["store"]["used_per_stored"], 8192 / 4196)
        self.assertIsNone(found["store"]["beside"])

    def test_packing_is_a_part_of_compaction_and_nobody_guesses_it(self):
        def compaction(**stores):
            return numbers.summary([sample(10, store=stores.get("first")), sample(20, store=stores.get("last")), END])["compaction_cpu"]
        self.assertEqual(compaction(), {"kcompactd": 0, "direct": 1, "packing": 0, "all": 1})
        self.assertEqual(compaction(first={"pack_ns": 1e9}, last={"pack_ns": 3e9})["all"], 3)
        without = compaction(first={"pages": 1}, last={"pages": 1})
        self.assertEqual((without["packing"], without["all"]), (None, None))

    def test_what_was_asked_for_first_stands_apart(self):
        runs = [sample(10), sample(20, got=2), END]
        for at, one in enumerate(runs[:-1]):
            for place, order in enumerate(numbers.ORDERS):
                one["probe"][order]["place"] = (place - at) % 5
        probes = numbers.summary(runs)["probes"]
        self.assertEqual([probes[order]["share_first"] for order in numbers.ORDERS], [0.5, 1, None, None, None])

    def test_composition_is_parts_of_memory_swap_and_touches(self):
        more = {"machine": 400, "memory": {"free": 5, "swap": 90, "swap_all": 100},
                "gpu": {"resident_pages": 1, "cold_bytes": 0, "moved": 0, "bytes": 140}}
        end = {**END, "pages_filled": 992, "pages_refused": 1}
        found = numbers.summary([sample(10, **more), sample(20, **more), end])["composition"]
        self.assertEqual({name: found[name] for name in ("free", "swap_share", "buffers_share", "refused_share")},
                         {"free": 5, "swap_share": 0.9, "buffers_share": 0.35, "refused_share": 0.001})

    def test_restores_are_the_kernels_own_times(self):
        before = {"restores": 10, "restore_sum_ns": 5000, "restore_max_ns": 900, "restore_below_us": {"1": 10}}
        after = {"restores": 110, "restore_sum_ns": 505000, "restore_max_ns": 70000, "restore_below_us": {"1": 20, "8": 99, "128": 1}}
        runs = [sample(10, store=before), sample(20, store=after), END]
        self.assertEqual(numbers.summary(runs)["store"]["restores"], {"count": 100, "mean_ns": 5000, "p99_ns": 8000, "max_ns": 70000})

    def test_a_run_that_never_got_warm_has_no_numbers(self):
        found = numbers.summary([sample(0), sample(5), END])
        self.assertEqual((found["samples"], found["warm"]), (2, 0))
        self.assertNotIn("probes", found)


class Shown(unittest.TestCase):
    def result(self, **runs):
        return {"kernel": "6.12", "mem": 512, "seconds": 120, "seed": 1, "interval": 5, "accelerator": "KVM", "digest": "d1",
                "settings": {name: {"title": name, "parameters": [], "balloon": {}, **numbers.summary(samples)} for name, samples in runs.items()}}

    def test_the_table_has_a_column_for_each_setting_and_says_how_to_repeat_it(self):
        runs = {"unmovable": [sample(10), sample(20), END], "whole": [sample(0), END]}
        text = table.document(self.result(**runs))
        self.assertIn("--policy unmovable --policy whole", text)
        self.assertIn("| success on demand, order 3 | 50.0 % | - |", text)
        self.assertIn("| touch of a resident page, us: p50 / p99 / max | 1 / 2 / 3 | 1 / 2 / 3 |", text)
        self.assertIn("Too short to count: whole", text)
        # No row without a number.
        self.assertNotIn("memory of the store", text)
        self.assertEqual({line.count("|") for line in text.splitlines() if line.startswith("|")}, {4})

    def test_success_at_order_9_is_also_a_multiple_of_others(self):
        runs = {name: [sample(10, got=got), sample(20, got=got), END] for name, got in (("unmovable", 0), ("movable", 1), ("whole", 2))}
        text = table.document(self.result(**runs))
        self.assertNotIn("times that of unmovable", text)
        self.assertIn("| success at order 9, times that of movable | 0.00 | 1.00 | 2.00 |", text)

    def test_says_in_which_work_the_settings_differ(self):
        ends = [{**END, "forks": forks, "compiled": 20, "buffers_made": made} for forks, made in ((50, 100), (44, 91))]
        runs = {name: [sample(10), sample(20), end] for name, end in zip(("unmovable", "whole"), ends)}
        text = table.document(self.result(**runs))
        self.assertIn("| processes forked | 50 | 44 |", text)
        self.assertIn("Warning: the load differs by more than 10 % in processes forked (12 % less by whole than by unmovable).", text)
        self.assertNotIn("differs", table.document(self.result(unmovable=runs["unmovable"])))

    def test_says_what_a_load_lacks(self):
        end = {**END, "forks": 3, "compiled": 0}
        swapped = [sample(t, memory={"free": 1, "swap": 5}) for t in (10, 20)]
        result = self.result(unmovable=[*swapped, end], whole=[*swapped, {**end, "compiled": 1}])
        for setting in result["settings"].values():
            setting["balloon"] = {"given": [[9.0, 5]]}
        text = table.document(result)
        self.assertIn("of unmovable, no source was compiled.", text)
        self.assertNotIn("of whole", text)
        self.assertIn("| sources compiled | 0 | 1 |", text)
        result["settings"]["whole"].update(balloon={"given": [[9.0, 0]]}, composition={})
        self.assertIn("of whole, the balloon was never inflated, nothing was in swap.", table.document(result))

    def test_no_number_is_a_dash_and_0_is_0(self):
        end = {**END, "latency": {"touch": {**LATENCY, "count": 0}}}
        text = table.document(self.result(unmovable=[sample(10), sample(20, vmstat={"pgmigrate_success": 0, "oom_kill": 0}), end],
                                          whole=[sample(10), sample(20), END]))
        self.assertIn("| touch of a resident page, us: p50 / p99 / max | 0 | 1 / 2 / 3 |", text)
        self.assertIn("| processes killed for want of memory | 0 | - |", text)
        self.assertIn("| in swap, MiB | 0.0 | 0.0 |", text)

    def test_a_balloon_is_inflated_when_the_guest_gave_more_than_before(self):
        self.assertEqual(table.inflations({"balloon": {"given": [[8.0, 0], [20.0, 40], [31.0, 10], [44.0, 50]]}}), 2)
        self.assertEqual(table.inflations({}), 0)

    def test_plots_are_well_formed_with_a_line_for_each_setting(self):
        runs = {"unmovable": [sample(0), sample(10), END], "hybrid": [sample(0), sample(10, moved=9), END]}
        files = plot.files(self.result(**runs), runs)
        self.assertEqual(sorted(files), ["copied.svg", "cpu.svg", "free.svg", "store.svg", "success.svg"])
        for name, text in files.items():
            root = xml.etree.ElementTree.fromstring(text)
            lines = root.findall("{http://www.w3.org/2000/svg}polyline")
            with self.subTest(name):
                self.assertEqual(len(lines), 0 if name == "store.svg" else 2 * len(plot.PLOTS[name][1]))

    def test_a_missing_number_is_a_gap_and_no_error(self):
        bare = sample(10, compaction=None, unusable_index=None)
        table.document(self.result(movable=[bare, copy.deepcopy(bare), END]))

    def test_table_and_plots_are_made_again_from_what_is_kept(self):
        with tempfile.TemporaryDirectory() as directory:
            out = pathlib.Path(directory)
            runs = {"movable": [sample(10), sample(20), END]}
            main.write(out, self.result(**runs), runs)
            (out / "movable.jsonl").write_text("".join(json.dumps(line) + "\n" for line in runs["movable"]), encoding="utf-8")
            first = (out / "table.md").read_text(encoding="utf-8")
            (out / "table.md").unlink()
            with contextlib.redirect_stdout(io.StringIO()):
                self.assertEqual(main.main(["--table", str(out / "platform.json")]), 0)
            self.assertEqual((out / "table.md").read_text(encoding="utf-8"), first)
            (out / "movable.jsonl").write_text(json.dumps(runs["movable"][0]) + "\n", encoding="utf-8")
            with self.assertRaisesRegex(VmError, "movable.jsonl does not have its end"):
                main.earlier(out / "platform.json")

    def test_settings_are_added_to_those_of_the_same_machine_only(self):
        with tempfile.TemporaryDirectory() as directory:
            out = pathlib.Path(directory)
            runs = {"movable": [sample(10), sample(20), END]}
            result = self.result(**runs)
            machine = {key: value for key, value in result.items() if key != "settings"}
            self.assertEqual(main.begun(out, machine, True), ({**machine, "settings": {}}, {}))
            main.write(out, result, runs)
            (out / "movable.jsonl").write_text("".join(json.dumps(line) + "\n" for line in runs["movable"]), encoding="utf-8")
            self.assertEqual(main.begun(out, machine, True), (result, runs))
            self.assertEqual(main.begun(out, machine, False), ({**machine, "settings": {}}, {}))
            with self.assertRaisesRegex(VmError, "has seed 1, and this run has 2"):
                main.begun(out, {**machine, "seed": 2}, True)
            with self.assertRaisesRegex(VmError, "has digest d1, and this run has d2"):
                main.begun(out, {**machine, "digest": "d2"}, True)
            (out / "platform.json").write_text("{}", encoding="utf-8")
            with self.assertRaisesRegex(VmError, "not what tools/platform has written"):
                main.begun(out, machine, True)


class Guest(unittest.TestCase):
    SAMPLES = (sample(10), sample(20), END)

    def run_fake(self, out, lines, status=0):
        """guest.run() with a program in tools/vm's stead that prints these lines."""
        text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
        program = [sys.executable, "-c", f"import sys; sys.stdout.write({text!r}); sys.exit({status})"]
        options = main.Options("6.12", 512, 1, 120)
        with mock.patch.object(guest, "command", lambda *_: program), mock.patch.object(balloon.Balloon, "run", lambda _: None):
            return guest.run(settings.MOVABLE, [], options, out, lambda _: None)

    def test_keeps_samples_and_whatever_else_is_said(self):
        with tempfile.TemporaryDirectory() as directory:
            out = pathlib.Path(directory)
            samples, _ = self.run_fake(out, ["ready", *self.SAMPLES[:2], "hello", END])
            self.assertEqual(samples, list(self.SAMPLES))
            self.assertEqual((out / "movable.log").read_text(encoding="utf-8"), "hello\n")
            self.assertEqual(len((out / "movable.jsonl").read_text(encoding="utf-8").splitlines()), 3)

    def test_a_guest_that_is_booted_twice_ends_the_run(self):
        with tempfile.TemporaryDirectory() as directory, self.assertRaisesRegex(VmError, "begun anew"):
            self.run_fake(pathlib.Path(directory), ["ready", self.SAMPLES[0], "ready", *self.SAMPLES])

    def test_a_run_that_fails_leaves_what_an_earlier_one_kept(self):
        with tempfile.TemporaryDirectory() as directory:
            out = pathlib.Path(directory)
            self.run_fake(out, ["ready", *self.SAMPLES])
            kept = (out / "movable.jsonl").read_text(encoding="utf-8")
            for lines, status in ((["ready", sample(10), END], 1), (["ready", sample(10)], 0)):
                with self.assertRaises(VmError):
                    self.run_fake(out, lines, status)
                self.assertEqual((out / "movable.jsonl").read_text(encoding="utf-8"), kept)


class Settings(unittest.TestCase):
    def test_all_are_compared(self):
        self.assertEqual([setting.name for setting in settings.chosen(None, None)], list(settings.ALL))
        self.assertEqual([setting.name for setting in settings.chosen(["movable", "whole", "movable"], 0)], ["movable", "whole", "unmovable"])

    def test_words_name_the_module_that_has_the_parameter(self):
        self.assertEqual(settings.words(settings.ALL["nominate"], WITH_STORE),
                         ["gpumem.movable=1", "gpumem_helper.store=gpumem", "gpumem_helper.store_policy=nominate"])
        self.assertEqual(settings.words(settings.MOVABLE, WITH_STORE), ["gpumem.movable=1", "gpumem_helper.store_idle=0"])
        self.assertEqual(settings.words(settings.UNMOVABLE, WITHOUT), ["gpumem.movable=0"])

    def test_a_setting_with_a_store_is_refused_without_one(self):
        with self.assertRaisesRegex(VmError, "zsmalloc needs a module with a compressed store.* no parameter store"):
            settings.words(settings.ZSMALLOC, WITHOUT)

    def test_lines_that_are_no_samples_are_not_taken_for_some(self):
        for line in ("ready\n", "{\n", "{}\n", '{"type": "bee"}\n', "[1]\n", "{broken"):
            self.assertIsNone(guest.parsed(line))
        self.assertEqual(guest.parsed('{"type": "end"}\n'), {"type": "end"})

    def test_refuses_other_words_in_one_line(self):
        for words in (["--mem", "511"], ["--mem", "x"], ["--minutes", "0"], ["--minutes", "nan"], ["--policy", "best"], ["--movable", "2"],
                      ["--seed", "-1"], ["--kernel", "six"], ["stray"]):
            said = io.StringIO()
            with self.subTest(words), contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as end:
                main.main(words)
            self.assertEqual((end.exception.code, said.getvalue().count("\n")), (2, 1), said.getvalue())


class FakeMonitor(threading.Thread):
    """Answers one client as QEMU does, with an event in between."""

    def __init__(self, path, error=False):
        super().__init__(daemon=True)
        self.asked = []
        self._error = error
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen(1)

    def run(self):
        client, _ = self._socket.accept()
        with client, self._socket, client.makefile("rw", encoding="utf-8") as stream:
            stream.write('{"QMP": {}}\n')
            stream.flush()
            for line in stream:
                asked = json.loads(line)
                self.asked.append(asked)
                answer = {"return": {"actual": 500 << 20} if asked["execute"] == "query-balloon" else {}}
                if self._error and asked["execute"] == "balloon":
                    answer = {"error": {"desc": "no balloon"}}
                stream.write('{"event": "BALLOON_CHANGE"}\n' + json.dumps(answer) + "\n")
                stream.flush()


class TheBalloon(unittest.TestCase):
    def test_the_schedule_is_the_seeds_and_within_bounds(self):
        steps = balloon.schedule(7, 512, 600)
        self.assertEqual(steps, balloon.schedule(7, 512, 600))
        self.assertNotEqual(steps, balloon.schedule(8, 512, 600))
        self.assertEqual(steps, sorted(steps))
        self.assertTrue(all(0 <= taken <= 512 * balloon.MOST and at < 600 for at, taken in steps))
        # A longer run begins as a shorter one.
        self.assertEqual(balloon.schedule(7, 512, 60), [step for step in steps if step[0] < 60])

    def follow(self, steps, **options):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, "qmp")
            monitor = FakeMonitor(path, **options)
            monitor.start()
            blower = balloon.Balloon(path, 512, steps)
            blower.start()
            blower.join(10)
            blower.stop()
            return blower, monitor

    def test_follows_the_schedule_and_keeps_what_was_given(self):
        blower, monitor = self.follow([(0.0, 40), (0.05, 0)])
        self.assertEqual(blower.trouble, "")
        self.assertEqual([asked["arguments"]["value"] >> 20 for asked in monitor.asked if asked["execute"] == "balloon"], [472, 512])
        self.assertEqual([given for _, given in blower.given], [12, 12])

    def test_tells_what_qemu_refused_and_that_nobody_answers(self):
        blower, _ = self.follow([(0.0, 40)], error=True)
        self.assertIn("no balloon", blower.trouble)
        alone = balloon.Balloon("/nowhere/qmp", 512, [(0.0, 1)])
        alone.start()
        alone.stop()
        self.assertIn("does not answer", alone.trouble)
