# @ABOUT@
# @ORIGIN@
# Windows PowerShell 5.1 or PowerShell 7. Without Python it sends the documented fields by itself.

$Platforms = @(
@FACTS@
)
$Succeeded = @SUCCEEDED@
$Known = @KNOWN@
$Nothing = '', '<nil>', 'nil', '<no value>', '<default>', 'null', 'undefined', 'none'

function Get-First([string[]] $Names) {
    foreach ($name in $Names) {
        $texts = @($name -split '/' | ForEach-Object { "$([Environment]::GetEnvironmentVariable($_))".Trim() })
        if (-not ($texts | Where-Object { $Nothing -contains $_ })) { return $texts -join '/' }
    }
    return ''
}

function Get-Setting([string] $Name) {
    return Get-First @($Platform.Inputs | ForEach-Object { "${_}_$Name" })
}

function Test-Flag([string] $Name) {
    return @('true', '1', 'yes', 'on') -contains (Get-Setting $Name)
}

# Whether one of the rules holds: a variable with one of its words.
function Test-Rule($Rules) {
    foreach ($name in $Rules.Keys) {
        $text = Get-First $name
        if (-not $text) { $text = '""' } elseif ($Rules[$name] -contains '*') { return $true }
        if ($Rules[$name] -contains $text) { return $true }
    }
    return $false
}

function Find-Python {
    # Old versions of PowerShell take a word on standard error for an error of the script.
    $ErrorActionPreference = 'Continue'
    foreach ($candidate in 'python3', 'python', 'py -3') {
        $words = @($candidate -split ' ')
        $program, $arguments = $words[0], @($words | Select-Object -Skip 1)
        if (-not (Get-Command $program -CommandType Application -ErrorAction SilentlyContinue)) { continue }
        # Ask it: python3 may be a program that only opens the Microsoft Store. To say its version, a Python need not
        # start in full.
        try { $said = & $program @arguments -V 2>$null } catch { continue }
        if ("$said" -match '^Python (3\.(9|[1-9][0-9])|[4-9])') { return $candidate }
    }
    return ''
}

# owner/name of an address, if nothing else is in it: a port, a group or a folder of the server is not certain.
function Get-Slug([string] $Address) {
    if ($Address -match '^(?:[A-Za-z][A-Za-z0-9+.-]*://)?(?:[^/]*@)?[^/:@]+[:/]([^/:@\s]*[^/:@\s0-9][^/:@\s]*/[^/:@\s]+?)(?:\.git)?/?$') { return $Matches[1] }
    return ''
}

# A variable of ours that does not exist, which may be a typing error of one that does.
function Find-Unknown {
    $named = Get-First $Platform.Named
    $names = @(Get-ChildItem env: | Where-Object { "$($_.Value)".Trim() -and $_.Name -like 'GITDAILIES_*' } | ForEach-Object { $_.Name })
    return @($names | Where-Object { $Known -notcontains $_ -and $_ -ne $named -and $_ -notlike 'GITDAILIES_WEBHOOK*' }) -join ', '
}

# Why the commit of the run is not certain, or nothing. A checkout that was moved may be what was deployed.
function Find-Moved([string] $Sha, [string] $Pull) {
    if (Test-Rule $Platform.Open) { return "only Python looks for the commit of a run that names none; set $($Platform.Inputs[0])_SHA" }
    if ((Test-Rule $Platform.Certain) -or $Pull -or -not $Sha) { return '' }
    if (-not (Get-Command git -CommandType Application -ErrorAction SilentlyContinue)) { return '' }
    try { $head = "$(& git -c 'safe.directory=*' rev-parse HEAD 2>$null)" } catch { return '' }
    if (-not $head -or $head -eq $Sha) { return '' }
    return "the checkout is at $head, the run is of $Sha; set $($Platform.Inputs[0])_SHA"
}

# What was deployed, or why that is not certain. Only what variables tell is known here.
function Get-Deploy {
    $sha, $branch, $tag = (Get-First $Platform.Sha), (Get-First $Platform.Branch), (Get-First $Platform.Tag)
    $pull = Get-First $Platform.Pull
    if ($pull -eq 'false' -or (Test-Rule $Platform.NoPull)) { $pull = '' }
    if ($branch -match '^(?:refs/)?pull/([0-9]+)') { $pull = $Matches[1] }
    $branch = $branch -replace '^refs/heads/', '' -replace '^gh-readonly-queue/(.+)/pr-.*$', '$1'
    $doubt, $trunk = '', (Get-First $Platform.Trunk)
    $ofTrunk = $pull -and $branch -and $branch -ceq $trunk
    if ($pull -or $tag -or $branch -match '^refs/') { $branch = '' }
    if ($Platform.Only.Count -and -not (Test-Rule $Platform.Only)) { $sha = '' }
    $given = Get-Setting 'SHA'
    if ($given -and $given -ne $sha) { $sha, $branch = $given, '' }
    if (-not $given) { $doubt = Find-Moved $sha $pull }
    if ($ofTrunk) { $doubt = "only Python tells of whom pull request $pull is" }
    $unknown = Find-Unknown
    if ($unknown) { $doubt = "only Python tells what $unknown means; name it otherwise" }
    $given = Get-Setting 'BRANCH'
    if ($given) { $branch = $given -replace '^refs/heads/', '' -replace '^refs/.*$', '' }
    $repo = Get-Setting 'REPO'
    if (-not $repo) { $repo = Get-First $Platform.Repo }
    if (-not $repo) { $repo = Get-Slug (Get-First $Platform.Address) }
    $environment = Get-Setting 'ENVIRONMENT'
    if (-not $environment) { $environment = Get-First $Platform.Environment }
    if (-not $environment -and $pull) { $environment = 'preview' }
    $time = Get-Setting 'TIME'
    if ($sha -notmatch '^([0-9a-fA-F]{40}|[0-9a-fA-F]{64})$' -or $sha -match '^0+$') {
        $doubt = "only Python reads the commit here; set $($Platform.Inputs[0])_SHA in full"
    } elseif ($repo -notmatch '^[^/\s,@:\\]+(/[^/\s,@:\\]+)+$') {
        $doubt = "only Python reads this repository's name; set $($Platform.Inputs[0])_REPO to one name"
    } elseif ("$environment$branch$repo" -match '[\x00-\x1f\x7f]|##') {
        $doubt = 'a name has a character that is no text'
    } elseif ($environment, $branch -match '^(\$\(.*\)|\$\{.*\}|#\{.*\}|<<.*>>)$') {
        $doubt = 'nothing filled in a reference to a variable'
    } elseif ($time -match '[^0-9TZ:.+-]') {
        $doubt = "only Python reads this time"
    } elseif (Test-Flag 'DRY_RUN') {
        $doubt = 'only Python makes a dry run'
    }
    foreach ($name in $Platform.Refuse) {
        if (@('', '{}', 'null') -notcontains (Get-First $name)) { $doubt = "only Python reads $name" }
    }
    $body = [ordered]@{ kind = 'deployed'; repo = $repo; commitSHA = $sha }
    if ($environment) { $body['environment'] = $environment }
    if ($branch) { $body['branch'] = $branch }
    if ($time) { $body['time'] = $time }
    return @{ Doubt = $doubt; Body = $body }
}

# Sends once, because without an id a second attempt may count twice. Returns the status, or why there is none.
function Send-Deploy([uri] $Address, [string] $Key, $Body) {
    [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12
    $parameters = @{
        Method = 'Post'
        Uri = $Address
        # A redirect would take the key along.
        MaximumRedirection = 0
        TimeoutSec = 10
        ContentType = 'application/json'
        UserAgent = 'gitdailies-launcher'
        Headers = @{ 'webhook-key' = $Key }
        Body = [Text.Encoding]::UTF8.GetBytes((ConvertTo-Json $Body -Compress))
    }
    try {
        $answer = Invoke-RestMethod @parameters
    } catch {
        $status = [int] $_.Exception.Response.StatusCode
        if ($status) { return "$status" }
        return 'no answer'
    }
    if ($answer -is [xml] -or "$answer" -match '^\s*<(!doctype|html)') { return 'a web page' }
    return '2xx'
}

# Reports without Python. Returns the exit code of an error, with its text, or 0.
function Send-Report {
    $status = Get-Setting 'STATUS'
    if (-not $status) { $status = Get-First $Platform.Status }
    if ($status -and ($Succeeded + 'running') -notcontains $status) { Write-Host 'GitDailies: nothing reported: the job did not succeed'; return @{ Code = 0 } }
    if (Test-Rule $Platform.Skip) { Write-Host 'GitDailies: nothing reported: the job deploys nothing'; return @{ Code = 0 } }
    $deploy = Get-Deploy
    $address = Get-Setting 'WEBHOOK_URL'
    if (-not $address) { $address = Get-First 'GITDAILIES_WEBHOOK_URL' }
    $named = Get-First $Platform.Named
    $key = if ($named) { Get-First $named } else { Get-Setting 'WEBHOOK_KEY' }
    if (-not $key) { $key = Get-First 'GITDAILIES_WEBHOOK_KEY' }
    if (@('', 'key') -notcontains "$(Get-Setting 'AUTH')") { $deploy.Doubt = 'auth: only Python gets an ID token' }
    if (-not $deploy.Doubt -and $address -notmatch '^https?://[^@/\s]+(/\S*)?$') { $deploy.Doubt = 'webhook-url: expected an http or https address without a user' }
    if (-not $deploy.Doubt -and $key -notmatch '^[\x21-\x7e]+$') { $deploy.Doubt = 'webhook-key: expected a webhook key' }
    if ($deploy.Doubt) { return @{ Code = 2; Problem = $deploy.Doubt } }
    $answer = Send-Deploy $address $key $deploy.Body
    if ($answer -eq '2xx') {
        $body = $deploy.Body
        $where = if ($body['environment']) { " to $($body['environment'])" } else { ', which counts as production' }
        Write-Host "GitDailies: reported: deploy of $($body.repo) at $($body.commitSHA.Substring(0, 7))$where"
        Write-Host 'GitDailies: without Python 3.9, only the documented fields are sent'
        return @{ Code = 0 }
    }
    $code = 1
    $problem = "the receiver did not take the deploy ($answer)"
    if ($answer -eq 'a web page' -or @ADDRESS_STATUSES@ -contains $answer -or $answer -match '^3') {
        $problem = "the address is wrong ($answer)"
    } elseif (@KEY_STATUSES@ -contains $answer) {
        $code, $problem = 3, "the key is refused ($answer)"
    } elseif ($answer -match '^4' -and @LATER_STATUSES@ -notcontains $answer) {
        $code, $problem = 3, "the receiver refuses the deploy ($answer)"
    }
    return @{ Code = $code; Problem = $problem }
}

$Platform = $Platforms | Where-Object { -not $_.Marker -or @('', 'false') -notcontains (Get-First $_.Marker) } | Select-Object -First 1
if (-not $Platform) { $Platform = @{ Warning = 'GitDailies: WARNING: '; Error = 'GitDailies: ERROR: '; Inputs = @('GITDAILIES'); NoPull = @{}; Skip = @{}; Only = @{}; Certain = @{}; Open = @{} } }
$found = Find-Python
if ($found) {
    $words = @($found -split ' ')
    $program, $arguments = $words[0], @($words | Select-Object -Skip 1)
    @RUN@
    exit $LASTEXITCODE
}
$problem = 'deploy not reported: Python 3.9 or later was not found as python3, python or py -3'
try {
    $ended = Send-Report
} catch {
    # A deploy never fails for its report.
    $ended = @{ Code = 1; Problem = "the launcher itself failed ($($_.Exception.GetType().Name))" }
}
if ($ended.Code -eq 0) { exit 0 }
if (Test-Flag 'FAIL_ON_ERROR') {
    Write-Host "$($Platform.Error)$problem, and $($ended.Problem)"
    exit $ended.Code
}
Write-Host "$($Platform.Warning)$problem, and $($ended.Problem)"
exit 0
