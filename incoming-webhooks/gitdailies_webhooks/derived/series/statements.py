"""The SQL statements of series. Aliases and units are those of `statements`.

Each is for one environment and one span of time. What they count is in `figures.tally`.
"""

from __future__ import annotations

# What deploys add to the figures but for their failures; a place and a period follow after AND.
DEPLOYS = (
    "SELECT repo, service, at, rework, CASE WHEN unknown = '' THEN 0 ELSE 1 END, unknown_commits, leads"
    " FROM figures_deploys WHERE counts = 1 AND {where}"
)

# Deploys that a later one had remedied at a moment, unless a correction says that they did not fail; a place
# and a period follow.
REMEDIED = (
    "SELECT id, at, repo, service, remedied_at - at FROM figures_deploys"
    " WHERE counts = 1 AND remedied_at <= ? AND judged <> 'not-failed' AND {where}"
)
# Deploys that failed because a correction says so; a place and a period follow.
JUDGED_FAILED = (
    "SELECT id, at, repo, service, NULL FROM figures_deploys"
    " WHERE counts = 1 AND judged <> '' AND judged = 'failed' AND {where}"
)

# Deploys that incidents are attributed to, each with the span of one incident, as known at a moment, which
# is the first two parameters; a place and a period of deploys follow.
SPANS = (
    "SELECT deploy, deploy_at, repo, deploy_service, at, ended_at, merged FROM figures_incidents"
    " WHERE since <= ? AND until > ? AND deploy IS NOT NULL AND {where}"
)

# Incidents that were attributed to no deploy at a moment, which is the first two parameters; a place and a
# period follow.
UNLINKED = (
    "SELECT repo, service, at, wide FROM figures_incidents"
    " WHERE since <= ? AND until > ? AND deploy IS NULL AND {where}"
)

# Incidents that are open at a moment, which is the first three parameters; a place follows. `+ 0` keeps a
# planner from the indexes of all incidents: the few open ones have an index of their own.
OPEN_INCIDENTS = (
    "SELECT repo, service, environment FROM figures_incidents"
    " WHERE since <= ? AND until > ? AND at + 0 <= ? AND ended_at IS NULL AND {where}"
)
# The same for those that ended later than that moment, which is a fourth parameter.
OPEN_THEN = (
    "SELECT repo, service, environment FROM figures_incidents"
    " WHERE since <= ? AND until > ? AND at <= ? AND ended_at > ? AND {where}"
)

# The first environment of incidents in alphabetical order, and the first one after another.
FIRST_ENVIRONMENT = "SELECT environment FROM figures_incidents ORDER BY environment LIMIT 1"
NEXT_ENVIRONMENT = (
    "SELECT environment FROM figures_incidents WHERE environment > ? ORDER BY environment LIMIT 1"
)

# The time of the first event of each spelling of a repository.
FIRST_TIMES = "given.name, (SELECT e.time FROM events e WHERE e.repo = given.name ORDER BY e.time LIMIT 1)"
