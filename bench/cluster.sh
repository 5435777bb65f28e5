#!/bin/sh
# What one more node is worth: a count on 1, 2, 4, 8 nodes of a Slurm cluster, each into a run folder of its own, and where the time goes.
#
#   bench/cluster.sh FILE.npy SHARED-FOLDER [NODES...]
#
# ENGINE_ARGS="-p long" for sbatch; MPEXEC=path for the program; ROUNDS=3 to measure each so often, in turn; JSON=FILE to add a line of JSON for each.
#
# A line for each: nodes, seconds in all, seconds from the start to the first element (queue: the copy of the program, and Slurm), from there to the last result
# (compute), from there to the end (merge), how many times as long as the mean the slowest element took from its beginning to its last result (slowest), and bytes of
# input a second. The last column says how much of N times the speed of the first line that is. The file should be much longer than the memory of a node, or be new, or the
# second run reads it from memory; FILE.npy may be made by mpexec gen FILE.npy --rows 1000000000 --cols 5 (40 GB).
set -eu
file=$1 shared=$2
shift 2
[ $# -gt 0 ] || set -- 1 2 4 8
mpexec=${MPEXEC:-mpexec}
bytes=$(stat -L -c %s "$file")
first_nodes= first_seconds=
printf 'nodes\tseconds\tqueue\tcompute\tmerge\tslowest\tMB/s\tof ideal\n'
for round in $(seq "${ROUNDS:-1}"); do
    for nodes; do
        run=$shared/scale-$nodes-$$
        begun=$(date +%s.%N)
        "$mpexec" --quiet --on slurm --shards "$nodes" ${ENGINE_ARGS:+--engine-args "$ENGINE_ARGS"} \
            count-range "$file" --output "$run.npy" --run-dir "$run" >/dev/null
        ended=$(date +%s.%N)
        : "${first_nodes:=$nodes}" "${first_seconds:=$(awk -v b="$begun" -v e="$ended" 'BEGIN { print e - b }')}"
        # The logs of the elements say when each began and what it published; that of the coordinator has no result in it.
        for log in "$run"/log/*.log; do
            awk '$2 == "opened" { opened = $1 } $2 == "published" { last = $1 } END { if (last) printf "%s %s\n", opened, last }' "$log"
        done | awk -v n="$nodes" -v b="$begun" -v e="$ended" -v s="$bytes" -v n1="$first_nodes" -v t1="$first_seconds" -v json="${JSON:-}" '
            { if (!f || $1 < f) f = $1; if ($2 > l) l = $2; t = $2 - $1; sum += t; if (t > most) most = t; count++ }
            END {
                slowest = sum > 0 ? most / (sum / count) : 1
                printf "%d\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.0f\t%.0f %%\n", n, e - b, f - b, l - f, e - l, slowest, s / (e - b) / 1e6, 100 * t1 * n1 / n / (e - b)
                if (json) printf "{\"kind\":\"nodes\",\"nodes\":%d,\"bytes\":%d,\"all\":%.3f,\"first\":%.3f,\"end\":%.3f,\"slowest\":%.3f}\n", n, s, e - b, f - b, l - b, slowest >>json
            }'
        "$mpexec" --quiet runs clean "$run"
        rm -f "$run.npy"
    done
done
