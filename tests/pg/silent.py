"""Servers that do not answer."""
import contextlib
import socket
import tempfile


@contextlib.contextmanager
def silent_server():
    """The directory of the socket of one that takes connections and says nothing, as one whose machine is frozen."""
    with tempfile.TemporaryDirectory(prefix="muster-silent-") as path, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{path}/.s.PGSQL.5432")
        listener.listen()
        yield path


@contextlib.contextmanager
def deaf_server():
    """The port, at 127.0.0.1, of one whose queue is full: no SYN is answered, as by a machine that is off."""
    with contextlib.ExitStack() as all_of_them:
        listener = all_of_them.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):                                     # one more than it takes
            fill = all_of_them.enter_context(socket.socket())
            fill.setblocking(False)
            fill.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
