#!/bin/sh
# All figures of SCALE.md that this machine can give: emulated nodes with both settings of Slurm's scheduler, publishing and merging, and a count on three nodes of
# namespaces. As root; takes some ten minutes, and wants a quiet machine. Writes bench/scale.jsonl anew, and then what cargo xtask scale makes of it.
#
#   bench/scale.sh [ROUNDS]          MPEXEC=path for the program (default target/release/mpexec)
#
# To see in a minute or two that all of it works, without figures that mean anything: NODES (default 100) emulated nodes, ROWS (default 10000000) of an array, and lines
# that go to the file JSON, in place of bench/scale.jsonl, and of which nothing more is made.
#
#   NODES=10 ROWS=200000 JSON=/tmp/small.jsonl bench/scale.sh 1
set -eu
cd "$(dirname "$0")/.."
rounds=${1:-3} nodes=${NODES:-100} rows=${ROWS:-10000000}
mpexec=$(realpath "${MPEXEC:-target/release/mpexec}")
cluster=$(mktemp -d)
json=$cluster/scale.jsonl
# munged, which is not root, reads a key in it.
chmod 755 "$cluster"
xtask() { cargo xtask cluster --folder "$cluster/it" "$@"; }
trap 'xtask down 2>/dev/null || true; rm -rf "$cluster"' EXIT
for setting in "" --as-shipped; do
    xtask up --emulated --nodes "$nodes" $setting
    few=1,$((nodes / 10)),$nodes,$((nodes * 2))
    xtask arrays --elements "$few,$((nodes * 5)),$((nodes * 10))" --seconds 1 --rounds "$rounds" --json "$json"
    xtask arrays --elements "$few" --seconds 1 --rounds "$rounds" --program "$mpexec" --json "$json"
    xtask down
done
for round in $(seq "$rounds"); do
    MPEXEC=$mpexec bench/publish.sh "$cluster" "$rows" | tee -a "$json"
done
xtask up --nodes 3
"$mpexec" --quiet gen "$cluster/it/shared/data.npy" --rows "$((rows * 2))" --cols 5 --seed 1
xtask on ctl env MPEXEC="$mpexec" JSON="$json" ROUNDS="$rounds" "$PWD/bench/cluster.sh" data.npy "$cluster/it/shared" 1 2 3
rm "$cluster/it/shared/data.npy"
xtask down
cp "$json" "${JSON:-bench/scale.jsonl}"
test -n "${JSON:-}" || cargo xtask scale
