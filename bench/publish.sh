#!/bin/sh
# What a run folder costs on the disk where it lies: publishing, merging, and beside them the disk itself.
#
#   bench/publish.sh FOLDER [ROWS]      MPEXEC=path for the program; FOLDER is on the disk in question, ROWS of 40 bytes (default 10000000)
#
# One line of JSON, with times in seconds. `bytes` of rows are scaled: without a run folder (`plain`), with one (`kept`: each result is written, synced, read back in its
# turn, and written to the output), and once more when all results are there (`merge`: nothing is computed). Then `ranges` small results are published by counting the
# same rows (`counted`, without a folder `counted_plain`), and as many commands that do nothing are run (`commands`, `commands_plain`),
# and a thousand tables of two rows are counted (`tables`, `tables_plain`). `disk` is the time in which the
# disk takes the same bytes from dd and has them synced, `syncs` that of a hundred files of a block, each synced by itself.
set -eu
folder=$1 rows=${2:-10000000}
mpexec=${MPEXEC:-mpexec}
here=$folder/mpexec-publish-$$
mkdir "$here"
trap 'rm -rf "$here"' EXIT
cd "$here"
now() { date +%s.%N; }
took() { # COMMAND...: the seconds it takes
    begun=$(now)
    "$@" >/dev/null
    awk -v b="$begun" -v e="$(now)" 'BEGIN { printf "%.3f", e - b }'
}
"$mpexec" --quiet gen data.npy --rows "$rows" --cols 5 --seed 1
bytes=$(stat -c %s data.npy)
normalize() { took "$mpexec" --quiet normalize data.npy --output out.npy "$@"; }
# The first run finds the file in no cache that a later one would not; so it is not counted.
normalize >/dev/null
plain=$(normalize)
kept=$(normalize --run-dir scaled)
merge=$(normalize --run-dir scaled)
count() { took "$mpexec" --quiet count-range data.npy --output counts.npy "$@"; }
counted_plain=$(count)
counted=$(count --run-dir counted --range-size 1M)
ranges=$(ls counted/out | wc -l)
commands_plain=$(seq 500 | took "$mpexec" --quiet run true)
commands=$(seq 500 | took "$mpexec" --quiet run --run-dir commands true)
mkdir tables
for n in $(seq 1000); do printf '1,2,5\n4,5,6\n' >tables/$n.csv; done
of_tables() { took "$mpexec" --quiet count-range tables/*.csv --output counts.csv "$@"; }
tables_plain=$(of_tables)
tables=$(of_tables --run-dir tabled)
rm -f out.npy
disk=$(took dd if=data.npy of=raw bs=1M conv=fsync status=none)
syncs=$(took sh -c 'for n in $(seq 100); do dd if=data.npy of=sync-$n bs=4k count=1 conv=fsync status=none; done')
printf '{"kind":"publish","bytes":%s,"plain":%s,"kept":%s,"merge":%s,"ranges":%s,"counted_plain":%s,"counted":%s,"commands_plain":%s,"commands":%s,"tables_plain":%s,"tables":%s,"disk":%s,"syncs":%s}\n' \
    "$bytes" "$plain" "$kept" "$merge" "$ranges" "$counted_plain" "$counted" "$commands_plain" "$commands" "$tables_plain" "$tables" "$disk" "$syncs"
