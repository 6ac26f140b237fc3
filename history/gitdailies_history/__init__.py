r"""History: import past events, each once, in the order that GitDailies asks for.

Deploys go first, oldest to newest. Then come incident events, oldest to newest, a start before its end.

    files/     CSV, NDJSON and JSON → rows → events, or the faults of a row
    fetch/     a vendor's API → pages → events
    plan/      events in any order → named, paired and sorted, on disk
    sending/   the plan → requests, with a checkpoint after each response

Events from any other origin can use the second half alone:

    with checkpoint.locked(folder), Plan(folder / "plan.db") as plan:
        for event in events:              # gitdailies_core.events.events.Event, with a time, in any order
            plan.add(event)               # an event without an id gets one
        faults = list(plan.settle())      # faults that only several events show, such as one id with two
        contents for entry in plan.entries():      # in the order to send; entry.body is one line of JSON
            file.write(entry.body + "\n") # NDJSON that `gitdailies history import` reads
        stream = Stream(sender, destination, key, Checkpoint(folder, destination.address), watch)
        report = stream.send(plan.entries())

The plan is on disk, so the number of events is not limited by memory. The checkpoint records each sent id
with its address. Later runs skip these events, from any file or source, and an interrupted run continues.
"""
