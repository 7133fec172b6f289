"""The server's engine: latents in, images and log-likelihoods out, over a binary WebSocket.

A message asks: uint32 (id, k, d, D, images), then z float32 (k, d), then x float32 (D,).
The answer: uint32 (id, k, D, images), then mean float32 (images, D), then
log p(x|z) float32 (k,). A message that cannot be answered is answered by a text message
with a sentence, and the socket stays open. While one waits, uint32 (id, 0) says every few seconds that it is
still to be answered; uint32 (id, 1) says that it will not be, since newer ones of its socket took its place.
"""

from __future__ import annotations

import asyncio
import os
import struct
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from weakref import WeakKeyDictionary

import numpy as np
import torch
from starlette.websockets import WebSocket, WebSocketDisconnect

from ...cancellation import check_cancelled
from ..http.pools import visitor_key
from ..http.turns import CrowdedError, Turns
from .space import SPACES, Space

MAX_LATENTS = 4_096
MAX_VALUES = 1 << 23  # pixels in one answer
AT_ONCE = 1 << 20  # numbers decoded at once: what a message takes beside its answer stays in the tens of MB
WAITS, OVERTAKEN = 0, 1
MOST_UNANSWERED = 32  # messages of one socket; a drag has one under way
STILL_SECONDS = 3.0  # a page takes a socket for dead after ten seconds of silence
_ASK, _ANSWER, _WORD = struct.Struct("<5I"), struct.Struct("<4I"), struct.Struct("<2I")
# Its own threads and few of them, so that a flood of messages leaves the routes theirs.
_THREADS = max(2, (os.cpu_count() or 2) - 1)
_POOL = ThreadPoolExecutor(_THREADS, thread_name_prefix="engine")
_TURNS: WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = WeakKeyDictionary()


@torch.inference_mode()
def answer(space: Space, message: bytes) -> bytes:
    """Computes one answer.

    Raises:
        ValueError: the message is not of the form above, or its numbers are not usable.
    """
    model = space.checkpoint.model
    if len(message) < _ASK.size:
        raise ValueError("The message is shorter than its header.")
    number, k, d, pixels, images = _ASK.unpack_from(message)
    if d != model.config.latent or pixels != model.config.pixels:
        raise ValueError(f"The model has {model.config.latent} latent dimensions and {model.config.pixels} pixels.")
    if not (1 <= k <= MAX_LATENTS and images <= k):
        raise ValueError(f"Between 1 and {MAX_LATENTS} latents can be asked for at once.")
    if images * pixels > MAX_VALUES:
        raise ValueError(f"At most {MAX_VALUES // pixels} images can be asked for at once.")
    if len(message) != _ASK.size + 4 * (k * d + pixels):
        raise ValueError("The message is not as long as its header says.")
    values = np.frombuffer(message, "<f4", offset=_ASK.size)
    if not np.isfinite(values).all():
        raise ValueError("Latents and pixels must be finite numbers.")
    device = next(model.parameters()).device
    z = torch.from_numpy(values[: k * d].reshape(k, d).copy()).to(device)
    x = torch.from_numpy(values[k * d :].copy())[None].to(device)
    means, log_likelihoods, wanted = [], [], images
    decoder = model.decoder
    for part in z.split(max(1, AT_ONCE // (pixels * decoder.likelihood.outputs))):
        check_cancelled()
        mean, log_likelihood = decoder.likelihood.traced(decoder.network(part).float(), x)
        means.append(mean[:wanted].cpu().numpy().astype("<f4").tobytes())
        log_likelihoods.append(log_likelihood.cpu().numpy().astype("<f4").tobytes())
        wanted = max(0, wanted - len(part))
    return b"".join([_ANSWER.pack(number, k, pixels, images), *means, *log_likelihoods])


async def engine_socket(socket: WebSocket) -> None:
    """Serves one page until it goes away."""
    space = SPACES.by_key(socket.path_params["key"])
    if space is None:
        await socket.close(code=4404)
        return
    await socket.accept()
    page = _Page(socket, space)
    tasks = [asyncio.create_task(page.read()), asyncio.create_task(page.answer())]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    for task in ended:
        error = task.exception()
        if error is not None and not isinstance(error, WebSocketDisconnect):  # it went away while it was answered
            raise error


class _Page:
    """One socket: its messages are read at once and answered one after another, in turns with other visitors'."""

    def __init__(self, socket: WebSocket, space: Space) -> None:
        self.socket, self.space = socket, space
        loop = asyncio.get_running_loop()
        self.turns = _TURNS.setdefault(loop, Turns(_POOL, _POOL, _THREADS, _THREADS, most=1_000))
        self.longest = _ASK.size + 4 * (MAX_LATENTS * space.latent + space.checkpoint.config.model.pixels)
        self.unanswered: deque[bytes] = deque()
        self.arrived = asyncio.Event()
        self.sending = asyncio.Lock()

    async def read(self) -> None:
        """Until the page goes away."""
        while (frame := await self.socket.receive())["type"] == "websocket.receive":
            message = frame.get("bytes")
            if message is None:
                await self.send("A message of this protocol is binary.")
            elif len(message) > self.longest:  # not kept until it is its turn
                await self.send("The message is longer than any of this model.")
            else:
                self.unanswered.append(message)
                self.arrived.set()
            if len(self.unanswered) > MOST_UNANSWERED:
                await self.send(_word(self.unanswered.popleft(), OVERTAKEN))

    async def answer(self) -> None:
        """For ever."""
        while True:
            await self.arrived.wait()
            self.arrived.clear()
            while self.unanswered:
                message = self.unanswered.popleft()
                try:
                    reply: bytes | str = await self.computed(message)
                except (ValueError, CrowdedError) as error:
                    reply = str(error)
                await self.send(reply)

    async def computed(self, message: bytes) -> bytes:
        asking = asyncio.create_task(self.turns.take(visitor_key(self.socket), lambda: answer(self.space, message)))
        try:
            while not (await asyncio.wait({asking}, timeout=STILL_SECONDS))[0]:
                await self.send(_word(message, WAITS))
            return asking.result()
        finally:
            asking.cancel()

    async def send(self, reply: bytes | str) -> None:
        async with self.sending:
            await (self.socket.send_text(reply) if isinstance(reply, str) else self.socket.send_bytes(reply))


def _word(message: bytes, word: int) -> bytes:
    """A short word about a message, named by its first number."""
    return _WORD.pack(int.from_bytes(message[:4], "little"), word)
