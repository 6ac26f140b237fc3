# Reports a deploy to GitDailies. Windows PowerShell 5.1 or PowerShell 7, nothing is installed.
# It reports the same deploys as the Python and the Bash template.

$ErrorActionPreference = 'Stop'
Add-Type -AssemblyName System.Net.Http

$LongestSeconds = 60
$Documented = 'kind', 'repo', 'commitSHA', 'environment', 'branch', 'time'
$FailedWords = 'failure', 'failed', 'fail', 'error', 'errored', 'broken', 'unstable', '1', 'cancelled', 'canceled', 'aborted', 'abandoned', 'skipped', 'not_built', 'timed_out'
$GoodWords = 'success', 'succeeded', 'successful', 'succeededwithissues', 'passed', 'ok', '0'
$Nothing = '', '<nil>', 'nil', '<no value>', 'null', 'undefined', 'none'

function Get-Text([string] $Name) {
    $text = "$($OctopusParameters[$Name])".Trim()
    if ($Nothing -contains $text) { return $null }
    return $text
}

# A text without the user names and passwords of the addresses in it. These never leave the machine.
function Hide-User([string] $Text) {
    $words = foreach ($word in ($Text -split '(\s+)')) {
        $word = $word -replace '(?i)([a-z][a-z0-9+.-]*://)[^/?#\s]*@', '$1'
        $word = $word -replace '(?i)([a-z][a-z0-9+.-]*://)[^/?#\s@:]+:(?![0-9]*(?:[/?#]|$))[^\s@]*@', '$1'
        $parts = foreach ($part in ($word -split ',')) {
            if ($part.Contains('://')) { $part } else { $part -replace '^[^/@\s]*:[^@\s]*@(?=[^@\s/]+[/:])|^(?!git@)[^/@\s:]+@(?=[^@\s/:]+[/:])', '' }
        }
        $parts -join ','
    }
    return -join $words
}

function Get-Setting([string] $Name) {
    $text = Get-Text "GitDailies.$Name"
    if ($text -match '^#\{.*\}$') { throw "${Name}: expected a value, got a reference that nothing filled in" }
    return $text
}

function Get-Flag([string] $Name) {
    $text = Get-Setting $Name
    if (-not $text -or 'false', '0', 'no', 'off' -contains $text) { return $false }
    if ('true', '1', 'yes', 'on' -contains $text) { return $true }
    throw "${Name}: expected true or false, got '$text'"
}

function Get-Number([string] $Name, [double] $Default, [double] $Least, [double] $Most) {
    $text = Get-Setting $Name
    if (-not $text) { return $Default }
    $number = 0.0
    $style = [Globalization.NumberStyles]::Float
    $read = [double]::TryParse($text, $style, [Globalization.CultureInfo]::InvariantCulture, [ref] $number)
    if (-not $read -or -not ($number -ge $Least -and $number -le $Most)) {
        throw "${Name}: expected a number from $Least to $Most, got '$text'"
    }
    return $number
}

function Get-Sha([string] $Text) {
    $sha = $Text.Trim().ToLowerInvariant()
    if ($sha -match '^([0-9a-f]{40}|[0-9a-f]{64})$' -and $sha.Trim('0')) { return $sha }
    return $null
}

function Get-WholeSha([string] $Text, [string] $Where) {
    $sha = Get-Sha $Text
    if (-not $sha) { throw "${Where}: expected a commit of 40 or 64 hexadecimal digits, got '$Text'" }
    return $sha
}

function Get-Time([string] $Text) {
    if ($Text -notmatch '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$') {
        throw "Time: expected a time like 2026-03-04T08:55:12Z, got '$Text'"
    }
    $culture = [Globalization.CultureInfo]::InvariantCulture
    $moment = [DateTimeOffset]::Parse($Text, $culture).UtcDateTime
    return $moment.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'", $culture)
}

# owner/name of a repository's address; user and password in it are left behind.
function Get-Slug([string] $Address) {
    $text = $Address.Trim()
    if ($text -match '^(file|codecommit):' -or $text -match 'git-codecommit\.') { return $null }
    if ($text -notmatch '^(?:[A-Za-z][A-Za-z0-9+.-]*://(?:[^/]*@)?(?:\[[0-9A-Fa-f:.]+\]|[^/:@\[\]]+)(?::[0-9]*)?/|[^/@\s]*:[^\s]*@[^/:@\s]+(?::[0-9]+)?/|(?:[^/@:]+@)?(?:\[[0-9A-Fa-f:.]+\]|[^/:@\[\]]{2,}):(?!//))([^?#]*)') { return $null }
    $path = $Matches[1].Trim('/') -replace '\.git$', ''
    $parts = @($path -split '/' | Where-Object { $_ } | ForEach-Object {
            $plain = [uri]::UnescapeDataString($_)
            # A repository's name can hold no space and no slash.
            if ($plain -match '[\s/]') { $_ } else { $plain }
        })
    if ($text -match '[/@.](dev\.azure|visualstudio)\.com[:/]') {
        $parts = @($parts | Where-Object { '_git', 'v3', 'DefaultCollection' -cnotcontains $_ })
        if ($text -match '//(?:[^/]*@)?([^./@]+)\.visualstudio\.com' -and $Matches[1] -ne 'vs-ssh') { $parts = @($Matches[1]) + $parts }
        if ($parts.Count -eq 2) { $parts = $parts + $parts[1] }
    } elseif ($parts -ccontains '_git' -and $parts[-1] -cne '_git') {
        # The server may have a path of its own, often tfs.
        $at = [array]::IndexOf($parts, '_git')
        $before, $name = @($parts | Select-Object -First $at), $parts[$at + 1]
        if ($before.Count -gt 1 -and $before[0] -eq 'tfs') { $before = @($before | Select-Object -Skip 1) }
        $parts = if ($before.Count -gt 1) { @($before | Select-Object -Last 2) + $name } else { @($before) + $name + $name }
    } elseif ($parts.Count -gt 2 -and $parts[0] -ceq 'scm') {
        $parts = @($parts | Select-Object -Skip 1)
    } elseif ($parts.Count -eq 4 -and $parts[1] -ceq 'scm' -and $text -notmatch '[/@](github|gitlab)\.com[:/]|[/@]bitbucket\.org[:/]') {
        $parts = @($parts | Select-Object -Skip 2)
    }
    if ($parts.Count -gt 1) { return $parts -join '/' }
    return $null
}

function Get-Branch([string] $Ref) {
    if ($Nothing -contains $Ref.Trim() -or (Get-Sha $Ref)) { return $null }
    $name = $Ref.Trim() -replace '^refs/heads/', ''
    if ($name -match '^gh-readonly-queue/(.+)/pr-[^/]*$') { return $Matches[1] }
    if ($name -match '^refs/') { return $null }
    return $name
}

# The commits that a commit with this message undoes, as git revert writes it.
function Get-Reverted([string] $Message) {
    foreach ($found in [regex]::Matches($Message, '(?im)^\W*this reverts commit\s+([0-9a-f]{7,64})\b')) { $found.Groups[1].Value.ToLowerInvariant() }
}

function Read-List([string] $Name, [string] $Text) {
    if (-not $Text) { return }
    try { $Text | ConvertFrom-Json | ForEach-Object { $_ } } catch { Write-Host "$Name is no JSON" }
}

# The list holds every release since the last one here: the entry of this release tells what is
# deployed, all of them tell which commits came along. A release that goes back brings no changes, so
# its packages tell what is deployed.
function Get-BuiltTargets {
    $release = Get-Text 'Octopus.Release.Number'
    $changes = @(Read-List 'Octopus.Deployment.Changes' (Get-Text 'Octopus.Deployment.Changes'))
    $packages = @(foreach ($change in $changes) {
            foreach ($package in $change.BuildInformation) {
                [pscustomobject]@{ Deployed = "$($change.Version)" -eq $release; Repo = Get-Slug "$($package.VcsRoot)"; Package = $package }
            }
        })
    if (-not ($packages | Where-Object { $_.Deployed -and ($_.Repo -or (Get-Sha "$($_.Package.VcsCommitNumber)")) })) {
        $listed = @(Read-List 'Octopus.Deployment.PackageBuildInformation' (Get-Text 'Octopus.Deployment.PackageBuildInformation'))
        $packages = @(foreach ($one in $listed) {
                foreach ($package in (@($one) + @($one.BuildInformation | Where-Object { $_ }))) {
                    [pscustomobject]@{ Deployed = $true; Repo = Get-Slug "$($package.VcsRoot)"; Package = [pscustomobject]@{ VcsCommitNumber = $package.VcsCommitNumber; Branch = $package.Branch; Commits = @() } }
                }
            })
    }
    $seen = @{}
    foreach ($one in $packages) {
        $sha = Get-Sha "$($one.Package.VcsCommitNumber)"
        $name = "$($one.Repo)@$sha"
        if (-not $one.Deployed -or -not ($one.Repo -or $sha) -or $seen[$name]) { continue }
        $seen[$name] = $true
        $brought = @(foreach ($other in $packages) { if ($other.Repo -eq $one.Repo) { $other.Package.Commits } })
        $shas = @($brought | ForEach-Object { Get-Sha "$($_.Id)" } | Where-Object { $_ } | Select-Object -Unique)
        $undone = @()
        foreach ($commit in $brought) {
            $id = "$($commit.Id)".ToLowerInvariant()
            if (-not ($undone | Where-Object { $id.StartsWith($_) })) { $undone += @(Get-Reverted "$($commit.Comment)") }
        }
        @{ Repo = $one.Repo; Sha = $sha; Branch = Get-Branch "$($one.Package.Branch)"; Commits = $shas; Reverts = @($undone | Select-Object -Unique) }
    }
}

function Get-Targets {
    $own = @(Get-BuiltTargets)
    $given = Get-Setting 'Sha'
    if ($given) { $given = Get-WholeSha $given 'Sha' }
    $repositories = @((Hide-User "$(Get-Setting 'Repo')") -split '[\s,]+' | Where-Object { $_ })
    if (-not $repositories) {
        if ($given -and $own.Count -gt 1) { throw "Sha: expected none for $($own.Count) repositories, got one; set Repo to PATH@SHA" }
        if (-not $own) { $own = @(@{}) }
        foreach ($target in $own) {
            if ($given -and $given -ne $target.Sha) { @{ Repo = $target.Repo; Sha = $given } } else { $target }
        }
        return
    }
    foreach ($repository in $repositories) {
        $path, $sha = $repository -split '@', 2
        $path = $path.Trim('/')
        if ($path -notmatch '^[^/:]+(/[^/:]+)+$') { throw "Repo: expected a repository like larkspur/checkout-api, got '$repository'" }
        $wanted = if ($sha) { Get-WholeSha $sha 'Repo' } else { $given }
        $target = $own | Where-Object { $_.Repo -eq $path } | Select-Object -First 1
        if (-not $target -and $own.Count -eq 1 -and $repositories.Count -eq 1 -and (-not $own[0].Repo -or ($wanted -and $wanted -eq $own[0].Sha))) { $target = $own[0] }
        if (-not $target -and -not $wanted -and $own) { throw "Repo: expected ${path}@SHA, got no commit: Octopus Deploy has the commit of $($own.Repo -join ', ') only" }
        if ($target -and (-not $wanted -or $wanted -eq $target.Sha)) {
            $named = $target.Clone()
            $named.Repo = $path
            $named
        } else {
            @{ Repo = $path; Sha = $wanted }
        }
    }
}

# A JSON list of texts in ASCII: what the name of a deploy is made of, byte for byte as elsewhere.
function ConvertTo-JsonList([object[]] $Parts) {
    $texts = foreach ($part in $Parts) {
        if ($null -eq $part) { 'null'; continue }
        $written = foreach ($letter in "$part".ToCharArray()) {
            switch ([int] $letter) {
                34 { '\"'; break }
                92 { '\\'; break }
                8 { '\b'; break }
                9 { '\t'; break }
                10 { '\n'; break }
                12 { '\f'; break }
                13 { '\r'; break }
                { $_ -lt 32 -or $_ -gt 126 } { '\u{0:x4}' -f $_; break }
                default { [string] $letter }
            }
        }
        '"' + (-join $written) + '"'
    }
    return '[' + ($texts -join ',') + ']'
}

# A release that is deployed again is another deployment, so no attempt is part of the id.
function Get-DeployId($Platform, $Run, $Sha, $Repo, $Environment, $Service, $Type) {
    $text = ConvertTo-JsonList @($Platform, $Run, $Sha, $Repo, $Environment, $Service, $Type)
    $hash = [Security.Cryptography.SHA256]::Create().ComputeHash([Text.Encoding]::ASCII.GetBytes($text))
    return 'deploy-' + (-join ($hash | ForEach-Object { $_.ToString('x2') })).Substring(0, 32)
}

function Get-Deploys([string] $Receiver) {
    $targets = @(Get-Targets)
    $environment = Get-Setting 'Environment'
    if (-not $environment) { $environment = Get-Text 'Octopus.Environment.Name' }
    $type, $service, $id, $time, $url = 'Type', 'Service', 'Id', 'Time', 'Url' | ForEach-Object { , (Get-Setting $_) }
    if ($type -and 'deploy', 'rollback', 'hotfix' -cnotcontains $type) { throw "Type: expected one of deploy, rollback, hotfix, got '$type'" }
    if ($time) { $time = Get-Time $time }
    if ($url) { $url = Hide-User $url }
    $unsent = @('service', $service), @('type', $(if ($type -ne 'deploy') { $type })), @('fixes', (Get-Setting 'Fixes')), @('url', $url) | Where-Object { $_[1] } | ForEach-Object { $_[0] }
    if ($unsent -and $Receiver -ne 'ours') { Write-Host "not sent: $($unsent -join ', '), because the receiver takes the documented fields alone" }
    $server, $link = (Get-Text 'Octopus.Web.ServerUri'), (Get-Text 'Octopus.Web.DeploymentLink')
    if (-not $url -and $server -and $link) { $url = $server.TrimEnd('/') + '/' + $link.TrimStart('/') }
    $release, $deployment = (Get-Text 'Octopus.Release.Id'), (Get-Text 'Octopus.Deployment.Id')
    $ran = if ($deployment) { 'octopus:' + $(if ($release) { $release } else { $deployment }) }
    $platform, $run = 'octopus', $deployment
    if ($id) { $platform, $run = 'id', $id } elseif (-not $run) { $platform, $run = 'call', [guid]::NewGuid().ToString('n') }
    $kind = if ($type) { $type } else { 'deploy' }
    foreach ($target in $targets) {
        $remedy = "or push build information with its VcsRoot and VcsCommitNumber for the release's packages"
        if (-not $target.Repo) { throw "Repo: expected the repository, as owner/name, got nothing from Octopus Deploy; set Repo, $remedy" }
        if (-not $target.Sha) { throw "Sha: expected the deployed commit, got nothing from Octopus Deploy; set Sha, $remedy" }
        $given = Get-Setting 'Branch'
        $branch = if ($given) { Get-Branch $given } else { $target.Branch }
        $name = if ($id -and $targets.Count -eq 1) { $id } else { Get-DeployId $platform $run $target.Sha $target.Repo $environment $service $kind }
        $fields = [ordered]@{ kind = 'deployed'; repo = $target.Repo; commitSHA = $target.Sha; environment = $environment; branch = $branch; time = $time; id = $name; service = $service; run = $ran; attempt = $(if ($release) { $deployment }); reporter = 'step/octopus'; type = $type; url = $url; fixes = Get-Setting 'Fixes' }
        $body = [ordered]@{}
        foreach ($field in $fields.Keys) {
            if ($fields[$field] -and ($Receiver -eq 'ours' -or $Documented -contains $field)) { $body[$field] = $fields[$field] }
        }
        $commits = @($target.Commits | Where-Object { $_ } | Select-Object -First 1000 | ForEach-Object { @{ sha = $_ } })
        if ($commits -and $Receiver -eq 'ours') { $body['commits'] = $commits }
        $reverts = @($target.Reverts | Where-Object { $_ } | Select-Object -First 100)
        if ($reverts -and $Receiver -eq 'ours') { $body['reverts'] = $reverts }
        @{ Id = $name; Fields = $fields; Body = ConvertTo-Json $body -Depth 5 -Compress; Said = "$kind of $($target.Repo) at $($target.Sha.Substring(0, 7))$(if ($environment) { " to $environment" })" }
    }
}

# Sends again after no answer, 408, 425, 429 or 5xx; a minute at most for all events together.
function Send-Deploy($Client, [uri] $Address, [string] $Key, $Deploy, [int] $Retries, [datetime] $Until) {
    for ($attempt = 1; ; $attempt++) {
        $asked = 0.0
        try {
            $request = New-Object Net.Http.HttpRequestMessage ([Net.Http.HttpMethod]::Post), $Address
            $request.Content = New-Object Net.Http.StringContent $Deploy.Body, ([Text.Encoding]::UTF8), 'application/json'
            $null = $request.Headers.TryAddWithoutValidation('webhook-key', $Key)
            $null = $request.Headers.TryAddWithoutValidation('Idempotency-Key', $Deploy.Id)
            $null = $request.Headers.TryAddWithoutValidation('User-Agent', 'gitdailies-octopus')
            $answer = $Client.SendAsync($request).GetAwaiter().GetResult()
            $status = [int] $answer.StatusCode
            $said = "answered $status"
            if ($status -ge 200 -and $status -lt 300) {
                $page = $answer.Content.ReadAsStringAsync().GetAwaiter().GetResult().TrimStart()
                # A page to sign in takes no event.
                if ("$($answer.Content.Headers.ContentType.MediaType)" -notmatch 'html' -and $page -notmatch '^<(!doctype|html)') { return $null }
                return "the address answers with a web page, which may be one to sign in ($said); check Webhook URL"
            }
            if ($status -eq 409 -and $Deploy.Id -match '^deploy-[0-9a-f]{32}$') {
                # Such an id names one deploy, whatever else an attempt says of it.
                Write-Host "the receiver has $($Deploy.Id) already, with other content, and keeps the first"
                return $null
            }
            if ($status -in 401, 403) { return "the key is refused ($said); check Webhook key" }
            if ($status -in 404, 405, 410 -or ($status -ge 300 -and $status -lt 400)) { return "the address is wrong ($said); check Webhook URL" }
            if ($status -notin 408, 425, 429 -and $status -lt 500) { return $said }
            $after = $answer.Headers.RetryAfter
            if ($after.Delta) { $asked = $after.Delta.TotalSeconds } elseif ($after.Date) { $asked = ($after.Date - [DateTimeOffset]::UtcNow).TotalSeconds }
        } catch {
            $said = "no answer from $($Address.Authority): $($_.Exception.GetBaseException().Message)"
        }
        $seconds = [Math]::Max($asked, [Math]::Pow(2, [Math]::Min($attempt, 5) - 1) * (0.5 + (Get-Random -Maximum 0.5)))
        if ($attempt -gt $Retries -or [datetime]::UtcNow.AddSeconds($seconds) -ge $Until) { return "$said ($attempt attempts)" }
        Start-Sleep -Milliseconds ([int] ($seconds * 1000))
    }
}

# The command that sends a deploy later under the same id, in the quotes of a shell on Linux and macOS.
function Get-Later($Fields) {
    $time = [datetime]::UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", [Globalization.CultureInfo]::InvariantCulture)
    $options = [ordered]@{ repo = 'repo'; commitSHA = 'sha'; environment = 'environment'; branch = 'branch'; service = 'service'; type = 'type'; run = 'run'; attempt = 'attempt'; fixes = 'fixes'; url = 'page'; time = 'time'; id = 'id' }
    $words = foreach ($field in $options.Keys) {
        $text = if ($field -eq 'time' -and -not $Fields['time']) { $time } else { "$($Fields[$field])" }
        if ($text) { "--$($options[$field]) '$($text.Replace("'", "'\''"))'" }
    }
    return ". To send it later: gitdailies deploy $($words -join ' ')"
}

function Send-Report {
    $status = Get-Setting 'Status'
    if ($status -and ($FailedWords + $GoodWords) -notcontains $status) { throw "Status: expected a word like success, failure or cancelled, got '$status'" }
    if ($status -and $FailedWords -contains $status) { Write-Host "nothing reported: status is $($status.ToLowerInvariant())"; return }
    if (-not $status -and (Get-Text 'Octopus.Deployment.Error')) { Write-Host 'nothing reported: the deployment did not succeed (failed)'; return }
    $key, $try = "$(Get-Setting 'WebhookKey')", (Get-Flag 'DryRun')
    $receiver = Get-Setting 'Receiver'
    if (-not $receiver) { $receiver = if ($key.StartsWith('gdk_') -or ($try -and -not $key)) { 'ours' } else { 'documented' } }
    if ('documented', 'ours' -cnotcontains $receiver) { throw "Receiver: expected one of documented, ours, got '$receiver'" }
    $timeout, $retries = (Get-Number 'Timeout' 10 0.1 300), (Get-Number 'Retries' 1000 0 10)
    $deploys = @(Get-Deploys $receiver)
    if ($try) { $deploys | ForEach-Object { Write-Host "dry run, not sent: $($_.Said)"; Write-Host $_.Body }; return }
    if (-not $key) { throw "Webhook key: expected a webhook key, got nothing; set the template's parameter, best to a sensitive variable" }
    $address = "$(Get-Setting 'WebhookUrl')"
    if ($address -notmatch '^https?://[^@/\s]+(/\S*)?$') { throw 'Webhook URL: expected an http or https address without a user' }
    $where = ([uri] $address).DnsSafeHost
    $private = '^(0|10|127)\.|^192\.168\.|^169\.254\.|^172\.(1[6-9]|2\d|3[01])\.|^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|^::1$|^f[cd]..:|^fe[89ab].:|^[^.:]+$|\.(localhost|local|internal|home\.arpa|lan|localdomain|test|invalid)$'
    if ($address -match '^http:' -and $where -notmatch $private) {
        Write-Host '##octopus[stdout-warning]'
        Write-Host 'GitDailies: Webhook URL: http sends the key and the deploys unencrypted; use https'
        Write-Host '##octopus[stdout-default]'
    }
    [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12
    $handler = New-Object Net.Http.HttpClientHandler
    $handler.AllowAutoRedirect = $false
    $client = New-Object Net.Http.HttpClient $handler
    $client.Timeout = [timespan]::FromSeconds($timeout)
    $until = [datetime]::UtcNow.AddSeconds($LongestSeconds)
    $failed = @(foreach ($deploy in $deploys) {
            $problem = Send-Deploy $client $address $key $deploy $retries $until
            # What the receiver refuses for itself, it would refuse later, too.
            $later = if ($problem -and $problem -notmatch '^answered 4\d\d$') { Get-Later $deploy.Fields }
            if ($problem) { "not reported: $($deploy.Said): $problem$later" } else { Write-Host "reported: $($deploy.Said)" }
        })
    if ($failed) { throw ($failed -join '; ') }
}

try {
    Send-Report
} catch {
    # A deploy never fails for its report, unless it was told to. A line that begins like a message
    # to Octopus is none.
    $problem = "$($_.Exception.Message)" -replace '##octopus\[', '## octopus[' -replace '\s+', ' '
    $strict = try { Get-Flag 'FailOnError' } catch { $false }
    if ($strict) { Write-Host '##octopus[stdout-error]' } else { Write-Host '##octopus[stdout-warning]' }
    Write-Host "GitDailies: $problem"
    Write-Host '##octopus[stdout-default]'
    if ($strict) { exit 1 }
}
