#!/usr/bin/env bash
# A release contains no fault injection point, not even a name: every point that the dev binary lists is looked for in it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

points=$(build/dev/dbm inject-points | awk '{print $1}')
[ -n "$points" ] || { echo "check-release: build/dev/dbm lists no injection point" >&2; exit 1; }
found=0
# Whole strings of the binary, one a line: apply.statement is a point, apply.statementTimeout a field.
strings=$(mktemp)
trap 'rm -f "$strings"' EXIT
tr '\0' '\n' <build/dbm >"$strings"
while read -r point; do
  if grep -aqxF -- "$point" "$strings"; then
    echo "check-release: build/dbm contains the injection point $point" >&2
    found=1
  fi
done <<<"$points"
if grep -aq DBM_INJECT build/dbm; then
  echo "check-release: build/dbm reads DBM_INJECT" >&2
  found=1
fi
[ "$found" -eq 0 ] && echo "build/dbm contains none of $(wc -l <<<"$points") injection points"
exit "$found"
