"""From stored events to the receiver: send, judge the response, record."""
