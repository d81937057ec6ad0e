"""Coverage: the share of a pixel that an object before a plain background covers, against how it was painted."""

from __future__ import annotations

import torch

from padbench_gaussians.silhouettes import coverage

SIZE = 32


def blended(share: torch.Tensor, colour: tuple[float, ...], background: tuple[float, ...]) -> torch.Tensor:
    """An image, (1, 3, H, W), of a colour that covers `share`, (H, W), of a background."""
    front, behind = (torch.tensor(values)[:, None, None] for values in (colour, background))
    return (share * front + (1 - share) * behind)[None]


def square(edge: float) -> torch.Tensor:
    """A square from column and row 8 to 20, whose right column is covered by `edge` only, (SIZE, SIZE)."""
    share = torch.zeros(SIZE, SIZE)
    share[8:20, 8:20] = 1
    share[8:20, 20] = edge
    return share


def test_mixed_pixels_on_the_rim_have_the_share_that_is_covered() -> None:
    for edge in (0.1, 0.3, 0.7):
        for colour, background in (((0.2, 0.4, 0.3), (1.0, 1.0, 1.0)), ((0.9, 0.5, 0.4), (0.85, 0.9, 0.95))):
            found = coverage(blended(square(edge), colour, background), 0.02)
            torch.testing.assert_close(found[0], square(edge), rtol=0, atol=1e-5)


def test_what_differs_less_than_the_threshold_is_background() -> None:
    image = blended(square(0.0), (0.5, 0.5, 0.5), (0.9, 0.9, 0.9))
    image[0, :, 2:5, 2:5] += 0.03
    assert torch.equal(coverage(image, 0.05)[0], square(0.0))
    assert coverage(image, 0.02)[0, 3, 3] > 0.9


def test_texture_within_the_object_leaves_no_holes() -> None:
    image = blended(square(0.0), (0.2, 0.2, 0.2), (1.0, 1.0, 1.0))
    image[0, :, 9:19:2, 9:19] = 0.8
    assert torch.equal(coverage(image, 0.04)[0] > 0.5, square(0.0) > 0.5)


def test_each_image_has_its_own_background() -> None:
    first = blended(square(0.4), (0.2, 0.3, 0.4), (1.0, 1.0, 1.0))
    second = blended(square(0.4), (1.0, 1.0, 0.9), (0.1, 0.0, 0.0))
    for found in coverage(torch.cat([first, second]), 0.04):
        torch.testing.assert_close(found, square(0.4), rtol=0, atol=1e-5)


def test_an_empty_image_shows_nothing() -> None:
    assert not coverage(torch.full((2, 3, SIZE, SIZE), 0.9), 0.04).any()
