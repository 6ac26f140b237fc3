"""What pages ask a relay over its status address: a client, and its answers as values."""
