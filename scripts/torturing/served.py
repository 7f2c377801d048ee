"""A process that has loaded a program's libraries, and runs its `main` in a child for each call (serve.c)."""

import os
import signal
import socket
import struct
import subprocess
import time

from ended import hangs

# Bytes that are kept of what a program says.
KEPT = 1 << 20
# Seconds between two looks whether a program hangs.
GLANCE = 2
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
        begun, child, stopped = time.monotonic(), None, False
        while True:
            try:
                if child is None:
                    child, _ = self.answer()
                status, memory = self.answer()
                break
            except TimeoutError:
                if not stopped and hangs(child or self.process.pid, begun):
                    os.killpg(child or self.process.pid, signal.SIGKILL)
                    stopped = True
        code = None if stopped else os.waitstatus_to_exitcode(status)
        return code, [os.pread(file, KEPT, 0) for file in self.said], memory * 1024

    def answer(self):
        """Two numbers of the process, which come in a moment or when the child has ended."""
        found = self.socket.recv(ANSWER.size)
        if len(found) != ANSWER.size:
            raise RuntimeError(f"{self.program} does not serve: exit code {self.process.wait()}")
        return ANSWER.unpack(found)
