"""What pages ask a relay at its status address: a client, and the answers as values."""
