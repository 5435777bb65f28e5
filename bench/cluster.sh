#!/bin/sh
# What one more node is worth: a count on 1, 2, 4, 8 nodes of a Slurm cluster, each into a run folder of its own, and where the time goes.
#
#   bench/cluster.sh FILE.npy SHARED-FOLDER [NODES...]     ENGINE_ARGS="-p long" for sbatch, MPEXEC=path for the program
#
# A line for each: nodes, seconds in all, seconds from the start to the first element (queue: the copy of the program, and Slurm), from there to the last result
# (compute), from there to the end (merge), and bytes of input a second. The file should be much longer than the memory of a node, or be new, or the second run reads it from memory.
set -eu
file=$1 shared=$2
shift 2
[ $# -gt 0 ] || set -- 1 2 4 8
mpexec=${MPEXEC:-mpexec}
bytes=$(stat -L -c %s "$file")
printf 'nodes\tseconds\tqueue\tcompute\tmerge\tMB/s\n'
for nodes; do
    run=$shared/scale-$nodes-$$
    begun=$(date +%s.%N)
    "$mpexec" --quiet --on slurm --shards "$nodes" ${ENGINE_ARGS:+--engine-args "$ENGINE_ARGS"} \
        count-range "$file" --output "$run.npy" --run-dir "$run" >/dev/null
    ended=$(date +%s.%N)
    # The logs of the elements say when each began and what it published; that of the coordinator has no result in it.
    first=$(grep -l ' published ' "$run"/log/*.log | xargs grep -h ' opened' | sort -n | head -n 1 | cut -d ' ' -f 1)
    last=$(grep -h ' published ' "$run"/log/*.log | sort -n | tail -n 1 | cut -d ' ' -f 1)
    awk -v n="$nodes" -v b="$begun" -v f="$first" -v l="$last" -v e="$ended" -v s="$bytes" \
        'BEGIN { printf "%d\t%.2f\t%.2f\t%.2f\t%.2f\t%.0f\n", n, e - b, f - b, l - f, e - l, s / (e - b) / 1e6 }'
    "$mpexec" --quiet runs clean "$run"
    rm -f "$run.npy"
done
