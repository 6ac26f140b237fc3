# Reports a deploy to GitDailies. The Python at the end is the step itself: standard library only.
# Nothing is installed: for a Bash step, Octopus needs no Python package either.

python=
for candidate in python3 python; do
  case $("$candidate" -V 2>/dev/null) in
    "Python 3."[0-8] | "Python 3."[0-8][!0-9]*) ;;
    "Python "[3-9]*) python=$candidate && break ;;
  esac
done

if [ -z "$python" ]; then
  problem='deploy not reported: Python 3.9 or later was not found as python3 or python'
  case $(get_octopusvariable 'GitDailies.FailOnError') in
    [Tt]rue | 1 | [Yy]es | [Oo]n) level=error code=1 ;;
    *) level=warning code=0 ;;
  esac
  printf '##octopus[stdout-%s]\n%s\n##octopus[stdout-default]\n' "$level" "$problem"
  exit "$code"
fi

variables() {
  for name in @NAMES@; do
    printf '%s=%s\0' "$name" "$(get_octopusvariable "$name")"
  done
}

# By file descriptor: standard input holds the variables, and arguments are limited in size.
variables | "$python" -I -S /dev/fd/3 3<<'GITDAILIES_STEP'
@STEP@
GITDAILIES_STEP
