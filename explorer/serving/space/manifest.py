"""What the map is told when it starts: small values, and the addresses of everything else."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from ...frontend.files import static_key
from ...inference.quadrature.lattice import MOST_DIMENSIONS
from ...projection.settings import METRICS, MOST_NEIGHBOURS, UmapSettings
from ..http.address_values import MAX_SIGMA, MIN_SIGMA
from ..http.addresses import BELOW
from ..http.pack import sheet_size
from .space import Space


def describe(space: Space) -> dict[str, Any]:
    """What the map needs to know to start: small values and addresses, as JSON."""
    model = space.checkpoint.config.model
    own = f"?model={quote(space.name, safe='')}"  # copies of a model share a key, and have files of their own
    base = f"{BELOW}/model/{space.key}"
    files = f"{BELOW}/static/{static_key()}"
    return {
        "name": space.name,
        "latent": space.latent,
        "imageShape": list(model.image_shape),
        # What the numbers are: of which family, and whether log p(x|z) is a log-density, which can be positive.
        "likelihood": {"name": model.likelihood, "density": space.checkpoint.model.decoder.likelihood.continuous},
        # What x is: bits beside each image's grey values, or those values themselves, divided by 255.
        "observed": "binary" if space.latents.binary else "grey",
        # Whether drawings are centred and scaled as the images were: true of MNIST's alone.
        "centred": space.checkpoint.config.training.dataset == "mnist",
        "classes": list(space.latents.classes),
        "count": len(space.latents),
        "testCount": space.test_count,
        "fitCount": space.fit_count,
        # The files and columns of a person's own pictures, in sheets as the images.
        "own": {
            "url": f"{base}/own-{{sheet}}.json",
            "files": bool(space.own.files),
            "columns": list(space.own.columns),
        }
        if space.own.key
        else None,
        "complete": space.complete,
        "replaced": space.replaced,
        "plane": {
            "kind": space.plane.kind,
            "basis": space.plane.basis.tolist(),
            "explained": space.plane.explained,
            "range": space.map_range,
        },
        "points": space.points,
        "sigma": [MIN_SIGMA, MAX_SIGMA],
        "codes": f"{base}/points.bin",
        "sheet": {
            "size": sheet_size(space),
            "latents": f"{base}/latents-",
            "images": f"{BELOW}/images/{space.data_key}/",
        },
        "decoder": f"{base}/decoder.onnx",
        "encoder": f"{base}/encoder.onnx",
        "latents": f"{base}/codes.bin",
        "rules": {
            name: {"url": f"{base}/rule-{name}.bin", "nodes": len(rule), "replicates": rule.replicates}
            for name, rule in space.rules.items()
        },
        "mostNodes": space.most_nodes,
        "terms": f"{BELOW}/terms/{space.key}",
        "evidence": f"{BELOW}/evidence/{space.key}",
        "field": f"{BELOW}/field/{space.key}" if space.latent <= MOST_DIMENSIONS else None,
        "units": f"{BELOW}/units/{space.key}.json",
        **{name: f"{BELOW}/{name}/{space.key}" for name in ("best", "gradient", "kl", "encode")},
        **{name: f"{BELOW}/{name}/{space.key}{own}" for name in ("maps", "ways", "strip", "near", "table", "export")},
        **{name: f"{BELOW}/{name}/{space.key}/{{name}}.bin{own}" for name in ("map", "column", "trust")},
        "rates": space.rates,
        "active": space.active,
        "umap": {**asdict(UmapSettings()), "metrics": list(METRICS), "most_neighbours": MOST_NEIGHBOURS},
        "gaps": f"{BELOW}/gaps/{space.key}.bin{own}",
        "socket": f"{BELOW}/engine/{space.key}",
        "engine": space.engine,
        "runtime": {
            "ort": f"{files}/vendor/onnxruntime-web/ort.wasm.min.mjs",
            "mjs": f"{files}/vendor/onnxruntime-web/ort-wasm-simd-threaded.mjs",
            "wasm": f"{files}/vendor/onnxruntime-web/ort-wasm-simd-threaded.wasm",
        },
        "plotly": f"{files}/vendor/plotly.min.js",
        "style": f"{files}/style/style.css",
        "entry": f"{files}/map/live_map.mjs",
    }
