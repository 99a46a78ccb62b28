"""Files to upload, made here so that the repository carries none."""

import math
import struct
import zlib


def png(width, height):
    """Hills at dusk, as a PNG of this size."""
    layers = [(0.55, 0.08, 3.1, (60, 80, 120)), (0.68, 0.07, 5.3, (40, 58, 92)), (0.82, 0.06, 8.7, (22, 34, 60))]

    def colour(x, y):
        across, down = math.pi * x / width, y / height
        shown = (int(40 + 150 * down), int(80 + 90 * down), int(150 - 30 * down))
        for phase, (base, height_of, waves, hill) in enumerate(layers):
            edge = base + height_of * (math.sin(waves * across + phase) + 0.3 * math.sin(2.7 * waves * across))
            if down > edge:
                shown = hill
        return shown

    lines = b"".join(b"\0" + bytes(sum((colour(x, y) for x in range(width)), ())) for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def csv(rows):
    """A table of two columns."""
    people = ["Ada Lovelace,1843", "Alan Turing,1936", "Grace Hopper,1952"]
    return "\n".join(["name,year"] + [people[row % 3] for row in range(rows)]).encode()


def upload(name, content):
    """A file as playwright's file chooser takes it."""
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}
