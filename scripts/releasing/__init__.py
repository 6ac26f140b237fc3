"""What a release holds: its version, changelog, names, pages, archives and SBOM, and the push to mirrors."""
