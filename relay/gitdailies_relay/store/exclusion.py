"""Which writers of the relays on one PostgreSQL exclude each other: the names that their scopes have. Pure.

An intake that waited for every other relay would take one batch a round trip, however many relays there
are. Therefore a batch is about the things that its deliveries name, and batches about other things are
written at the same time. What people do, pruning, the ends of holds and pauses are about everything.

| name                    | who holds it                        | the data that it protects              |
| ----------------------- | ----------------------------------- | -------------------------------------- |
| a subject: destination  | each change, for its incident and   | whether its messages were stored; its  |
| and incident, or what   | that which it was merged into;      | occurrences; its events and their      |
| keeps a deploy's order  | each deploy; each result of sending | place in the outbox                    |
| a repository            | each deploy and push, and that of   | pushed and deployed commits; deploys   |
|                         | which a vendor tells the state      | that wait for a push                   |
| a deploy's message      | each deploy                         | whether it was stored                  |
| a task                  | readiness; refused requests         | its own rows                           |

Why nothing is lost, doubled or out of order:

* All locks are held before the first read, until the commit (`gitdailies_server.storage.postgresql`). Of two
  transactions with a name in common one sees all or nothing of the other.
* Nothing is read or written under a name that is not held. `postgresql` asks for it at each question of an
  acceptance, and once more for each row that is written. A merge may lead to incidents that no delivery
  named, and a push may release deploys of other subjects: then the batch is written again, about everything.
* What is absent counts as read, too. Who adds an incident that was merged into another one holds both names,
  so an end that found none waiting was right.
* The key of a message about an incident has the incident in it, so messages with the same key share its
  name. If two ever do not, the unique index refuses the second one, and its repeat is recognized.
* Events of a partition have increasing numbers in the order of their commits, because the name is held while
  a number is given out. Numbers of different partitions may be committed in any order. Who goes through them
  by number and writes (replay, discard) is about everything: no other writer has a number then. A list that
  people turn the pages of may miss what is committed meanwhile, like anything that comes meanwhile.
* A result removes an event from the outbox and makes its successor the next one. An event that is added at
  that moment would not be seen, and would never be the next one. So a result names the subject.
* Leases are taken without a scope: one statement, which looks at rows that it locks.
* Rows that every batch writes would make batches wait for each other's commits. So counters are kept in
  buckets, mostly one for each session (`store.postgresql`).
"""

from collections.abc import Iterable, Iterator

from gitdailies_core.sources.deploy_messages import Deploy, Push
from gitdailies_core.sources.protocol import Change
from gitdailies_server.storage.write_scope import Name

from gitdailies_relay.accepting.acceptance import Delivery
from gitdailies_relay.accepting.deploys import object_of


def subject(destination: str, incident: str) -> Name:
    """Name an incident of a destination, or what keeps the order of a deploy. Sources may share it."""
    return destination, incident


def repository(repo: str) -> Name:
    """Name a repository: its pushes, and what was deployed from it."""
    return "repository", repo.casefold(), ""


def message(source: str, key: str) -> Name:
    """Name a message of a source."""
    return "message", source, key


def task(name: str) -> Name:
    """Name a task that every server does."""
    return "task", name, ""


def add_names(delivery: Delivery, names: set[Name]) -> None:
    """Add to *names* what a delivery says it is about."""
    destination, source = delivery.destination, delivery.interpretation.source
    for routed in delivery.interpretation.messages:
        about = routed.message
        if isinstance(about, Change):
            names.add((destination, about.incident))
            if about.merged and about.merged_into:
                names.add((destination, about.merged_into))
        elif isinstance(about, Deploy):
            names.update((subject(destination, routed.subject), message(source, routed.key)))
            if routed.place is not None:
                names.add(repository(routed.place.repo))
            if about.object:
                names.add(repository(object_of(source, about).repo))
        elif isinstance(about, Push):
            names.add(repository(about.repo))


def of_partitions(partitions: Iterable[str]) -> Iterator[Name]:
    """Name the subjects of partitions of the outbox. No name of a destination or source has a slash."""
    for partition in partitions:
        destination, _, incident = partition.split("/", 2)
        yield subject(destination, incident)
