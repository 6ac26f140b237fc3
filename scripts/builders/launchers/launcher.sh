#!/bin/sh
# @ABOUT@
# @ORIGIN@
python=
for candidate in python3 python "py -3"; do
  # Ask it: on Windows, python3 may be a program that only opens the Microsoft Store. To say its version, a
  # Python need not start in full.
  # shellcheck disable=SC2086
  case $($candidate -V 2>/dev/null </dev/null) in
    "Python 3."[0-8] | "Python 3."[0-8][!0-9]*) ;;
    "Python "[3-9]*) python=$candidate && break ;;
  esac
done
if [ -z "$python" ]; then
  problem="deploy not reported: Python 3.9 or later was not found as python3, python or py -3"
@FALLBACK@
fi
@RUN@
