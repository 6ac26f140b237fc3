"""What every outward-going part shares: gitdailies.yml, secrets, and the sender over HTTP."""
