"""What the events say about delivery: periods of incidents, links, lead times, five figures, and why.

Everything here is a pure function of events: no store, no clock. Moments are whole microseconds
since 1970, as a store keeps them; durations too, until `answer` writes them as seconds.
"""
