"""The compiled hash encoding against nerfstudio's own, values and gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch


def test_equals_nerfstudios_encoding_and_its_gradients() -> None:
    pytest.importorskip("nerfstudio")
    from nerfstudio.field_components.encodings import HashEncoding

    from padbench_nerf.hash_encoding import CompiledHashEncoding

    sizes: dict[str, Any] = {
        "num_levels": 5,
        "min_res": 4,
        "max_res": 90,
        "log2_hashmap_size": 9,
        "implementation": "torch",
    }
    theirs, ours = HashEncoding(**sizes, hash_init_scale=1.0), CompiledHashEncoding(**sizes)
    ours.load_state_dict(theirs.state_dict())
    generator = torch.Generator().manual_seed(2)
    points = torch.rand(700, 3, generator=generator)
    direction = torch.randn(700, 10, generator=generator)
    results = []
    for encoding in (theirs, ours):
        positions = points.clone().requires_grad_()
        encoded = encoding(positions)
        (encoded * direction).sum().backward()
        results.append((encoded.detach(), positions.grad, encoding.hash_table.grad))
    for their, our in zip(*results, strict=True):
        assert their.abs().max() > 0.5
        torch.testing.assert_close(our, their, rtol=1e-4, atol=1e-4)


def test_corners_of_the_cube_are_encoded_as_nerfstudio_does() -> None:
    pytest.importorskip("nerfstudio")
    from nerfstudio.field_components.encodings import HashEncoding

    from padbench_nerf.hash_encoding import CompiledHashEncoding

    sizes: dict[str, Any] = {
        "num_levels": 2,
        "min_res": 4,
        "max_res": 8,
        "log2_hashmap_size": 8,
        "implementation": "torch",
    }
    theirs, ours = HashEncoding(**sizes, hash_init_scale=1.0), CompiledHashEncoding(**sizes)
    ours.load_state_dict(theirs.state_dict())
    points = torch.cartesian_prod(*[torch.tensor([0.0, 0.25, 1.0])] * 3)
    torch.testing.assert_close(ours(points), theirs(points))
