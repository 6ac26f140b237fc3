"""The server of the Model Context Protocol: what an assistant may ask a DORA server, and what it gets."""
