"""The numba kernels of the CPU rasterizer; `padbench_gaussians.rasterization` is their only door."""
