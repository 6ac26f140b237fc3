"""From a deploy message to an event: a pure decision.

deploy → routing     where it counts, or the reason why it does not
       → deploy      the event, with an id that is the same at each repeat
"""
