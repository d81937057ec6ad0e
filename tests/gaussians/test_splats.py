"""What a viewer is given of Gaussians: rotation and scales as one matrix."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from padbench.interfaces import HasSplats
from padbench_gaussians.gaussians import Gaussians
from padbench_gaussians.mesh_representation import MeshSplatting
from padbench_gaussians.representation import GaussianSplatting

numbers = st.floats(-2, 2, width=32)


@given(arrays(np.float32, (3, 14), elements=numbers).filter(lambda table: (np.abs(table[:, 3:7]).sum(1) > 0.1).all()))
def test_covariances_have_the_scales_along_the_rotated_axes(table: NDArray[np.float32]) -> None:
    """Against scipy's rotations; quaternions need not be normalised. Colours and opacities are within [0, 1]."""
    means, quats, log_scales, logits, features = torch.split(torch.from_numpy(table), [3, 4, 3, 1, 3], dim=1)
    splats = Gaussians(means, quats, log_scales, logits[:, 0], features).splats()
    axes = Rotation.from_quat(table[:, [4, 5, 6, 3]]).as_matrix()
    variances = np.exp(2 * table[:, 7:10].astype(np.float64))
    expected = np.einsum("nij,nj,nkj->nik", axes, variances, axes)
    np.testing.assert_allclose(splats.covariances.numpy(), expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(splats.means.numpy(), table[:, :3])
    for shares in (splats.colours, splats.opacities):
        assert float(shares.min()) >= 0 and float(shares.max()) <= 1
    np.testing.assert_allclose(splats.opacities.numpy(), 1 / (1 + np.exp(-table[:, 10])), rtol=1e-5)


def test_both_representations_of_gaussians_can_be_shown() -> None:
    assert issubclass(GaussianSplatting, HasSplats) and issubclass(MeshSplatting, HasSplats)
