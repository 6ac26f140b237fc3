"""Several connections of several processes on one file."""

import subprocess
import sys
from contextlib import closing

from gitdailies_server.storage.sqlite import connect

# Two connections in one process, as a server has for writing and for reading.
SERVER = """
import sys
from pathlib import Path
from gitdailies_server.storage.sqlite import connect
path = Path(sys.argv[1])
writer = connect(path)
writer.execute("CREATE TABLE t (x)")
reader = connect(path)
print("open", flush=True)
for line in sys.stdin:
    writer.execute("INSERT INTO t VALUES (1)")
    print(reader.execute("SELECT count(*) FROM t").fetchone()[0], flush=True)
"""


def test_a_command_that_closes_the_file_takes_nothing_from_a_server(tmp_path):
    """After another process opened and closed the file, a server's connections still read and write it."""
    path = tmp_path / "store.db"
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout.readline() == "open\n"
        for count in range(1, 4):
            with closing(connect(path)) as command:
                command.execute("SELECT count(*) FROM t").fetchone()
            server.stdin.write("more\n")
            server.stdin.flush()

            assert server.stdout.readline() == f"{count}\n"
        assert path.with_name("store.db-wal").exists()
        server.stdin.close()
