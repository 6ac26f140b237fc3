# Runs the step in PARAM_STEP, because an orb holds text and no files.
# POSIX sh: a job's shell is bash, or sh if its image has no bash.

step=$PARAM_STEP
unset PARAM_STEP

# Try it: on Windows, python3 may be a program that only opens the Microsoft Store.
for python in python3 python "py -3"; do
  # shellcheck disable=SC2086
  if $python -S -c 'import sys; sys.exit(sys.version_info < (3, 9))' >/dev/null 2>&1; then
    printf '%s\n' "$step" | $python -I -S -
    exit
  fi
done

problem='deploy not reported: Python 3.9 or later was not found as python3, python or py -3'
case $PARAM_FAIL_ON_ERROR in
  1 | true) echo "GitDailies: ERROR: $problem"; exit 1 ;;
  *) echo "GitDailies: WARNING: $problem" ;;
esac
