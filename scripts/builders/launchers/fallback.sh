  # Where the shell shows what it runs, it would show the key.
  { set +x; } 2>/dev/null
  # The documented fields, by curl, wget or BusyBox, as far as variables tell them for certain. One attempt,
  # because without an id a second may count twice.
  newline='
'
  LC_ALL=C
  export LC_ALL
  first() {
    for one in "$@"; do
      one=${one#"${one%%[![:space:]]*}"}
      one=${one%"${one##*[![:space:]]}"}
      case $one in
        "" | "<nil>" | [Nn]il | [Nn]ull | [Nn]one | "<no value>" | "<default>" | undefined) ;;
        *) printf %s "$one"; return ;;
      esac
    done
  }
  yes() { case $1 in [Tt]rue | TRUE | 1 | [Yy]es | YES | [Oo]n | ON) ;; *) return 1 ;; esac; }
@INPUTS@
  warning='GitDailies: WARNING: ' error='GitDailies: ERROR: ' warned=0 inputs=GITDAILIES
  sha='' repo='' address='' branch='' tag='' environment='' status='' pull='' trunk='' skip='' doubt='' sender='' start=''
@FACTS@
  url=$(first "$(input WEBHOOK_URL)" "${GITDAILIES_WEBHOOK_URL:-}")
  key=$(first "$(input WEBHOOK_KEY)" "${GITDAILIES_WEBHOOK_KEY:-}")
@NAMED@
  case $(input AUTH) in "" | [Kk][Ee][Yy]) ;; *) doubt="auth: only Python gets an ID token" key=${key:-none} ;; esac

  # A variable of ours that does not exist may be a typing error of one that does.
  unknown=$(
    export -p | while IFS= read -r line; do
      name=${line%%=*}
      name=${name##* }
      case $line in
        *=\'\' | *=\"\" | *=) ;;
        "export GITDAILIES_"*=* | "declare -x GITDAILIES_"*=*)
          case " @KNOWN@ ${named:-} " in *" $name "*) ;; *) printf '%s\n' "$name" ;; esac ;;
      esac
    done
  )
  for name in $unknown; do
    case $name in GITDAILIES_WEBHOOK*) ;; *) doubt="only Python tells what $name means; name it otherwise" ;; esac
  done

  # What was deployed.
  case $branch in
    refs/heads/*) branch=${branch#refs/heads/} ;;
    gh-readonly-queue/*) branch=${branch#gh-readonly-queue/} branch=${branch%/pr-*} ;;
    refs/pull/[0-9]* | pull/[0-9]*) pull=${branch#*pull/} pull=${pull%%/*} ;;
    refs/*) branch= ;;
  esac
  [ "$pull" != false ] || pull=
  if [ -n "$pull" ]; then
    [ -z "$trunk" ] || [ "$branch" != "$trunk" ] || doubt="only Python tells of whom pull request $pull is"
    branch=
  fi
  [ -z "$tag" ] || branch=
  given=$(input SHA)
  if [ -n "$given" ]; then
    [ "$given" = "$sha" ] || sha=$given branch=
  elif [ "$start" = open ]; then
    doubt=${doubt:-"only Python looks for the commit of a run that names none; set ${inputs%% *}_SHA"}
  elif [ -z "$start$pull" ] && [ -n "$sha" ]; then
    # The platform does not say what started the run. A checkout that was moved may be what was deployed.
    head=$(git -c safe.directory='*' rev-parse HEAD 2>/dev/null </dev/null) || head=
    case $head in
      "" | "$sha") ;;
      *) doubt=${doubt:-"the checkout is at $(printf %.7s "$head"), the run is of $(printf %.7s "$sha"); set ${inputs%% *}_SHA"} ;;
    esac
  fi
  given=$(input BRANCH)
  case $given in
    "") ;;
    refs/heads/*) branch=${given#refs/heads/} ;;
    refs/*) branch= ;;
    *) branch=$given ;;
  esac
  given=$(input REPO)
  if [ -n "$given" ]; then
    repo=$given
  elif [ -z "$repo" ]; then
    # A port, a group or a folder of the server: what is the name then, the shell does not know.
    repo=${address#*://} repo=${repo##*@} repo=${repo#*[:/]} repo=${repo%/} repo=${repo%.git}
    case $repo in */*/*) repo= ;; *[!0-9]*/*) ;; *) repo= ;; esac
  fi
  environment=$(first "$(input ENVIRONMENT)" "$environment" "${pull:+preview}")
  moment=$(input TIME)

  # Whether there is something to report.
  given=$(input STATUS)
  status=${given:-$status}
  case $status in
    "" | running | @SUCCEEDED@) ;;
    *[!A-Za-z0-9_]*) skip="the job did not succeed" ;;
    *) skip="the job did not succeed ($status)" ;;
  esac
  if [ -n "$skip" ]; then
    echo "GitDailies: nothing reported: $skip"
    [ -z "${GITHUB_OUTPUT:-}" ] || printf 'ok=true\noutcome=skipped\nreason=%s\n' "$skip" >>"$GITHUB_OUTPUT"
    exit 0
  fi
  case $sha in *[!0-9A-Fa-f]*) sha= ;; *[!0]*) ;; *) sha= ;; esac
  [ ${#sha} -eq 40 ] || [ ${#sha} -eq 64 ] || sha=
  [ -n "$sha" ] || doubt=${doubt:-"only Python reads the commit here; set ${inputs%% *}_SHA in full"}
  case $repo in
    /* | */ | *[[:space:],@:]* | *[[:cntrl:]]* | *\\*) repo= ;;
    */*) ;;
    *) repo= ;;
  esac
  [ -n "$repo" ] || doubt=${doubt:-"only Python reads this repository's name; set ${inputs%% *}_REPO to one name"}
  case $environment$branch$repo in *[[:cntrl:]]* | *'##'*) doubt=${doubt:-"a name has a character that is no text"} ;; esac
  for one in "$environment" "$branch"; do
    # shellcheck disable=SC2016
    case $inputs:$one in
      *:'$('*')' | *:'${'*'}' | *:'#{'*'}' | *:'<<'*'>>' | PARAM:*'$'*) doubt=${doubt:-"nothing filled in $one"} ;;
    esac
  done
  case $moment in *[!0-9TZ:.+-]*) doubt=${doubt:-"only Python reads this time"} ;; esac
  ! yes "$(input DRY_RUN)" || doubt="only Python makes a dry run"
  case $url in
    *[!!-~]* | *[\"\\]* | *://*@*) url= ;;
    http://?* | https://?*) ;;
    *) url= ;;
  esac
  [ -n "$url" ] || doubt=${doubt:-"webhook-url: expected an http or https address without a user"}
  case $key in
    "") doubt=${doubt:-"webhook-key: expected a webhook key, got nothing"} ;;
    *[!!-~]*) doubt=${doubt:-"webhook-key: expected printable characters without spaces, got something else"} ;;
  esac

  # The event.
  escaped() {
    rest=$1 text=
    while case $rest in *[\\\"]*) true ;; *) false ;; esac; do
      plain=${rest%%[\\\"]*}
      rest=${rest#"$plain"}
      text=$text$plain\\${rest%"${rest#?}"}
      rest=${rest#?}
    done
    printf %s "$text$rest"
  }
  body='"kind":"deployed"'
  field() { [ -z "$2" ] || body="$body,\"$1\":\"$(escaped "$2")\""; }
  field repo "$repo"
  field commitSHA "$sha"
  field environment "$environment"
  field branch "$branch"
  field time "$moment"
  body="{$body}"
  unsent=
  for name in SERVICE TYPE FIXES URL ID; do
    given=$(input "$name")
    [ -z "$given" ] || [ "$given" = deploy ] || unsent="$unsent, ${inputs%% *}_$name"
  done

  # The key goes by standard input: a list of processes shows arguments. A redirect is never followed, because
  # the key would go along.
  seconds=$(input TIMEOUT)
  case $seconds in "" | *[!0-9]*) seconds=10 ;; esac
  by_curl() {
    printf 'header = "webhook-key: %s"\n' "$(escaped "$key")" | curl -q -sS --globoff --max-time "$seconds" --config - \
      -A gitdailies-launcher -H "Content-Type: application/json" --data-binary "$body" -o /dev/null \
      -w "HTTP/1.1 %{http_code} content-type: %{content_type}" "$url" 2>&1
  }
  # wget reads settings from files alone. This one has no name any more before wget starts.
  by_wget() {
    file=${TMPDIR:-/tmp}/gitdailies-$$
    (umask 077 && set -C && printf 'header = webhook-key: %s\n' "$key" >"$file") 2>/dev/null || return 1
    # shellcheck disable=SC2094
    {
      rm -f "$file"
      wget --config=/dev/stdin -nv -S -T "$seconds" -t 1 --max-redirect=0 -O /dev/null -U gitdailies-launcher \
        --header "Content-Type: application/json" --post-data "$body" "$url" 2>&1
    } <"$file"
  }
  # BusyBox' wget takes headers as arguments alone, and follows redirects. Its nc does neither.
  by_busybox() {
    host=${url#*://}
    path=/${host#*/}
    case $host in */*) host=${host%%/*} ;; *) path=/ ;; esac
    port=443
    case $url in http:*) port=80 ;; esac
    case $host in *:*) port=${host##*:} ;; esac
    length=$(printf %s "$body" | wc -c)
    # For https, nc makes the connection, and ssl_client encrypts it: 3 is the connection, 5 the request.
    # shellcheck disable=SC2016
    printf '%s\r\n' "POST $path HTTP/1.1" "Host: $host" "User-Agent: gitdailies-launcher" "Connection: close" \
      "Content-Type: application/json" "Content-Length: $((length))" "webhook-key: $key" "" |
      {
        cat
        printf %s "$body"
      } |
      case $url in
        http:*) timeout "$seconds" nc "${host%:*}" "$port" 2>&1 ;;
        *) timeout "$seconds" nc "${host%:*}" "$port" -e sh -c \
          'exec ssl_client -s3 -n "$0" 3<&0 <&5 >&6 2>&6' "${host%:*}" 5<&0 6>&1 ;;
      esac
  }
  if command -v curl >/dev/null 2>&1; then
    sender=curl
  elif case $(wget --help 2>&1 || true) in *--max-redirect*) true ;; *) false ;; esac; then
    sender=wget
  elif [ -z "${https_proxy:-}${http_proxy:-}${HTTPS_PROXY:-}${HTTP_PROXY:-}${ALL_PROXY:-}" ] &&
    case $(nc --help 2>&1 || true) in *BusyBox*-e*) true ;; *) false ;; esac &&
    case $url in http:*) true ;; *) command -v ssl_client >/dev/null 2>&1 ;; esac &&
    # BusyBox' own ssl_client checks no certificate. Alpine's is another program, and does.
    case $url:$(ssl_client --help 2>&1 || true) in https:*BusyBox*) false ;; *) true ;; esac; then
    sender=busybox
  fi
  code=1
  if [ -n "$sender" ] && [ -n "$doubt" ]; then
    problem="$problem, and $doubt" code=2
  elif [ -n "$sender" ]; then
    answer=$(case $sender in curl) by_curl ;; wget) by_wget ;; *) by_busybox ;; esac) || true
    http=${answer#*HTTP/[12]* }
    [ "$http" != "$answer" ] || http=
    http=${http%%[!0-9]*}
    what="$sender got ${http:-no answer}"
    if [ "${http:-000}" = 000 ]; then
      # What the program says of it, on one line. It never says the key.
      line=${answer%%"$newline"*}
      line=${line%%HTTP/1.1*}
      case $line in *"$key"*) line= ;; esac
      what="$sender got no answer${line:+: $line}" http=
    fi
    case $http:$answer in
      2??:*[Cc]ontent-[Tt]ype:\ text/html*) problem="$problem, and the address answers with a web page ($what)" ;;
      2??:*)
        echo "GitDailies: reported: deploy of $repo at $(printf %.7s "$sha")${environment:+ to $environment}"
        [ -n "$environment" ] || echo "GitDailies: environment: none is named, so the deploy counts as production"
        echo "GitDailies: without Python 3.9, only the documented fields are sent${unsent:+, not ${unsent#, }}"
        [ -z "${GITHUB_OUTPUT:-}" ] ||
          printf 'ok=true\noutcome=reported\nreason=\nhttp-status=%s\n' "$http" >>"$GITHUB_OUTPUT"
        exit 0 ;;
      @KEY_STATUSES@) problem="$problem, and the key is refused ($what)" code=3 ;;
      3??:* | @ADDRESS_STATUSES@) problem="$problem, and the address is wrong ($what)" ;;
      4??:*)
        problem="$problem, and the receiver refuses the deploy ($what)"
        case $http:* in @LATER_STATUSES@) ;; *) code=3 ;; esac ;;
      *) problem="$problem, and the receiver did not take the deploy ($what)" ;;
    esac
  fi
  if [ -n "${GITHUB_OUTPUT:-}" ]; then
    printf 'ok=false\noutcome=failed\nreason=%s\nhttp-status=%s\n' "$problem" "${http:-}" >>"$GITHUB_OUTPUT"
    printf '⚠️ **GitDailies**: %s\n' "$problem" >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
  fi
  if yes "$(input FAIL_ON_ERROR)"; then
    printf '%s\n' "$error$problem"
    exit "$code"
  fi
  printf '%s\n' "$warning$problem"
  exit "$warned"
