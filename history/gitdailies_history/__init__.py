r"""History: events of the past, sent once, in the order that GitDailies asks for.

Deploys oldest to newest, then incident events oldest to newest, a start before its end. `rows`,
`formats`, `mapping` and `moments` make events of a file; `pairing`, `order`, `batches` and
`verdicts` decide; `plan`, `sent`, `sources` and `sending` do.

Whoever has events of another origin needs the second half alone:

    with sent.held(folder), Plan(folder / "plan.db") as plan:
        for event in events:              # gitdailies_core.events.events.Event, with a time, in any order
            plan.add(event)               # an id is kept; without one it gets one
        faults = list(plan.settle())      # what only several events show: two contents of one id
        for entry in plan.entries():      # the order to send; entry.body is JSON of one line
            file.write(entry.body + "\n") # NDJSON that `gitdailies history import` takes
        stream = Stream(sender, destination, key, Sent(folder, destination.address), watch)
        report = stream.send(plan.entries())

`plan` holds what memory does not on disk, so any number of events will do. What was sent is
written down by address and id: events that were sent before are skipped, whichever file or source
they come from, and a run that was interrupted goes on where it stopped when it is started again.
"""
