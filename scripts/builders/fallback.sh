  # The documented fields, by curl or wget. One attempt, because without an id a second may count twice.
  first() { for one in "$@"; do if [ -n "$one" ]; then echo "$one"; return; fi; done; }
  url=$(first "${INPUT_WEBHOOK_URL:-}" "${GITDAILIES_WEBHOOK_URL:-}")
  key=${GITDAILIES_WEBHOOK_KEY:-}
  case ${INPUT_WEBHOOK_KEY_ENV:-} in "" | *[!A-Za-z0-9_]*) ;; *) eval "key=\${$INPUT_WEBHOOK_KEY_ENV:-}" ;; esac
  sha=$(first "${INPUT_SHA:-}" "${GITDAILIES_SHA:-}" "${CI_MERGE_REQUEST_SOURCE_BRANCH_SHA:-}" \
    "${TRAVIS_PULL_REQUEST_SHA:-}" "${SYSTEM_PULLREQUEST_SOURCECOMMITID:-}" "${ghprbActualCommit:-}" \
    "${CI_COMMIT_SHA:-}" "${BITBUCKET_COMMIT:-}" "${BUILDKITE_COMMIT:-}" "${TRAVIS_COMMIT:-}" \
    "${GIT_COMMIT:-}" "${BUILD_SOURCEVERSION:-}")
  repo=$(first "${INPUT_REPO:-}" "${GITDAILIES_REPO:-}" "${CI_PROJECT_PATH:-}" "${BITBUCKET_REPO_FULL_NAME:-}" \
    "${TRAVIS_REPO_SLUG:-}")
  if [ -z "$repo" ]; then
    repo=$(first "${BUILDKITE_REPO:-}" "${GIT_URL:-}" "${BUILD_REPOSITORY_URI:-}")
    repo=${repo#*://} repo=${repo##*@} repo=${repo#*[:/]} repo=${repo%.git}
    # A port, a group or a folder of the server: what is the name then, the shell does not know.
    case $repo in */*/*) repo= ;; *[!0-9]*/*) ;; *) repo= ;; esac
  fi
  pull=$(first "${CI_MERGE_REQUEST_IID:-}" "${BITBUCKET_PR_ID:-}" "${CHANGE_ID:-}" "${ghprbPullId:-}" \
    "${SYSTEM_PULLREQUEST_PULLREQUESTID:-}" "${TRAVIS_PULL_REQUEST:-}" "${BUILDKITE_PULL_REQUEST:-}")
  # A merge train and a merge queue deploy what the target branch becomes.
  [ "${CI_MERGE_REQUEST_EVENT_TYPE:-}" != merge_train ] || pull=
  [ -z "${BUILDKITE_MERGE_QUEUE_BASE_BRANCH:-}" ] || pull=
  tag=$(first "${CI_COMMIT_TAG:-}" "${BITBUCKET_TAG:-}" "${BUILDKITE_TAG:-}" "${TRAVIS_TAG:-}" "${TAG_NAME:-}")
  branch=$(first "${INPUT_BRANCH:-}" "${GITDAILIES_BRANCH:-}")
  environment=$(first "${INPUT_ENVIRONMENT:-}" "${GITDAILIES_ENVIRONMENT:-}" "${CI_ENVIRONMENT_NAME:-}" \
    "${BITBUCKET_DEPLOYMENT_ENVIRONMENT:-}" "${BUILDKITE_GITHUB_DEPLOYMENT_ENVIRONMENT:-}" "${ENVIRONMENT_NAME:-}" \
    "${RELEASE_ENVIRONMENTNAME:-}")
  case $pull in
    "" | false)
      [ -n "$branch$tag" ] || branch=$(first "${CI_COMMIT_BRANCH:-}" "${BITBUCKET_BRANCH:-}" \
        "${BUILDKITE_BRANCH:-}" "${TRAVIS_BRANCH:-}") ;;
    *) environment=${environment:-preview} ;;
  esac
  case $branch in gh-readonly-queue/* | refs/*) branch= ;; esac
  status=$(first "${INPUT_STATUS:-}" "${GITDAILIES_STATUS:-}" "${AGENT_JOBSTATUS:-}" "${CI_JOB_STATUS:-}" \
    "${BITBUCKET_EXIT_CODE:-}" "${BUILDKITE_COMMAND_EXIT_STATUS:-}" "${TRAVIS_TEST_RESULT:-}")
  case $status in
    "" | 0 | running | passed | [Ss]uccess | [Ss]ucceeded*) ;;
    *) echo "GitDailies: nothing reported: the job did not succeed ($status)"; exit 0 ;;
  esac
  case ${CI_ENVIRONMENT_ACTION:-} in
    stop | prepare | verify | access) echo "GitDailies: nothing reported: the job deploys nothing"; exit 0 ;;
  esac
  body="{\"kind\":\"deployed\",\"repo\":\"$repo\",\"commitSHA\":\"$sha\""
  body="$body${environment:+,\"environment\":\"$environment\"}${branch:+,\"branch\":\"$branch\"}}"
  answer=
  # Only what needs no escape is sent, and only what is known for certain.
  case "$repo$environment$branch$sha$url" in *[!-A-Za-z0-9._/:+~=?]*) sha= ;; esac
  case $repo in */*) ;; *) sha= ;; esac
  case $key in "" | *[!-A-Za-z0-9._~+/=]*) sha= ;; esac
  case "${GITDAILIES_DRY_RUN:-} ${INPUT_DRY_RUN:-}" in *[Tt]rue* | *1* | *[Yy]es* | *[Oo]n*) sha= ;; esac
  # The options of a plugin are JSON, which the shell does not read.
  case ${BUILDKITE_PLUGIN_CONFIGURATION:-} in "" | "{}" | null) ;; *) sha= ;; esac
  [ ${#sha} -eq 40 ] || [ ${#sha} -eq 64 ] || url=
  if [ -n "$url" ] && command -v curl >/dev/null 2>&1; then
    # The key goes by standard input: a list of processes shows arguments.
    answer=$(echo "header = \"webhook-key: $key\"" | curl -sS --max-time 10 --config - -A gitdailies-launcher \
      -H "Content-Type: application/json" -d "$body" -o /dev/null -w "%{http_code} %{content_type}" "$url" 2>&1) || true
  elif [ -n "$url" ] && case $(wget --help 2>&1 || true) in *--max-redirect*) true ;; *) false ;; esac; then
    # Another wget follows redirects, and would take the key along.
    wget -q -T 10 -t 1 --max-redirect=0 -O /dev/null --header "webhook-key: $key" --header "Content-Type: application/json" \
      --post-data "$body" "$url" && answer=202 || answer="no success by wget"
  fi
  case $answer in
    2??*html*) problem="$problem; the address answers with a web page" ;;
    2*)
      echo "GitDailies: reported: deploy of $repo at $(printf %.7s "$sha")${environment:+ to $environment}"
      echo "GitDailies: without Python 3.9, only the documented fields are sent"
      exit 0 ;;
    ?*) problem="$problem, and curl or wget did not reach the receiver ($answer)" ;;
  esac
