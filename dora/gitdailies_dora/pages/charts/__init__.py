"""Charts as SVG, drawn by the server."""
