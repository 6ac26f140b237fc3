"""The statements of the derived rows that several modules share, by name.

`?` is a parameter. In a `Lookup`, `given` is the table of the rows that the caller looks up. Times are
whole microseconds since 1970. A target is a repository, an environment and a service ("" for none), folded.

Aliases: d is a row of figures_deploys, c of figures_commits, i of figures_incidents, g of git_deploys,
e of events.
"""

from gitdailies_dora.sql.bulk import Lookup

# The deploys, or the first deploys of a commit, that the caller's row names.
_OF_TARGET = "d.repo = given.repo AND d.environment = given.environment AND d.service = given.service"
_OF_COMMIT = (
    "c.repo = given.repo AND c.environment = given.environment AND c.sha = given.sha"
    " AND c.service = given.service"
)

# --- Deploys ---

# Names that begin with "+" are columns of numbers (`bulk.insert_many`).
DEPLOY_COLUMNS = (
    "id, repo, environment, service, +at, sha, exact, run, attempt, reporter, says, +counts, rule, repeats,"
    " type, +known, +rework, unknown, +unknown_commits, leads, +own_new, mentions, reverts, +remedied_at,"
    " judged"
)
DELETE_DEPLOY = "DELETE FROM figures_deploys WHERE id = ?"

# The counting deploys for a timeline, and whether each failed at a moment, which is given three times: 1 if
# only time says so, else 2. An incident attributed in the way after the first moment makes none fail.
SELECT_DEPLOYS = """
SELECT d.id, d.at, CASE d.judged WHEN 'failed' THEN 2 WHEN 'not-failed' THEN 0 ELSE CASE
 WHEN d.remedied_at <= ? THEN 2 ELSE coalesce((SELECT
  max(CASE WHEN i.how <> 'by-time' THEN 2 WHEN i.how <> ? THEN 1 ELSE 0 END)
  FROM figures_incidents i WHERE i.deploy = d.id AND i.since <= ? AND i.until > ?), 0) END END
FROM figures_deploys d WHERE d.counts = 1 AND {where} ORDER BY d.at, d.id
"""
# The deploys that did not fail, whatever is attributed to them: corrections say so.
NOT_FAILED = "SELECT id FROM figures_deploys WHERE judged <> '' AND judged = 'not-failed'"
# Where and when deploys with these ids happened.
TIMES_OF_DEPLOYS = Lookup("d.environment, d.at", "figures_deploys d", "d.id = given.id")

# Whether a deploy brought something, known or not.
_BROUGHT_SOMETHING = (
    "CASE WHEN d.counts = 1 AND (d.unknown <> '' OR d.unknown_commits > 0 OR d.leads <> '') THEN 1 ELSE 0 END"
)

# Whether a deploy remedied another by its reverts.
_UNDOES = "EXISTS (SELECT 1 FROM figures_remedies r WHERE r.remedy = d.id AND r.sha <> '')"

# What later deploys and incidents can see of deploys with these ids.
DEPLOYS_BY_ID = Lookup(
    "d.id, d.repo, d.environment, d.service, d.at, d.sha, d.exact, d.run, d.attempt, d.reporter, d.says,"
    f" d.counts, d.type, d.own_new, d.mentions, d.reverts, {_BROUGHT_SOMETHING}, d.repeats, d.known,"
    f" d.reverts <> '' AND {_UNDOES}",
    "figures_deploys d",
    "d.id = given.id",
)

# The rest of the rows of deploys with these ids, for the reasons why they count.
DEPLOY_RESULTS = Lookup(
    "d.id, d.service, d.counts, d.rule, d.repeats, d.type, d.known, d.unknown, d.unknown_commits, d.leads,"
    " d.rework, d.mentions LIKE '%*%', d.judged",
    "figures_deploys d",
    "d.id = given.id",
)

# The last deploy before a position in its target, the last counting one, and when the next of any kind is.
DEPLOYS_AROUND = f"""
given.number,
(SELECT d.id FROM figures_deploys d WHERE {_OF_TARGET}
  AND (d.at, d.id) < (given.at, given.id) ORDER BY d.at DESC, d.id DESC LIMIT 1),
(SELECT d.id FROM figures_deploys d WHERE {_OF_TARGET} AND d.counts = 1
  AND (d.at, d.id) < (given.at, given.id) ORDER BY d.at DESC, d.id DESC LIMIT 1),
(SELECT d.at FROM figures_deploys d WHERE {_OF_TARGET}
  AND (d.at, d.id) > (given.at, given.id) ORDER BY d.at, d.id LIMIT 1)
"""  # noqa: S608  a constant

# Whether there is a deploy after a position in its target, and when the next counting one is.
DEPLOYS_AFTER = f"""
given.number,
(SELECT 1 FROM figures_deploys d WHERE {_OF_TARGET} AND (d.at, d.id) > (given.at, given.id)
  ORDER BY d.at, d.id LIMIT 1),
(SELECT d.at FROM figures_deploys d WHERE {_OF_TARGET} AND d.counts = 1
  AND (d.at, d.id) > (given.at, given.id) ORDER BY d.at, d.id LIMIT 1)
"""  # noqa: S608  a constant

# The deploy that brought a commit, if the first that has it did so.
_BROUGHT_BY = f"""\
(SELECT CASE WHEN c.own = 1 AND c.brought = 1 THEN c.deploy END FROM figures_commits c
 WHERE {_OF_COMMIT} AND (c.at, c.deploy) < (given.at, given.id) ORDER BY c.at, c.deploy LIMIT 1)"""  # noqa: S608
# Of a SHA before a position in its target: the first deploy that did not bring it, the first counting one of
# these, and the deploy that brought it, if that is of it: the first that has the commit. No counting one is
# before that, and thousands of repeats may be behind it, so it is not looked for then. `+ 0` keeps a planner
# without statistics from the indexes of counting deploys, which do not have the SHA.
FIRST_OF_SHA = f"""
given.number,
(SELECT d.id FROM figures_deploys d WHERE {_OF_TARGET} AND d.sha = given.sha
  AND d.own_new = 0 AND (d.at, d.id) < (given.at, given.id) ORDER BY d.at, d.id LIMIT 1),
CASE WHEN {_BROUGHT_BY} IS NULL THEN
(SELECT d.id FROM figures_deploys d WHERE {_OF_TARGET} AND d.sha = given.sha
  AND d.own_new = 0 AND d.counts + 0 = 1 AND (d.at, d.id) < (given.at, given.id)
  ORDER BY d.at, d.id LIMIT 1) END,
{_BROUGHT_BY}
"""  # noqa: S608  a constant

# Of the deploys of a SHA before a position that did not bring it: whether one had this exact environment, and
# whether one had this reporter if that is `asked`. Of all of them: the first counting one with this run and
# attempt if a run is named. With times that no index has (`+ 0`), the index of runs is the best one for it.
SAME_OF_SHA = f"""
given.number,
(SELECT 1 FROM figures_deploys d WHERE {_OF_TARGET} AND d.sha = given.sha AND d.own_new = 0
  AND d.exact = given.exact AND (d.at, d.id) < (given.at, given.id) ORDER BY d.at, d.id LIMIT 1),
CASE WHEN given.asked = 1 THEN
(SELECT 1 FROM figures_deploys d WHERE {_OF_TARGET} AND d.sha = given.sha AND d.own_new = 0
  AND d.reporter = given.reporter AND (d.at, d.id) < (given.at, given.id) ORDER BY d.at, d.id LIMIT 1) END,
CASE WHEN given.run <> '' THEN
(SELECT d.id FROM figures_deploys d WHERE {_OF_TARGET} AND d.run = given.run AND d.attempt = given.attempt
 AND d.sha = given.sha AND d.run <> '' AND d.counts = 1 AND (given.says = '' OR d.says = given.says)
 AND (d.at + 0 < given.at OR (d.at + 0 = given.at AND d.id < given.id)) ORDER BY d.at + 0, d.id LIMIT 1) END
"""  # noqa: S608  a constant

# The latest counting deploy before a position that is no rollback and of another commit, since a moment.
LATEST_OTHER = f"""
given.number,
(SELECT d.id FROM figures_deploys d WHERE {_OF_TARGET} AND d.counts = 1
  AND d.type <> 'rollback' AND d.at > given.since
 AND substr(d.sha, 1, length(given.sha)) <> given.sha AND substr(given.sha, 1, length(d.sha)) <> d.sha
 AND (d.at, d.id) < (given.at, given.id) ORDER BY d.at DESC, d.id DESC LIMIT 1)
"""  # noqa: S608  a constant

# Repeats of a deploy between two moments.
REPEATS_BETWEEN = Lookup(
    "d.id, d.repeats",
    "figures_deploys d",
    f"{_OF_TARGET} AND d.at >= given.since AND d.at <= given.until AND d.counts = 0 AND d.repeats = given.id",
)

# The deploys of a target before a position, since a moment.
DEPLOYS_SINCE = Lookup(
    "given.number, d.id",
    "figures_deploys d",
    f"{_OF_TARGET} AND d.at >= given.since AND (d.at, d.id) < (given.at, given.id)",
)

# The last service of a repository and environment before another one, in alphabetical order.
SERVICE_BEFORE = """
given.number,
(SELECT d.service FROM figures_deploys d WHERE d.repo = given.repo AND d.environment = given.environment
  AND d.service > '' AND d.service < given.service ORDER BY d.service DESC LIMIT 1)
"""
# The deploys of a target: a page of the latest ones, and all of them.
LATEST_OF_TARGET = (
    "SELECT id FROM figures_deploys WHERE repo = ? AND environment = ? AND service = ?"
    " ORDER BY at DESC, id DESC LIMIT ? OFFSET ?"
)
DEPLOYS_OF_TARGET = Lookup("d.id", "figures_deploys d", _OF_TARGET)

# The first deploy of each environment and service of repositories, `{}`, in alphabetical order, except that
# of production that names no service. It takes one step in the index for each.
_NEXT_OF = (
    "(SELECT n.id FROM figures_deploys n WHERE n.repo = {0}.repo AND (n.environment, n.service) > {1}"
    " ORDER BY n.environment, n.service, n.at, n.id LIMIT 1)"
)
_FIRST_OF = "SELECT d.repo, d.environment, d.service, d.at, d.id FROM {} JOIN figures_deploys d ON d.id = "
FIRST_OF_SERVICES = f"""
WITH RECURSIVE known(repo, environment, service, at, id) AS (
 {_FIRST_OF}{_NEXT_OF.format("given", "('', '')")}
 UNION ALL
 {_FIRST_OF.format("known")}{_NEXT_OF.format("known", "(known.environment, known.service)")}
)
SELECT repo, environment, service, at, id FROM known
"""  # noqa: S608  a constant
# The counting deploys of a repository with new or unknown commits, from a position on, before another one.
LISTING_BETWEEN = (
    "SELECT id FROM figures_deploys WHERE repo = ? AND counts = 1 AND (mentions <> '' OR leads <> '')"
    " AND (at, id) >= (?, ?) AND (at, id) < (?, ?)"
)

# The latest counting deploy of another service than an incident's, in the window before it.
LATEST_OF_OTHERS = """
given.id,
(SELECT d.id FROM figures_deploys d WHERE d.counts = 1 AND d.repo = given.repo
 AND d.environment = given.environment AND d.service NOT IN (given.service, '') AND d.at > given.since
 AND d.at <= given.at ORDER BY d.at DESC, d.id DESC LIMIT 1)
"""

# Deploys after a position in its target, in order.
_NEXT = (
    f"SELECT id, at, counts, type, sha, {_BROUGHT_SOMETHING} FROM figures_deploys d"  # noqa: S608  a constant
    " WHERE repo = ? AND environment = ? AND service = ?{} AND (at, id) > (?, ?) ORDER BY at, id LIMIT ?"
)
NEXT_DEPLOYS, NEXT_COUNTING = _NEXT.format(""), _NEXT.format(" AND counts = 1")
# Deploys of a SHA after a position in its target, up to a moment, that did not bring it.
LATER_OF_SHA = Lookup(
    "d.id, d.at, d.counts",
    "figures_deploys d",
    f"{_OF_TARGET} AND d.sha = given.sha AND d.own_new = 0 AND d.at >= given.at AND d.at <= ?",
)

# The latest counting deploy between two moments. It is one of a service or of none, if a deploy, counted or
# repeat, named that service up to then; else one of any service. Its id and its service are columns.
_IN_WINDOW = "d.counts = 1 AND d.at <= given.at AND d.at > given.since ORDER BY d.at DESC, d.id DESC LIMIT 1"
_IN_PLACE = "d.repo = given.repo AND d.environment = given.environment"
_OF_EITHER = " UNION ALL ".join(
    f"SELECT * FROM (SELECT d.at, d.id, d.service FROM figures_deploys d"  # noqa: S608  a constant
    f" WHERE {_IN_PLACE} AND d.service = {one} AND {_IN_WINDOW}) {name}"
    for name, one in (("of_it", "given.service"), ("of_none", "''"))
)
_LATEST = f"""
given.number,
CASE WHEN given.service <> '' AND EXISTS (SELECT 1 FROM figures_deploys d
 WHERE {_OF_TARGET} AND d.at <= given.at)
THEN (SELECT d.{{0}} FROM ({_OF_EITHER}) d ORDER BY d.at DESC, d.id DESC LIMIT 1)
ELSE (SELECT d.{{0}} FROM figures_deploys d WHERE {_IN_PLACE} AND {_IN_WINDOW}) END
"""  # noqa: S608  a constant
LATEST_DEPLOY, LATEST_SERVICE = _LATEST.format("id"), _LATEST.format("service")

# Whether a deploy of a service, counted or repeat, is before a position, and when the first one after it is.
NAMED_AROUND = f"""
given.number,
(SELECT 1 FROM figures_deploys d WHERE {_OF_TARGET} AND (d.at, d.id) < (given.at, given.id)
  ORDER BY d.at, d.id LIMIT 1),
(SELECT d.at FROM figures_deploys d WHERE {_OF_TARGET} AND (d.at, d.id) > (given.at, given.id)
  ORDER BY d.at, d.id LIMIT 1)
"""  # noqa: S608  a constant

# How many counting deploys there are, up to a number; `{where}` is for a target and a period.
COUNT_DEPLOYS = (
    "SELECT count(*) FROM (SELECT 1 FROM figures_deploys WHERE counts = 1 AND {where} LIMIT ?) AS found"
)

# When the first counting deploy happened; `{where}` is for a target.
FIRST_DEPLOY = "SELECT at FROM figures_deploys WHERE counts = 1 AND {where} ORDER BY at LIMIT 1"

# The environments of rows in alphabetical order, up to a number, one step in the index for each.
_ENVIRONMENTS = """
WITH RECURSIVE known(name) AS (
 SELECT (SELECT environment FROM {0} ORDER BY environment LIMIT 1)
 UNION ALL
 SELECT (SELECT environment FROM {0} AND environment > known.name ORDER BY environment LIMIT 1)
 FROM known WHERE known.name IS NOT NULL
)
SELECT name FROM known WHERE name IS NOT NULL LIMIT ?
"""
ENVIRONMENTS = _ENVIRONMENTS.format("figures_deploys WHERE counts = 1")
ENVIRONMENTS_OF_INCIDENTS = _ENVIRONMENTS.format("figures_incidents WHERE 1 = 1")

LONGER_DEPLOYED = Lookup(
    "DISTINCT given.number, d.sha",
    "figures_deploys d",
    f"{_OF_TARGET} AND d.own_new = 0 AND d.sha > given.sha AND d.sha < given.behind",
)

# --- Commits ---

COMMIT_COLUMNS = "repo, environment, sha, service, +at, deploy, +own, +brought"
DELETE_COMMIT = (
    "DELETE FROM figures_commits WHERE repo = ? AND environment = ? AND sha = ? AND service = ? AND at = ?"
    " AND deploy = ?"
)

_BEFORE_THAT_BROUGHT = (
    f"{_OF_TARGET} AND d.counts = 1 AND (d.unknown <> '' OR d.unknown_commits > 0 OR d.leads <> '')"
    " AND (d.at, d.id) < (given.at, given.id)"
)
# The latest deploy before a position in its target that brought something, and its commit if it listed none.
LATEST_BROUGHT = f"""
given.number,
(SELECT d.at FROM figures_deploys d WHERE {_BEFORE_THAT_BROUGHT} ORDER BY d.at DESC, d.id DESC LIMIT 1),
(SELECT d.id FROM figures_deploys d WHERE {_BEFORE_THAT_BROUGHT} ORDER BY d.at DESC, d.id DESC LIMIT 1),
(SELECT CASE WHEN d.mentions = '' THEN d.sha ELSE '' END FROM figures_deploys d WHERE {_BEFORE_THAT_BROUGHT}
 ORDER BY d.at DESC, d.id DESC LIMIT 1)
"""  # noqa: S608  a constant

# 1 if an earlier deploy of a target was of a commit or listed it, else 2 if one named it as a parent.
COMMIT_BEFORE = f"""
given.number,
CASE WHEN (SELECT 1 FROM figures_commits c WHERE {_OF_COMMIT} AND c.brought <> 2
 AND (c.at, c.deploy) < (given.at, given.id) LIMIT 1) IS NOT NULL THEN 1
WHEN (SELECT 1 FROM figures_commits c WHERE {_OF_COMMIT} AND c.brought = 2
 AND (c.at, c.deploy) < (given.at, given.id) LIMIT 1) IS NOT NULL THEN 2 END
"""  # noqa: S608  a constant
# The first deploy that listed a commit.
BROUGHT_BEFORE = f"""
given.number,
(SELECT c.deploy FROM figures_commits c WHERE {_OF_COMMIT}
 AND c.brought = 1 AND (c.at, c.deploy) < (given.at, given.id) ORDER BY c.at, c.deploy LIMIT 1)
"""  # noqa: S608  a constant
# The deploys of a target that had a commit since a moment.
MENTIONS_AFTER = Lookup(
    "c.deploy, c.at",
    "figures_commits c",
    f"{_OF_COMMIT} AND c.at >= given.at",
)
# The deploys of any service that are of a commit, or brought it.
CANDIDATES = Lookup(
    "given.number, c.service, c.at, c.deploy",
    "figures_commits c",
    "c.repo = given.repo AND c.environment = given.environment AND c.sha = given.sha"
    " AND (c.own = 1 OR c.brought = 1)",
)
LONGER_MENTIONED_ANYWHERE = Lookup(
    "DISTINCT given.number, c.sha",
    "figures_commits c",
    "c.repo = given.repo AND c.environment = given.environment AND c.sha > given.sha"
    " AND c.sha < given.behind",
)
LONGER_MENTIONED = LONGER_MENTIONED_ANYWHERE._replace(
    where=f"{LONGER_MENTIONED_ANYWHERE.where} AND c.service = given.service"
)

LENGTHS = Lookup("n.repo, n.length", "figures_lengths n", "n.repo = given.repo")

# --- Remedies ---

REVERT_COLUMNS = "repo, environment, sha, service, +at, deploy"
DELETE_REVERT = (
    "DELETE FROM figures_reverts WHERE repo = ? AND environment = ? AND sha = ? AND service = ? AND at = ?"
    " AND deploy = ?"
)
REVERTS_AFTER = Lookup(
    "v.deploy, v.at",
    "figures_reverts v",
    "v.repo = given.repo AND v.environment = given.environment AND v.service = given.service"
    " AND v.sha = given.sha AND v.at >= given.at",
)
LONGER_REVERTED = Lookup(
    "DISTINCT given.number, v.sha",
    "figures_reverts v",
    "v.repo = given.repo AND v.environment = given.environment AND v.service = given.service"
    " AND v.sha > given.sha AND v.sha < given.behind",
)
REMEDY_COLUMNS = "deploy, +at, remedy, sha"
REMEDIES_BY = Lookup("r.deploy, r.at, r.remedy, r.sha", "figures_remedies r", "r.remedy = given.id")
REMEDIES_OF = Lookup("r.deploy, r.at, r.remedy, r.sha", "figures_remedies r", "r.deploy = given.id")
# What else the deploys remedied that remedied these.
REMEDIED_BESIDE = Lookup(
    "r.deploy, r.at, r.remedy, r.sha",
    "figures_remedies o",
    "o.deploy = given.id",
    and_of=Lookup("", "figures_remedies r", "r.remedy = o.remedy"),
)
DELETE_REMEDY = "DELETE FROM figures_remedies WHERE deploy = ? AND at = ? AND remedy = ?"
SET_REMEDIED = (
    "UPDATE figures_deploys SET remedied_at ="
    " (SELECT min(r.at) FROM figures_remedies r WHERE r.deploy = figures_deploys.id) WHERE id = ?"
)

# --- Incidents ---

INCIDENT_COLUMNS = (
    "id, +since, +until, repo, environment, service, incident_id, +at, end_id, +ended_at, +merged, cause,"
    " deploy, deploy_service, +deploy_at, how, wide"
)
DELETE_INCIDENT = "DELETE FROM figures_incidents WHERE id = ? AND since = ?"

# The incidents for a timeline, as known at a moment, which is the first two parameters; a target and a period
# follow.
SELECT_INCIDENTS = (
    "SELECT id, at, ended_at, deploy FROM figures_incidents"
    " WHERE since <= ? AND until > ? AND {where} ORDER BY at, id"
)

# When the first incident started; `{where}` is for a target.
FIRST_INCIDENT = "SELECT at FROM figures_incidents WHERE since < until AND {where} ORDER BY at LIMIT 1"

_INCIDENT = (
    "i.id, i.since, i.until, i.repo, i.environment, i.service, i.incident_id, i.at, i.end_id, i.ended_at,"
    " i.merged, i.cause, i.deploy, i.deploy_service, i.deploy_at, i.how, i.wide"
)

# Whether incidents started since a moment, and whether any names its cause.
INCIDENTS_SINCE = """
given.number,
(SELECT 1 FROM figures_incidents i WHERE i.repo = given.repo AND i.environment = given.environment
 AND i.at >= given.since LIMIT 1),
(SELECT 1 FROM figures_incidents i WHERE i.repo = given.repo AND i.environment = given.environment
 AND i.cause IS NOT NULL LIMIT 1)
"""

# Incidents that have no cause for a time and started between two moments.
INCIDENTS_BETWEEN = Lookup(
    _INCIDENT,
    "figures_incidents i",
    "i.repo = given.repo AND i.environment = given.environment"
    " AND i.at >= given.since AND i.at <= given.until AND i.cause IS NULL",
    "i.at",
)

# With one service, also those that another deploy would not concern.
INCIDENTS_OF_SERVICE = INCIDENTS_BETWEEN._replace(
    where=f"{INCIDENTS_BETWEEN.where} AND i.service = given.service"
)

# Incidents whose cause for a time is this SHA, or longer than it.
INCIDENTS_CAUSED_BY = Lookup(
    _INCIDENT,
    "figures_incidents i",
    "i.repo = given.repo AND i.environment = given.environment AND i.cause = given.sha",
)
LONGER_CAUSES = Lookup(
    "DISTINCT given.number, i.cause",
    "figures_incidents i",
    "i.repo = given.repo AND i.environment = given.environment"
    " AND i.cause > given.sha AND i.cause < given.behind",
)

# Every occurrence of an incident; incidents by the id of their start; those attributed to a deploy.
OCCURRENCES = Lookup(
    _INCIDENT, "figures_incidents i", "i.repo = given.repo AND i.incident_id = given.incident_id"
)
INCIDENTS_BY_ID = Lookup(_INCIDENT, "figures_incidents i", "i.id = given.id")
# Those of these starts whose incident is open at a moment, which is given three times.
OPEN_STARTS = Lookup(
    "i.id",
    "figures_incidents i",
    "i.id = given.id AND i.since <= ? AND i.until > ? AND (i.ended_at IS NULL OR i.ended_at > ?)",
)
INCIDENTS_OF_DEPLOY = Lookup(_INCIDENT, "figures_incidents i", "i.deploy = given.id")

# --- Figures: each is for one environment and one span of time ---

# The part of the figures that deploys give, without failures; `{where}` is for a target and a period.
DEPLOYS = (
    "SELECT id, repo, service, at, rework, CASE WHEN unknown = '' THEN 0 ELSE 1 END, unknown_commits, leads"
    " FROM figures_deploys WHERE counts = 1 AND {where}"
)

# Deploys that a later one had remedied at a moment, unless a correction says that they did not fail; a target
# and a period follow.
REMEDIED = (
    "SELECT id, at, repo, service, remedied_at - at FROM figures_deploys"
    " WHERE counts = 1 AND remedied_at <= ? AND judged <> 'not-failed' AND {where}"
)
# Deploys that failed because a correction says so; a target and a period follow.
JUDGED_FAILED = (
    "SELECT id, at, repo, service, NULL FROM figures_deploys"
    " WHERE counts = 1 AND judged <> '' AND judged = 'failed' AND {where}"
)

# Deploys that incidents are attributed to, each with the span of one incident, as known at a moment, which
# is the first two parameters; a target and a period of deploys follow.
SPANS = (
    "SELECT deploy, deploy_at, repo, deploy_service, how, at, ended_at, merged FROM figures_incidents"
    " WHERE since <= ? AND until > ? AND deploy IS NOT NULL AND {where}"
)

# Incidents that were attributed to no deploy at a moment, which is the first two parameters; a target and a
# period follow.
UNLINKED = (
    "SELECT repo, service, at, wide, how FROM figures_incidents"
    " WHERE since <= ? AND until > ? AND deploy IS NULL AND {where}"
)
# The same for those that were attributed to a deploy by time alone, with its service.
BY_TIME = (
    "SELECT repo, deploy_service, at FROM figures_incidents"
    " WHERE since <= ? AND until > ? AND how = 'by-time' AND {where}"
)

# Incidents that ended after a moment, until another one. The row of an end names its occurrence.
ENDS = "SELECT repo, incident_id, id FROM events WHERE kind = 'incidentResolved' AND time > ? AND time <= ?"
_ENDED = (
    "i.repo = given.repo AND i.incident_id = given.incident_id AND i.environment = given.environment"
    " AND i.end_id = given.end_id"
)
# From when on each row of them holds.
ENDED_SINCE = Lookup("i.since, i.ended_at", "figures_incidents i", _ENDED)
# Those of them that were attributed to a deploy at a moment, which is given twice, each with the counting
# deploys of the same target after it that may have fixed it: in the hour before it ended.
FIXES = Lookup(
    "i.id, i.at, i.deploy, d.at, d.id, d.rework",
    "figures_incidents i",
    # With IS NOT NULL, SQLite would read every linked incident of the repository, by their index.
    f"{_ENDED} AND i.merged = 0 AND coalesce(i.deploy, '') <> '' AND i.since <= ? AND i.until > ?",
    and_of=Lookup(
        "",
        "figures_deploys d",
        "d.repo = i.repo AND d.environment = i.environment AND d.service = i.deploy_service AND d.counts = 1"
        " AND d.at >= CASE WHEN i.at > i.ended_at - 3600000000 THEN i.at ELSE i.ended_at - 3600000000 END"
        " AND d.at < i.ended_at"
        " AND (d.at, d.id) > (i.deploy_at, i.deploy) AND (d.known = 0 OR d.type = 'rollback')",
    ),
)

# Incidents that are open at a moment, which is the first two parameters; a target follows. No row holds
# before its incident started, and the few open ones have an index of their own.
OPEN_INCIDENTS = (
    "SELECT repo, service, environment FROM figures_incidents"
    " WHERE since <= ? AND until > ? AND ended_at IS NULL AND {where}"
)
# The same for those that ended later than that moment, which is the first four parameters.
OPEN_THEN = (
    "SELECT repo, service, environment FROM figures_incidents"
    " WHERE since <= ? AND until > ? AND at <= ? AND ended_at > ? AND {where}"
)

# The time of the first event of each spelling of a repository.
FIRST_TIMES = (
    "SELECT name, (SELECT e.time FROM events e WHERE e.repo = name ORDER BY e.time LIMIT 1) FROM repositories"
)

# The packed weeks of each environment that answer a question: its last and its first time, and its moment.
USABLE_WEEKS = (
    "SELECT environment, began, ended - 1 FROM packed_weeks"
    " WHERE began <= ? AND ended > ? AND holds_from <= ? ORDER BY environment, began"
)
# What is packed of some of these weeks: the first, the last and the moment follow.
WEEKS = (
    "SELECT places, deploys, lead_times, failures, unlinked, lead_counts, times, rest FROM packed_weeks"
    " WHERE environment = ? AND began >= ? AND began <= ? AND holds_from <= ? ORDER BY began"
)

# --- Events ---

# The bodies of all events of a repository, and of those with these ids.
BODIES_OF_REPOSITORY = "SELECT body FROM events WHERE repo = ?"
BODIES_BY_ID = Lookup("e.body", "events e", "e.id = given.id")

# The deploys of a repository between two moments, up to a number: all, those that name a service, those that
# name none, and those whose commit counted before.
DEPLOYS_BETWEEN = Lookup(
    "e.body",
    "events e",
    "e.repo = given.name AND e.time >= given.since AND e.time <= given.until AND e.incident_id IS NULL"
    " AND e.seq <= ?",
    "e.time",
)
NAMED_BETWEEN = DEPLOYS_BETWEEN._replace(where=f"{DEPLOYS_BETWEEN.where} AND e.service IS NOT NULL")
UNNAMED_BETWEEN = DEPLOYS_BETWEEN._replace(where=f"{DEPLOYS_BETWEEN.where} AND e.service IS NULL")
_KNOWN = "(SELECT 1 FROM figures_deploys d WHERE d.id = e.id AND d.known = 1 LIMIT 1) = 1"
KNOWN_BETWEEN = DEPLOYS_BETWEEN._replace(select="e.id", where=f"{DEPLOYS_BETWEEN.where} AND {_KNOWN}")
# The given events that name a service, and those that name none.
WITH_SERVICE = Lookup("e.id", "events e", "e.id = given.id AND e.service IS NOT NULL")
WITHOUT_SERVICE = Lookup("e.id", "events e", "e.id = given.id AND e.service IS NULL")

# The starts and ends of these incidents.
BODIES_OF_INCIDENT = Lookup(
    "given.incident_id, e.repo, e.body", "events e", "e.incident_id = given.incident_id"
)

# Events by their ids, for the DORA page.
EVENTS_BY_ID = Lookup("e.id, e.seq, e.body", "events e", "e.id = given.id")

# One event by its id.
EVENT_BY_ID = "SELECT seq, repo, body FROM events WHERE id = ?"

# A page of the events of a repository between two moments, after the cursor (time, id).
EVENTS_OF_PERIOD = (
    "SELECT time, id, seq, repo, body FROM events WHERE repo = ? AND time >= ? AND time <= ?"
    " AND (time > ? OR (time = ? AND id > ?)) ORDER BY time, id LIMIT ?"
)

# One row for each event of a repository, up to a number.
SOME_OF_REPOSITORY = "SELECT 1 FROM events WHERE repo = ? LIMIT ?"

# --- Settings with which the rows were made ---

SELECT_SETTINGS = "SELECT value FROM figures_settings WHERE name = 'figures'"
DELETE_SETTINGS = "DELETE FROM figures_settings WHERE name = 'figures'"
INSERT_SETTINGS = "INSERT INTO figures_settings (name, value) VALUES ('figures', ?)"

# Whether there is any event, or any row.
ANYTHING = "SELECT 1 FROM events UNION ALL SELECT 1 FROM figures_deploys LIMIT 1"

# Delete some rows of each table.
DELETE_SOME_ROWS = (
    "DELETE FROM figures_deploys WHERE id IN (SELECT id FROM figures_deploys LIMIT ?)",
    "DELETE FROM figures_incidents WHERE id IN (SELECT id FROM figures_incidents LIMIT ?)",
    *(
        f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} LIMIT ?)"  # noqa: S608  these
        for table, key in (
            ("figures_commits", "repo, environment, sha, service, at, deploy"),
            ("figures_reverts", "repo, environment, sha, service, at, deploy"),
            ("figures_remedies", "deploy, at, remedy"),
            ("figures_lengths", "repo, length"),
            ("packed_weeks", "environment, began"),
        )
    ),
)

# --- Commits from git ---

INSERT_GIT_COMMITS = "INSERT INTO git_deploys (id, repo, at, unknown, commits) VALUES (?, ?, ?, ?, ?)"
DELETE_GIT_COMMITS = "DELETE FROM git_deploys WHERE id = ?"
GIT_COMMITS_OF_REPOSITORY = "SELECT id, unknown, commits FROM git_deploys WHERE repo = ?"
GIT_COMMITS_BY_DEPLOY = Lookup("g.id, g.unknown, g.commits", "git_deploys g", "g.id = given.id")
