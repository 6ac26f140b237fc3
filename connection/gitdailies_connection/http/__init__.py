"""The HTTP sender.

`sender` posts events to one receiver. `connection_pool` refuses forbidden addresses and bounds the time
of each exchange, `event_lists` sends several events in one request, `attempts` repeats a request, `response`
describes answers, and `failures` why there is none.
"""
