"""A server that takes connections and says nothing, as one whose machine is frozen."""
import contextlib
import socket
import tempfile


@contextlib.contextmanager
def silent_server():
    """The directory of its socket."""
    with tempfile.TemporaryDirectory(prefix="muster-silent-") as path, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{path}/.s.PGSQL.5432")
        listener.listen()
        yield path
