"""System calls and switches of process for each task, on both sides: python bench/calls.py target/release/mpexec-bench

Runs rows of the bench without their references under `perf stat`, with few rounds and with many; what is more in the many, divided by
the tasks in it, belongs to the tasks. Needs perf and the right to count system calls (root, or a low perf_event_paranoid).
"""

import re
import subprocess
import sys

# What a quick round of the row calls. `apply` is three: placed by the system, all on one processor, and the workers on another.
TASKS = {"apply": 12_000, "apply-async": 200_000, "map": 2_000_000, "chunks": 1_000_000}
FEW, MANY = 3, 43


def counted(program, row, rounds):
    events = "raw_syscalls:sys_enter,context-switches"
    words = ["perf", "stat", "-x", ";", "-e", events, program, "--only", row, "--alone", "--quick", "--rounds", str(rounds)]
    told = subprocess.run(words, check=True, capture_output=True, text=True).stderr
    numbers = re.findall(r"^(\d+);;(raw_syscalls:sys_enter|context-switches);", told, re.M)
    if len(numbers) != 2:
        sys.exit(f"perf could not count:\n{told}")
    return [int(number) for number, _ in numbers]


told = subprocess.run([sys.argv[1], "--batches"], check=True, capture_output=True, text=True).stdout
in_batch = {row: int(tasks) / int(batches) for row, tasks, batches in re.findall(r"^(\S+): (\d+) tasks in (\d+) batches$", told, re.M)}

for row, tasks in TASKS.items():
    few, many = counted(sys.argv[1], row, FEW), counted(sys.argv[1], row, MANY)
    calls, switches = [(more - less) / (MANY - FEW) for less, more in zip(few, many)]
    each = [f"{1000 * number / tasks:.3f} {what}" for number, what in [(calls, "system calls"), (switches, "switches")]]
    # Of chunks the rows are counted above, of which a task has 4,096.
    batches = tasks / (4096 if row == "chunks" else 1) / in_batch[row]
    print(f"{row}: a thousand tasks need {' and '.join(each)}; a batch {switches / batches:.2f} switches, of {in_batch[row]:.0f} tasks")
