"""From changes of incidents to events: a pure decision.

    change → routing         where it counts, and whether it is wanted
           → matching,       which records it is about
             merges
           → state_machine   what the change is to each record: an input
           → transitions     one table: the next state, the event, the reason
           → decision        the events to send and the records to write

The caller reads the records before and writes the decision after it.
"""
