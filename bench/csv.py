"""Counts a CSV file with pandas and NumPy, and with mpexec, in turn: python bench/csv.py FILE target/release/mpexec

Prints for each turn the seconds of both and their ratio, and the greatest memory of mpexec's coordinator. Needs pandas.
"""

import json
import subprocess
import sys
import time

PANDAS = """
import sys, time, pandas
started = time.perf_counter()
table = pandas.read_csv(sys.argv[1]).to_numpy()
print(int(((table >= 4) & (table <= 8)).sum()), time.perf_counter() - started)
"""


def pandas(path):
    total, seconds = subprocess.run([sys.executable, "-c", PANDAS, path], check=True, capture_output=True, text=True).stdout.split()
    return int(total), float(seconds)


def mpexec(path, program):
    started = time.perf_counter()
    timed = ["/usr/bin/env", "python3", "-c", WRAPPED, program, "count-range", path, "--json", "--quiet"]
    out = subprocess.run(timed, check=True, capture_output=True, text=True).stdout.splitlines()
    return json.loads(out[0])["total"], time.perf_counter() - started, int(out[1])


# The memory of the program alone, without its workers.
WRAPPED = """
import os, sys
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
print(usage.ru_maxrss, flush=True)
sys.exit(os.waitstatus_to_exitcode(status))
"""

path, program = sys.argv[1:3]
for _ in range(int(sys.argv[3]) if len(sys.argv) > 3 else 3):
    ours, seconds, memory = mpexec(path, program)
    theirs, slow = pandas(path)
    assert ours == theirs, (ours, theirs)
    print(f"pandas {slow:.2f} s, mpexec {seconds:.2f} s: {slow / seconds:.1f} x faster, coordinator {memory / 1024:.0f} MiB")
