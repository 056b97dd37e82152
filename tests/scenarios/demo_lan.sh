#!/bin/bash
# tools/demo --lan, as somebody sees it who has just begun: two hosts behind boxes with two unequal links, of which one dies.
. "$(dirname "$0")/_init.sh"
step "a short demonstration"
"$lab_tools/demo" --lan --seconds 16 --json >"$lab/demo.txt" || { cat "$lab/demo.txt"; fail "exit status $?"; }
cat "$lab/demo.txt"
expect_json "$lab/demo.txt" 'curl["whole"] and curl["bytes"] == 8000000 and len(links) == 2'
expect_json "$lab/demo.txt" 'iperf3["before_mbit"] > 0 and iperf3["dead_mbit"] > 0'
for words in '8.0 s   (1) fibre dies' '12.0 s   (2) fibre is back' 'while fibre is dead'; do
  grep -qF "$words" "$lab/demo.txt" || fail "not told: $words"
done

step "mistakes are told at once"
for wrong in "--lan --seconds 15" "--lan --svg $lab/demo.svg"; do
  status=0
  "$lab_tools/demo" $wrong 2>"$lab/err" || status=$?
  ((status == 2)) || fail "exit status $status, not 2: $wrong"
  [[ $(wc -l <"$lab/err") == 1 ]] || fail "not one line: $(cat "$lab/err")"
done
