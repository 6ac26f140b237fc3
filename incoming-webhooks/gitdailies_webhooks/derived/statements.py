"""Every SQL statement of the derived rows, by name.

`?` is a parameter. In a `Lookup`, `given` is the table of the rows that the caller looks up. Times are
whole microseconds since 1970. A place is a repository, an environment and a service, "" for none. All
three are folded, so that names are compared without case.

Aliases: d is a row of figures_deploys, c of figures_commits, i of figures_incidents, g of git_deploys,
e of events.
"""

from __future__ import annotations

from gitdailies_webhooks.sql.bulk import Lookup

# --- Deploys ---

# Names that begin with "+" are columns of numbers (`bulk.insert_many`).
DEPLOY_COLUMNS = (
    "id, repo, environment, service, +at, sha, exact, run, attempt, reporter, says, +counts, rule, repeats,"
    " type, +known, +rework, unknown, +unknown_commits, leads, +own_new, mentions, reverts, +remedied_at,"
    " judged"
)
DELETE_DEPLOY = "DELETE FROM figures_deploys WHERE id = ?"

# What a counting deploy adds to the figures but for its incidents; a place and a period follow. The first
# two parameters are the moment of the question. What a correction says comes before all else.
SELECT_DEPLOYS = (
    "SELECT id, at, rework,"
    " CASE judged WHEN 'failed' THEN 1 WHEN 'not-failed' THEN 0"
    " ELSE CASE WHEN remedied_at <= ? THEN 1 ELSE 0 END END,"
    " CASE WHEN unknown = '' THEN 0 ELSE 1 END, unknown_commits, leads, NULL, 0,"
    " CASE WHEN judged <> 'not-failed' AND remedied_at <= ? THEN remedied_at - at END"
    " FROM figures_deploys WHERE counts = 1 AND {} ORDER BY at, id"
)
# The deploys that did not fail, whatever is attributed to them: corrections say so.
NOT_FAILED = "SELECT id FROM figures_deploys WHERE judged <> '' AND judged = 'not-failed'"
# Where and when deploys with these ids happened.
TIMES_OF_DEPLOYS = Lookup("d.environment, d.at", "figures_deploys d", "d.id = given.id")
# What corrections say of deploys with these ids.
JUDGED = Lookup("d.id, d.judged", "figures_deploys d", "d.id = given.id")

# What later deploys and incidents can see of deploys with these ids.
DEPLOYS_BY_ID = Lookup(
    "d.id, d.repo, d.environment, d.service, d.at, d.sha, d.exact, d.run, d.attempt, d.reporter, d.says,"
    " d.counts, d.type, d.own_new, d.mentions, d.reverts",
    "figures_deploys d",
    "d.id = given.id",
)

# The rest of the rows of deploys with these ids, for the reasons why they count.
DEPLOY_RESULTS = Lookup(
    "d.id, d.counts, d.rule, d.repeats, d.type, d.known, d.unknown, d.unknown_commits, d.leads",
    "figures_deploys d",
    "d.id = given.id",
)

_IN_PLACE = "d.repo = given.repo AND d.environment = given.environment AND d.service = given.service"
_EARLIER = "(d.at, d.id) < (given.at, given.id) ORDER BY d.at DESC, d.id DESC LIMIT 1"
_LATER = "(d.at, d.id) > (given.at, given.id) ORDER BY d.at, d.id LIMIT 1"
_FIRST = "(d.at, d.id) < (given.at, given.id) ORDER BY d.at, d.id LIMIT 1"

# The last deploy before a position in its place, the last counting one, and when the next one of any kind is.
DEPLOYS_AROUND = f"""
given.number,
(SELECT d.id FROM figures_deploys d WHERE {_IN_PLACE} AND {_EARLIER}),
(SELECT d.id FROM figures_deploys d WHERE {_IN_PLACE} AND d.counts = 1 AND {_EARLIER}),
(SELECT d.at FROM figures_deploys d WHERE {_IN_PLACE} AND {_LATER})
"""  # noqa: S608  constants

# Whether there is a deploy after a position in its place, and when the next counting one is.
DEPLOYS_AFTER = f"""
given.number,
(SELECT 1 FROM figures_deploys d WHERE {_IN_PLACE} AND {_LATER}),
(SELECT d.at FROM figures_deploys d WHERE {_IN_PLACE} AND d.counts = 1 AND {_LATER})
"""  # noqa: S608  constants

_OF_SHA = f"{_IN_PLACE} AND d.sha = given.sha AND d.own_new = 0"
_COMMIT_IN_PLACE = "c.repo = given.repo AND c.environment = given.environment AND c.sha = given.sha"

_BROUGHT = f"""
(SELECT CASE WHEN c.own = 1 AND c.brought = 1 THEN c.deploy END FROM figures_commits c
 WHERE {_COMMIT_IN_PLACE} AND c.service = given.service AND (c.at, c.deploy) < (given.at, given.id)
 ORDER BY c.at, c.deploy LIMIT 1)
"""  # noqa: S608  constants

# Of a SHA before a position in its place: the first deploy that did not bring it, the first counting one of
# these, and the deploy that brought it, if that is of it: the first that has the commit. No counting one is
# before that, and thousands of repeats may be behind it, so it is not looked for then. `+ 0` keeps a planner
# without statistics from the indexes of counting deploys, which do not have the SHA.
FIRST_OF_SHA = f"""
given.number,
(SELECT d.id FROM figures_deploys d WHERE {_OF_SHA} AND {_FIRST}),
CASE WHEN {_BROUGHT} IS NULL THEN
(SELECT d.id FROM figures_deploys d WHERE {_OF_SHA} AND d.counts + 0 = 1 AND {_FIRST}) END,
{_BROUGHT}
"""  # noqa: S608  constants

# Of the deploys of a SHA before a position that did not bring it: whether one had this exact environment, and
# whether one had this reporter if that is `asked`. Of all of them: the first counting one with this run and
# attempt if a run is named. With times that no index has (`+ 0`), the index of runs is the best one for it.
SAME_OF_SHA = f"""
given.number,
(SELECT 1 FROM figures_deploys d WHERE {_OF_SHA} AND d.exact = given.exact
 AND {_FIRST}),
CASE WHEN given.asked = 1 THEN
(SELECT 1 FROM figures_deploys d WHERE {_OF_SHA} AND d.reporter = given.reporter
 AND {_FIRST}) END,
CASE WHEN given.run <> '' THEN
(SELECT d.id FROM figures_deploys d WHERE {_IN_PLACE} AND d.run = given.run AND d.attempt = given.attempt
 AND d.sha = given.sha AND d.run <> '' AND d.counts = 1 AND (given.says = '' OR d.says = given.says)
 AND (d.at + 0 < given.at OR (d.at + 0 = given.at AND d.id < given.id)) ORDER BY d.at + 0, d.id LIMIT 1) END
"""  # noqa: S608  constants

# The latest counting deploy before a position that is no rollback and of another commit, since a moment.
LATEST_OTHER = f"""
given.number,
(SELECT d.id FROM figures_deploys d WHERE {_IN_PLACE} AND d.counts = 1 AND d.type <> 'rollback'
 AND d.at > given.since
 AND substr(d.sha, 1, length(given.sha)) <> given.sha AND substr(given.sha, 1, length(d.sha)) <> d.sha
 AND {_EARLIER})
"""  # noqa: S608  constants

# Deploys after a position in its place, in order.
NEXT_DEPLOYS = (
    "SELECT id, at, counts, type, sha FROM figures_deploys"
    " WHERE repo = ? AND environment = ? AND service = ? AND (at, id) > (?, ?) ORDER BY at, id LIMIT ?"
)
NEXT_COUNTING = (
    "SELECT id, at, counts, type, sha FROM figures_deploys"
    " WHERE repo = ? AND environment = ? AND service = ? AND counts = 1 AND (at, id) > (?, ?)"
    " ORDER BY at, id LIMIT ?"
)
# Deploys of a SHA after a position in its place that did not bring it.
LATER_OF_SHA = Lookup("d.id, d.at, d.counts", "figures_deploys d", f"{_OF_SHA} AND d.at >= given.at")

# The latest counting deploy of one service between two moments.
LATEST_DEPLOY_OF_SERVICE = f"""
given.number,
(SELECT d.id FROM figures_deploys d WHERE {_IN_PLACE} AND d.counts = 1
 AND d.at <= given.at AND d.at > given.since ORDER BY d.at DESC, d.id DESC LIMIT 1)
"""  # noqa: S608  constants

# The same for any service.
LATEST_DEPLOY_OF_ANY_SERVICE = """
given.number,
(SELECT d.id FROM figures_deploys d WHERE d.repo = given.repo AND d.environment = given.environment
 AND d.counts = 1 AND d.at <= given.at AND d.at > given.since ORDER BY d.at DESC, d.id DESC LIMIT 1)
"""

# How many counting deploys there are, up to a number; a place and a period follow after AND.
COUNT_DEPLOYS = (
    "SELECT count(*) FROM (SELECT 1 FROM figures_deploys WHERE counts = 1 AND {} LIMIT ?) AS found"
)

# When the first counting deploy happened; a place follows after AND.
FIRST_DEPLOY = "SELECT at FROM figures_deploys WHERE counts = 1 AND {} ORDER BY at LIMIT 1"

# The first environment in alphabetical order, and the first one after another.
FIRST_ENVIRONMENT = "SELECT environment FROM figures_deploys WHERE counts = 1 ORDER BY environment LIMIT 1"
NEXT_ENVIRONMENT = (
    "SELECT environment FROM figures_deploys WHERE counts = 1 AND environment > ?"
    " ORDER BY environment LIMIT 1"
)

LONGER_DEPLOYED = Lookup(
    "DISTINCT given.number, d.sha",
    "figures_deploys d",
    f"{_IN_PLACE} AND d.own_new = 0 AND d.sha > given.sha AND d.sha < given.behind",
)

# --- Commits ---

COMMIT_COLUMNS = "repo, environment, sha, service, +at, deploy, +own, +brought"
DELETE_COMMIT = (
    "DELETE FROM figures_commits WHERE repo = ? AND environment = ? AND sha = ? AND service = ? AND at = ?"
    " AND deploy = ?"
)

# Whether an earlier deploy of a place had a commit, and the first one that brought it.
COMMIT_BEFORE = f"""
given.number,
(SELECT 1 FROM figures_commits c WHERE {_COMMIT_IN_PLACE} AND c.service = given.service
 AND (c.at, c.deploy) < (given.at, given.id) LIMIT 1)
"""  # noqa: S608  constants
BROUGHT_BEFORE = f"""
given.number,
(SELECT c.deploy FROM figures_commits c WHERE {_COMMIT_IN_PLACE} AND c.service = given.service
 AND c.brought = 1 AND (c.at, c.deploy) < (given.at, given.id) ORDER BY c.at, c.deploy LIMIT 1)
"""  # noqa: S608  constants
# The deploys of a place that had a commit since a moment.
MENTIONS_AFTER = Lookup(
    "c.deploy, c.at",
    "figures_commits c",
    f"{_COMMIT_IN_PLACE} AND c.service = given.service AND c.at >= given.at",
)
# The deploys of any service that are of a commit, or brought it.
CANDIDATES = Lookup(
    "given.number, c.service, c.at, c.deploy",
    "figures_commits c",
    f"{_COMMIT_IN_PLACE} AND (c.own = 1 OR c.brought = 1)",
)
_LONGER_COMMIT = "c.sha > given.sha AND c.sha < given.behind"
LONGER_MENTIONED_ANYWHERE = Lookup(
    "DISTINCT given.number, c.sha",
    "figures_commits c",
    f"c.repo = given.repo AND c.environment = given.environment AND {_LONGER_COMMIT}",
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
_REVERT_IN_PLACE = "v.repo = given.repo AND v.environment = given.environment AND v.service = given.service"
REVERTS_AFTER = Lookup(
    "v.deploy, v.at",
    "figures_reverts v",
    f"{_REVERT_IN_PLACE} AND v.sha = given.sha AND v.at >= given.at",
)
LONGER_REVERTED = Lookup(
    "DISTINCT given.number, v.sha",
    "figures_reverts v",
    f"{_REVERT_IN_PLACE} AND v.sha > given.sha AND v.sha < given.behind",
)
REMEDY_COLUMNS = "deploy, +at, remedy, sha"
REMEDIES_BY = Lookup("r.deploy, r.at, r.remedy, r.sha", "figures_remedies r", "r.remedy = given.id")
REMEDIES_OF = Lookup("r.deploy, r.at, r.remedy, r.sha", "figures_remedies r", "r.deploy = given.id")
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

# What incidents add to the figures; a place and a period follow. The first two parameters are the moment.
SELECT_INCIDENTS = (
    "SELECT id, at, ended_at, deploy, wide FROM figures_incidents"
    " WHERE since <= ? AND until > ? AND {} ORDER BY at, id"
)
# The spans of the incidents that are attributed to deploys; a place and a period of deploys follow. The
# first two parameters are the moment.
SELECT_SPANS = (
    "SELECT deploy_at, deploy, at, ended_at, merged FROM figures_incidents"
    " WHERE since <= ? AND until > ? AND deploy IS NOT NULL AND {}"
)

# When the first incident started; a place follows after WHERE.
FIRST_INCIDENT = "SELECT at FROM figures_incidents WHERE since < until AND {} ORDER BY at LIMIT 1"

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

# Incidents that have no cause for a time, started between two moments, of a service that the deploy's may be.
INCIDENTS_BETWEEN = Lookup(
    _INCIDENT,
    "figures_incidents i",
    "i.repo = given.repo AND i.environment = given.environment"
    " AND i.at >= given.since AND i.at <= given.until AND i.cause IS NULL"
    " AND (i.service = given.service OR i.service = '' OR given.service = '')",
    "i.at",
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
# Of these starts, those whose incident is open at a moment, which is given three times.
OPEN_STARTS = Lookup(
    "i.id",
    "figures_incidents i",
    "i.id = given.id AND i.since <= ? AND i.until > ? AND (i.ended_at IS NULL OR i.ended_at > ?)",
)
INCIDENTS_OF_DEPLOY = Lookup(_INCIDENT, "figures_incidents i", "i.deploy = given.id")

# --- Events ---

# The bodies of all events of a repository, and of those with these ids.
BODIES_OF_REPOSITORY = "SELECT body FROM events WHERE repo = ?"
BODIES_BY_ID = Lookup("e.body", "events e", "e.id = given.id")

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

# The time of the first event of a repository, by one spelling of its name, and of the first of a kind.
FIRST_TIME_OF_REPOSITORY = "SELECT time FROM events WHERE repo = ? ORDER BY time LIMIT 1"
FIRST_TIME_OF_KIND = "SELECT time FROM events WHERE kind = ? ORDER BY time LIMIT 1"

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
