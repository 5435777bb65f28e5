"""Instructions of a task by what they are for, parts that add up: python bench/parts.py target/release/mpexec-bench

Runs each form of call under callgrind with 20,000 and with 40,000 tasks, on a pool without processes; what is more in the latter, divided by
the tasks, belongs to a task. `codec` is what `starmap` is measured against, on one thread: it stands as the coordinator's, and has no worker. Each function counts for one part, by its name; what the compiler has put into its caller counts with the caller.
"""

import collections
import glob
import os
import re
import subprocess
import sys
import tempfile

FORMS = ["apply", "apply-async", "map", "starmap", "codec"]
FEW, MANY = 20_000, 40_000
# The first one that fits. The caller's own loop is in `making`, and for `starmap` the making of the rows in it and in `memory`.
PARTS = [
    ("memory and copies", r"memcpy|memmove|alloc|_int_|^free|unlink_chunk|tcache"),
    ("waiting, turns of the crank", r"crank|sleep_on_bells|await_call|look_is_due|limits::|pump|mind_call|wait|spin|vdso|getcpu|clock|Timespec|news"),
    ("taking results in, settling", r"receive|ResultReceiver|Calls::settle|CallCell|posting|free_front|settle|FlattenCompat"),
    ("sending, scheduling", r"engine::send|scheduler|ShmLink|TaskSender|task_sender|dispatch"),
    ("handing results out", r"pending|decode|gather|next_outcomes|drop_slow|shared::Call"),
    ("making, encoding", r"pool::|staging|params|single|functions|attachments|options|GenericShunt|mpexec_bench|encode|wire|FnOnce|from_iter|open::"),
]


def counted(program, form, tasks, folder):
    out = os.path.join(folder, f"{form}.{tasks}")
    tool = ["valgrind", "--tool=callgrind", "--separate-threads=yes", f"--callgrind-out-file={out}"]
    subprocess.run(tool + [program, "--inline", form, "--tasks", str(tasks)], check=True, capture_output=True)
    sides = {"coordinator": collections.Counter(), "worker": collections.Counter()}
    for path in glob.glob(out + "-*"):
        first = path.endswith("-01")
        words = ["callgrind_annotate", "--threshold=100", "--auto=no", path]
        for line in subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines():
            found = re.match(r"^\s*([\d,]+)\s*(?:\([\s\d.]+%\))?\s+[^:]*:(\S.*)$", line)
            if found:
                name = re.sub(r"( \[.*|'\d+)$", "", found[2])
                # The first thread calls. Another may take results in for it, and one is the worker.
                side = sides["coordinator" if first or "::engine::" in name else "worker"]
                side[name] += int(found[1].replace(",", ""))
    return sides


with tempfile.TemporaryDirectory() as folder:
    for form in FORMS:
        few, many = (counted(sys.argv[1], form, tasks, folder) for tasks in (FEW, MANY))
        for side in (side for side in few if many[side]):
            parts = collections.Counter()
            names = few[side].keys() | many[side].keys()
            for name in names:
                part = next((part for part, names in PARTS if side == "coordinator" and re.search(names, name)), "other")
                parts[part] += (many[side][name] - few[side][name]) / (MANY - FEW)
            told = ", ".join(f"{part} {number:.0f}" for part, number in parts.most_common() if side == "coordinator")
            print(f"{form}, {side}: {sum(parts.values()):.0f} instructions{': ' if told else ''}{told}")
