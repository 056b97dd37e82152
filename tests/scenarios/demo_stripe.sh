#!/bin/bash
# tools/demo --mode stripe, as somebody sees it who has just begun: over three unequal links of which one slows down and one
# dies, a UDP stream loses next to nothing, and a TCP connection has more than any link carries alone.
. "$(dirname "$0")/_init.sh"
demo() { "$lab_tools/demo" --mode stripe "$@"; }

step "a short demonstration"
demo --seconds 12 --json --svg "$lab/demo.svg" >"$lab/demo.txt" || { cat "$lab/demo.txt"; fail "exit status $?"; }
cat "$lab/demo.txt"
expect_json "$lab/demo.txt" 'flows["udp"]["sent"] > 4000 and flows["udp"]["lost"] <= flows["udp"]["sent"] / 1000'
expect_json "$lab/demo.txt" 'flows["tcp"]["goodput_mbit"] > 10'
expect_json "$lab/demo.txt" 'all(flow["tunnel"]["mode"] == "stripe" for flow in flows.values())'
# Each event is told when it comes, and a log file has the plot.
for words in '3.0 s   (1) LTE slows down' '6.6 s   (3) fibre dies' '9.0 s   (4) fibre is back'; do
  grep -qF "$words" "$lab/demo.txt" || fail "not told: $words"
done
grep -q '^   sum   75 │.*│$' "$lab/demo.txt" && grep -q '│.*█.*│' "$lab/demo.txt" || fail "no plot"
grep -q '<polygon' "$lab/demo.svg" || fail "no picture"

step "mistakes are told at once"
for wrong in "--mode both" "--mode stripe --seconds 9" "--svg $lab/demo.svg" "--mode"; do
  status=0
  "$lab_tools/demo" $wrong 2>"$lab/err" || status=$?
  ((status == 2)) || fail "exit status $status, not 2: $wrong"
  [[ $(wc -l <"$lab/err") == 1 ]] || fail "not one line: $(cat "$lab/err")"
done
