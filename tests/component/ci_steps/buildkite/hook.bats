# The plugin's hook, sourced as the agent sources it. test_hook.py gives URL and KEY of a running
# receiver, REFUSING_URL of one that knows no key, and PLUGIN, the plugin's folder.

setup() {
  export BUILDKITE=true BUILDKITE_BUILD_ID="01928f3e-$BATS_TEST_NUMBER" BUILDKITE_JOB_ID=job-1
  export BUILDKITE_REPO=git@github.com:larkspur/checkout-api.git BUILDKITE_BRANCH=main
  export BUILDKITE_COMMIT=4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214 BUILDKITE_COMMAND_EXIT_STATUS=0
  export GITDAILIES_WEBHOOK_URL=$URL GITDAILIES_WEBHOOK_KEY=$KEY
  export BUILDKITE_PLUGIN_CONFIGURATION='{"environment":"production"}'
  # A replacement of the agent that records its arguments and input.
  mkdir -p "$BATS_TEST_TMPDIR/bin"
  cat >"$BATS_TEST_TMPDIR/bin/buildkite-agent" <<'AGENT'
#!/bin/sh
{ echo "$@"; cat; } >> "$BATS_TEST_TMPDIR/annotations"
AGENT
  chmod +x "$BATS_TEST_TMPDIR/bin/buildkite-agent"
  PATH="$BATS_TEST_TMPDIR/bin:$PATH"
}

hook() {
  run bash -c '. "$PLUGIN/hooks/post-command"'
  [[ "$output" != *"$KEY"* ]]
}

@test "a command that succeeded is reported, without an annotation" {
  hook
  [ "$status" -eq 0 ]
  [ "$output" = "GitDailies: reported: deploy of larkspur/checkout-api at 4f0c2d6 to production" ]
  [ ! -e "$BATS_TEST_TMPDIR/annotations" ]
}

@test "the same job again is counted already" {
  hook
  hook
  [ "$status" -eq 0 ]
  [[ "$output" == *"which was counted already" ]]
}

@test "a command that failed is not reported, and the hook adds no failure" {
  export BUILDKITE_COMMAND_EXIT_STATUS=137
  hook
  [ "$status" -eq 0 ]
  [ "$output" = "GitDailies: nothing reported: the command did not succeed (exit status 137)" ]
}

@test "every option reaches the event" {
  export BUILDKITE_PLUGIN_CONFIGURATION='{"environment":"production","service":"checkout","type":"hotfix","time":"2026-03-04T08:55:12Z","repo":["larkspur/checkout-api","larkspur/checkout-web@b7d3e9f0a1c25846d9e8f7061524334251607f8e"],"timeout":5,"retries":1}'
  hook
  [ "$status" -eq 0 ]
  [ "${lines[0]}" = "GitDailies: reported: hotfix of larkspur/checkout-api (checkout) at 4f0c2d6 to production" ]
  [ "${lines[1]}" = "GitDailies: reported: hotfix of larkspur/checkout-web (checkout) at b7d3e9f to production" ]
}

@test "a variable stands in for an option that is left out" {
  export GITDAILIES_SERVICE=ledger
  hook
  [ "$output" = "GitDailies: reported: deploy of larkspur/checkout-api (ledger) at 4f0c2d6 to production" ]
}

@test "the key may have another name" {
  export KEY_OF_LARKSPUR=$KEY GITDAILIES_WEBHOOK_KEY=
  export BUILDKITE_PLUGIN_CONFIGURATION='{"webhook-key-env":"KEY_OF_LARKSPUR"}'
  hook
  [ "${lines[0]}" = "GitDailies: environment: none is named, so the deploy counts as production" ]
  [ "${lines[1]}" = "GitDailies: reported: deploy of larkspur/checkout-api at 4f0c2d6" ]
}

@test "a missing key is a warning in log and annotation, and the job stays as it is" {
  export GITDAILIES_WEBHOOK_KEY=
  run bash -c '. "$PLUGIN/hooks/post-command"'
  [ "$status" -eq 0 ]
  [[ "$output" == "GitDailies: WARNING: "*"set GITDAILIES_WEBHOOK_KEY from a Buildkite secret"* ]]
  [ "$(head -n 1 "$BATS_TEST_TMPDIR/annotations")" = "annotate --style warning --context gitdailies-job-1" ]
  grep -q "^    GitDailies: WARNING: deploy not reported: webhook-key" "$BATS_TEST_TMPDIR/annotations"
}

@test "a refused key is a warning" {
  export GITDAILIES_WEBHOOK_URL=$REFUSING_URL
  hook
  [ "$status" -eq 0 ]
  [[ "$output" == "GitDailies: WARNING: not reported: "*"check webhook-key. To send it later: gitdailies deploy "* ]]
}

@test "a refused key fails the job where errors are to fail" {
  export GITDAILIES_WEBHOOK_URL=$REFUSING_URL BUILDKITE_PLUGIN_CONFIGURATION='{"fail-on-error":true}'
  hook
  [ "$status" -eq 3 ]
  [[ "${lines[1]}" == "GitDailies: ERROR: "* ]]
  [ "$(head -n 1 "$BATS_TEST_TMPDIR/annotations")" = "annotate --style error --context gitdailies-job-1" ]
}

@test "a key in the pipeline is refused and not shown" {
  export BUILDKITE_PLUGIN_CONFIGURATION="{\"webhook-key\":\"$KEY\"}"
  hook
  [ "$status" -eq 0 ]
  [[ "$output" == "GitDailies: WARNING: deploy not reported: webhook-key: expected webhook-key-env"* ]]
}

@test "an option that does not exist is refused, and fails where errors are to fail" {
  export BUILDKITE_PLUGIN_CONFIGURATION='{"enviroment":"production","fail-on-error":true}'
  hook
  [ "$status" -eq 2 ]
  [[ "$output" == "GitDailies: ERROR: deploy not reported: enviroment: expected one of auth, branch, "* ]]
}

@test "a dry run needs neither address nor key" {
  export GITDAILIES_WEBHOOK_URL= GITDAILIES_WEBHOOK_KEY=
  export BUILDKITE_PLUGIN_CONFIGURATION='{"dry-run":true}'
  run bash -c '. "$PLUGIN/hooks/post-command"'
  [ "$status" -eq 0 ]
  [[ "${lines[1]}" == "GitDailies: dry run, not sent: deploy of larkspur/checkout-api at 4f0c2d6" ]]
}

@test "without Python the job stays as it is, with an annotation" {
  for program in bash sh dirname sed cat; do
    ln -sf "$(command -v "$program")" "$BATS_TEST_TMPDIR/bin/$program"
  done
  run env PATH="$BATS_TEST_TMPDIR/bin" bash -c '. "$PLUGIN/hooks/post-command"'
  [ "$status" -eq 0 ]
  [[ "$output" == "GitDailies: WARNING: deploy not reported: Python 3.9 or later was not found"* ]]
  grep -q "Python 3.9 or later was not found" "$BATS_TEST_TMPDIR/annotations"
}

@test "an agent that cannot annotate changes nothing" {
  printf '#!/bin/sh\nexit 1\n' >"$BATS_TEST_TMPDIR/bin/buildkite-agent"
  export GITDAILIES_WEBHOOK_URL=$REFUSING_URL
  hook
  [ "$status" -eq 0 ]
}

@test "the hook leaves nothing in the shell that sources it" {
  run bash -c 'before=$(compgen -v | sort); . "$PLUGIN/hooks/post-command" >/dev/null; after=$(compgen -v | sort)
    comm -13 <(echo "$before") <(echo "$after") | grep -vxE "after|before|_|BASH_.*|PIPESTATUS" || true'
  [ "$output" = "" ]
}
