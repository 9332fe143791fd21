"""The server's side of a TCP connection, which can be torn down as a failing network would."""

import asyncio
import socket
import struct

from gateway import listener

# Lingering for zero seconds makes close() send RST instead of FIN.
_NO_LINGER = struct.pack("ii", 1, 0)
_FLUSH_STEP_S = 0.01
_FLUSH_STEPS_MAX = 500


class Connection(listener.Connection):
    """The listener's connection.

    ``expendable``: the request at hand will never be answered, so that a shutdown need not wait for it.
    """

    expendable = False

    def on_message_begin(self) -> None:
        """Called where a request begins."""
        super().on_message_begin()
        self.expendable = False

    def shutdown(self) -> None:
        """Called where the server stops."""
        if self.expendable:
            self.transport.abort()
        else:
            super().shutdown()

    async def reset(self) -> None:
        """Send RST once what was written has left."""
        for _ in range(_FLUSH_STEPS_MAX):
            # The first wait is for the kernel: with RST it would drop what it has not sent yet.
            await asyncio.sleep(_FLUSH_STEP_S)
            if self.transport.get_write_buffer_size() == 0:
                break
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()
