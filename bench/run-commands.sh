#!/usr/bin/env bash
# What a command costs: `true`, many times, by mpexec run, xargs -P and GNU parallel in turn; the least time of each counts.
#
# Usage: bench/run-commands.sh [COMMANDS [ROUNDS]]; the program is MPEXEC, or target/release/mpexec.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
commands=${1:-10000} rounds=${2:-5} jobs=$(nproc)
mpexec=${MPEXEC:-target/release/mpexec}

mpexec_run() { seq "$commands" | "$mpexec" run true; }
mpexec_shell() { seq "$commands" | "$mpexec" run 'true {};'; }
xargs_each() { seq "$commands" | xargs -P "$jobs" -n 1 true; }
xargs_shell() { seq "$commands" | xargs -P "$jobs" -n 1 sh -c 'true "$1";' sh; }
gnu_parallel() { seq "$commands" | parallel -j "$jobs" true; }

ways=(mpexec_run mpexec_shell xargs_each xargs_shell)
if command -v parallel >/dev/null && parallel --version 2>/dev/null | grep -q '^GNU parallel'; then
    ways+=(gnu_parallel)
    # It asks for a citation once, on standard error.
    parallel --citation </dev/null >/dev/null 2>&1 || true
else
    echo "GNU parallel is not here: its row is left out"
fi

declare -A least
for ((round = 0; round < rounds; round++)); do
    for way in "${ways[@]}"; do
        begin=$(date +%s%N)
        "$way" >/dev/null 2>&1
        took=$(($(date +%s%N) - begin))
        if [[ -z ${least[$way]:-} || $took -lt ${least[$way]} ]]; then least[$way]=$took; fi
    done
done
printf '%-14s %10s %14s %12s\n' way seconds 'us a command' 'beside xargs'
for way in "${ways[@]}"; do
    base=${least[xargs_each]}
    [[ $way == *shell ]] && base=${least[xargs_shell]}
    awk -v way="$way" -v ns="${least[$way]}" -v n="$commands" -v base="$base" \
        'BEGIN { printf "%-14s %10.3f %14.1f %11.2fx\n", way, ns / 1e9, ns / 1e3 / n, ns / base }'
done
