"""The image that readiness walks send along where a route serves edits."""

import struct
import zlib

EDGE_PX = 256


def _png(edge_px: int) -> bytes:
    """A grey square."""
    header = struct.pack(">IIBBBBB", edge_px, edge_px, 8, 2, 0, 0, 0)
    rows = (b"\x00" + b"\x80\x80\x80" * edge_px) * edge_px
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    packed = (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


REFERENCE_PNG = _png(EDGE_PX)
