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
    "id, repo, environment, service, +at, +rollback, +rework, +failed, +unknown, +unknown_commits, leads,"
    " +recovery, +open, keys"
)
DELETE_DEPLOY = "DELETE FROM figures_deploys WHERE id = ?"
SET_LEAD_TIMES = "UPDATE figures_deploys SET unknown = ?, unknown_commits = ?, leads = ? WHERE id = ?"
SET_FAILURE = "UPDATE figures_deploys SET failed = ?, recovery = ?, open = ? WHERE id = ?"

# What a deploy adds to the figures; a place and a period follow after WHERE.
SELECT_DEPLOYS = (
    "SELECT id, at, rework, failed, unknown, unknown_commits, leads, recovery, open"
    " FROM figures_deploys WHERE {} ORDER BY at, id"
)

# Where deploys with these ids are, and the keys of their commits.
DEPLOY_POSITIONS = Lookup(
    "d.id, d.repo, d.environment, d.service, d.at, d.keys", "figures_deploys d", "d.id = given.id"
)

# Whether deploys with these ids failed, and for how long.
DEPLOY_FAILURES = Lookup(
    "d.id, d.repo, d.environment, d.service, d.at, d.rollback, d.failed, d.recovery, d.open",
    "figures_deploys d",
    "d.id = given.id",
)

# The deploys just before and just after a position, in its place. Each is one text of all that is needed,
# "at rollback id", so that the row is looked up once.
ADJACENT_DEPLOYS = """
given.number,
(SELECT d.at || ' ' || d.rollback || ' ' || d.id FROM figures_deploys d
 WHERE d.repo = given.repo AND d.environment = given.environment AND d.service = given.service
 AND (d.at, d.id) < (given.at, given.id)
 ORDER BY d.at DESC, d.id DESC LIMIT 1),
(SELECT d.at || ' ' || d.rollback || ' ' || d.id FROM figures_deploys d
 WHERE d.repo = given.repo AND d.environment = given.environment AND d.service = given.service
 AND (d.at, d.id) > (given.at, given.id)
 ORDER BY d.at, d.id LIMIT 1)
"""

# The latest deploy of one service between two moments, as "at rollback id".
LATEST_DEPLOY_OF_SERVICE = """
given.id,
(SELECT d.at || ' ' || d.rollback || ' ' || d.id FROM figures_deploys d
 WHERE d.repo = given.repo AND d.environment = given.environment AND d.service = given.service
 AND d.at <= given.at AND d.at > given.since
 ORDER BY d.at DESC, d.id DESC LIMIT 1)
"""

# The same for any service.
LATEST_DEPLOY_OF_ANY_SERVICE = """
given.id,
(SELECT d.at || ' ' || d.rollback || ' ' || d.id FROM figures_deploys d
 WHERE d.repo = given.repo AND d.environment = given.environment
 AND d.at <= given.at AND d.at > given.since
 ORDER BY d.at DESC, d.id DESC LIMIT 1)
"""

# When the first deploy happened; a place follows after WHERE.
FIRST_DEPLOY = "SELECT at FROM figures_deploys WHERE {} ORDER BY at LIMIT 1"

# The first environment in alphabetical order, and the first one after another.
FIRST_ENVIRONMENT = "SELECT environment FROM figures_deploys ORDER BY environment LIMIT 1"
NEXT_ENVIRONMENT = (
    "SELECT environment FROM figures_deploys WHERE environment > ? ORDER BY environment LIMIT 1"
)

# --- Commits ---

COMMIT_COLUMNS = "repo, environment, +key, deploy, sha, service, +at, +own, +position"
DELETE_COMMIT = "DELETE FROM figures_commits WHERE repo = ? AND environment = ? AND key = ? AND deploy = ?"

# The deploys that mention commits with these keys.
COMMIT_MENTIONS = Lookup(
    "c.key, c.repo, c.environment, c.service, c.at, c.deploy, c.sha, c.own, c.position",
    "figures_commits c",
    "c.repo = given.repo AND c.environment = given.environment AND c.key = given.key",
)

# --- Incidents ---

INCIDENT_COLUMNS = (
    "id, repo, environment, service, incident_id, +at, +ended_at, +merged, cause, +cause_key, deploy"
)
DELETE_INCIDENT = "DELETE FROM figures_incidents WHERE id = ?"

# What an incident adds to the figures; a place and a period follow after WHERE.
SELECT_INCIDENTS = "SELECT id, at, ended_at, deploy FROM figures_incidents WHERE {} ORDER BY at, id"

# When the first incident started; a place follows after WHERE.
FIRST_INCIDENT = "SELECT at FROM figures_incidents WHERE {} ORDER BY at LIMIT 1"

_INCIDENT = (
    "i.id, i.repo, i.environment, i.service, i.incident_id, i.at, i.ended_at, i.merged, i.cause, i.cause_key,"
    " i.deploy"
)

# Incidents without a cause that started between two moments, of a service that the deploy's may be.
INCIDENTS_BETWEEN = Lookup(
    _INCIDENT,
    "figures_incidents i",
    "i.repo = given.repo AND i.environment = given.environment"
    " AND i.at >= given.since AND i.at <= given.until AND i.cause IS NULL"
    " AND (i.service = given.service OR i.service = '' OR given.service = '')",
    "i.at",
)

# Incidents whose cause is a commit with this key.
INCIDENTS_CAUSED_BY = Lookup(
    _INCIDENT,
    "figures_incidents i",
    "i.repo = given.repo AND i.environment = given.environment AND i.cause_key = given.key",
    "i.cause_key",
)

# Every occurrence of an incident.
OCCURRENCES = Lookup(
    _INCIDENT, "figures_incidents i", "i.repo = given.repo AND i.incident_id = given.incident_id"
)

# Incidents by the id of their start.
INCIDENTS_BY_ID = Lookup(_INCIDENT, "figures_incidents i", "i.id = given.id")

# Incidents that are attributed to a deploy.
INCIDENTS_OF_DEPLOY = Lookup(_INCIDENT, "figures_incidents i", "i.deploy = given.id")

# --- Events ---

# Every spelling of a repository, one step in the index for each: the next larger name.
REPOSITORY_NAMES = """
WITH RECURSIVE known(name) AS (
 SELECT min(repo) FROM events
 UNION ALL
 SELECT (SELECT min(repo) FROM events WHERE repo > known.name) FROM known WHERE known.name IS NOT NULL
)
SELECT name FROM known WHERE name IS NOT NULL
"""

# The first event with this spelling of a repository.
FIRST_EVENT_OF_NAME = "SELECT seq, repo FROM events WHERE repo = ? ORDER BY seq LIMIT 1"

# The bodies of all events of a repository, and of those with these ids.
BODIES_OF_REPOSITORY = "SELECT body FROM events WHERE repo = ?"
BODIES_BY_ID = Lookup("e.body", "events e", "e.id = given.id")

# The starts and ends of these incidents, up to a moment.
BODIES_OF_INCIDENT = Lookup(
    "given.incident_id, e.repo, e.body", "events e", "e.incident_id = given.incident_id AND e.time <= ?"
)

# Events by their ids, for the DORA page.
EVENTS_BY_ID = Lookup("e.id, e.seq, e.body", "events e", "e.id = given.id")

# One event by its id.
EVENT_BY_ID = "SELECT repo, body FROM events WHERE id = ?"

# A page of the events of a repository between two moments, after the cursor (time, id).
EVENTS_OF_PERIOD = (
    "SELECT time, id, repo, body FROM events WHERE repo = ? AND time >= ? AND time <= ?"
    " AND (time > ? OR (time = ? AND id > ?)) ORDER BY time, id LIMIT ?"
)

# The time of the last event of a kind.
LATEST_TIME_OF_KIND = "SELECT time FROM events WHERE kind = ? ORDER BY time DESC LIMIT 1"

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
    """
DELETE FROM figures_commits WHERE (repo, environment, key, deploy, sha) IN
 (SELECT repo, environment, key, deploy, sha FROM figures_commits LIMIT ?)
""",
)

# --- Commits from git ---

INSERT_GIT_COMMITS = "INSERT INTO git_deploys (id, repo, at, unknown, commits) VALUES (?, ?, ?, ?, ?)"
DELETE_GIT_COMMITS = "DELETE FROM git_deploys WHERE id = ?"
GIT_COMMITS_OF_REPOSITORY = "SELECT id, unknown, commits FROM git_deploys WHERE repo = ?"
GIT_COMMITS_BY_DEPLOY = Lookup("g.id, g.unknown, g.commits", "git_deploys g", "g.id = given.id")
