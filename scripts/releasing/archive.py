"""An archive that has the same bytes wherever and whenever it is made."""

import gzip
import io
import tarfile

from scripts.releasing.trees import Tree


def packed(tree: Tree, folder: str, moment: int) -> bytes:
    """Return *tree* as the bytes of a `.tar.gz`, in one *folder*. Every file has the time *moment*."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, file in sorted(tree.items()):
            entry = tarfile.TarInfo(f"{folder}/{path}")
            entry.size, entry.mtime = len(file.data), moment
            entry.mode = 0o755 if file.executable else 0o644
            archive.addfile(entry, io.BytesIO(file.data))
    return gzip.compress(written.getvalue(), mtime=0)
