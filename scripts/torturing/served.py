"""A process that has loaded a program's libraries, and runs its `main` in a child for each call (serve.c)."""

import os
import signal
import socket
import struct
import subprocess

from ended import Patience

# Bytes that are kept of what a program says.
KEPT = 1 << 20
# Seconds between two looks whether a program hangs.
GLANCE = 1
# Two numbers of serve.c.
ANSWER = struct.Struct("ll")


class Server:
    """The process; one call at a time. It ends when nobody holds the other end of its socket."""

    def __init__(self, program, library, environment, prepare):
        self.program = program
        self.said = [os.memfd_create(name) for name in ("output", "errors")]
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(GLANCE)
        more = {"LD_PRELOAD": library, "TORTURE_REQUESTS": str(theirs.fileno())}
        with theirs:
            self.process = subprocess.Popen(
                [program], cwd="/", env={**environment, **more}, stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()], start_new_session=True, preexec_fn=prepare,
            )  # fmt: skip

    def __del__(self):
        for file in self.said:
            os.close(file)
        self.socket.close()
        self.process.wait()

    def call(self, words, home):
        """Runs `main` with words in a folder: the exit code, None where it had to be stopped, what it
        said, and the memory that it took."""
        for file in self.said:
            os.truncate(file, 0)
        paths = [f"/proc/{os.getpid()}/fd/{file}" for file in self.said]
        self.socket.send(b"".join(os.fsencode(part) + b"\0" for part in (home, *paths, *words)))
        (child, _), _ = self.answer(self.process.pid)
        (status, memory), stopped = self.answer(child)
        code = None if stopped else os.waitstatus_to_exitcode(status)
        return code, [os.pread(file, KEPT, 0) for file in self.said], memory * 1024

    def answer(self, number):
        """Two numbers of the process, and whether the one that they wait for had to be stopped."""
        patience, stopped = Patience(number), False
        while True:
            try:
                found = self.socket.recv(ANSWER.size)
                break
            except TimeoutError:
                if not stopped and patience.is_over():
                    os.killpg(number, signal.SIGKILL)
                    stopped = True
        if len(found) != ANSWER.size:
            raise RuntimeError(f"{self.program} does not serve: exit code {self.process.wait()}")
        return ANSWER.unpack(found), stopped
