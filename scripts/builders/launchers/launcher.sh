#!/bin/sh
# @ABOUT@
# @ORIGIN@
python=
for candidate in python3 python "py -3"; do
  # Try it: on Windows, python3 may be a program that only opens the Microsoft Store.
  # shellcheck disable=SC2086
  if $candidate -S -c 'import sys; sys.exit(sys.version_info < (3, 9))' >/dev/null 2>&1 </dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  problem="deploy not reported: Python 3.9 or later was not found as python3, python or py -3"
@FALLBACK@
fi
@RUN@
