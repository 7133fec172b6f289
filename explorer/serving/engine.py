"""The server's engine: latents in, images and log-likelihoods out, over a binary WebSocket.

A message asks: uint32 (id, k, d, D, images), then z float32 (k, d), then x float32 (D,).
The answer: uint32 (id, k, D, images), then mean float32 (images, D), then
log p(x|z) float32 (k,). A message that cannot be answered is answered by a text message
with a sentence, and the socket stays open.
"""

from __future__ import annotations

import asyncio
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from starlette.websockets import WebSocket, WebSocketDisconnect

from .space import SPACES, Space

MAX_LATENTS = 4_096
MAX_VALUES = 1 << 23  # pixels in one answer
AT_ONCE = 1 << 20  # numbers decoded at once: what a message takes beside its answer stays in the tens of MB
_ASK, _ANSWER = struct.Struct("<5I"), struct.Struct("<4I")
# Its own threads and few of them, so that a flood of messages leaves the routes theirs.
_POOL = ThreadPoolExecutor(4, thread_name_prefix="engine")


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
    try:
        while (frame := await socket.receive())["type"] == "websocket.receive":
            try:
                message = frame.get("bytes")
                if message is None:
                    raise ValueError("A message of this protocol is binary.")
                reply = await asyncio.get_running_loop().run_in_executor(_POOL, answer, space, message)
            except ValueError as error:
                await socket.send_text(str(error))
            else:
                await socket.send_bytes(reply)
    except WebSocketDisconnect:  # it went away while it was being answered
        return
