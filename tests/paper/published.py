"""All that the papers state of each method, key by key, and where it is found here.

Copied from the texts: SplatPose & Detect (Kruse et al. 2024), IGSPAD (2024), RPE-PAD, PTAD (2026) with its supplement,
PAD (Zhou et al. 2023) and, under `repo`, the authors' code at github.com/EricLee0224/PAD.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from paper import constants

SAME: Any = object()


@dataclass(frozen=True)
class Recipe:
    """The value is at a path of the resolved recipe, in its own form where that is another."""

    path: str
    value: Any = SAME
    method: str | None = None


@dataclass(frozen=True)
class Constant:
    """The value is fixed in the code; `read` gets it from there, in its own form where that is another.

    share: by how much a number may differ.
    """

    read: Callable[[], Any]
    value: Any = SAME
    share: float = 0.0


@dataclass(frozen=True)
class Deviation:
    """A sentence of the recipe's `deviations.paper` with this fragment says what is done instead, or chosen."""

    fragment: str
    method: str | None = None


@dataclass(frozen=True)
class Unset:
    """Nothing that a recipe of the method could set: what was measured or compared, on what, or a run's own options."""

    why: str


Place = Recipe | Constant | Deviation | Unset
Stated = dict[str, tuple[Any, Place]]

_HARDWARE = Unset("the authors' hardware")
_RESULT = Unset("a result")
_SHARES = "another run: views or training_share, or another part of the recipe, are overridden by --set"

OMNIPOSEAD: Stated = {
    "scene": ("NeRF trained on the normal training views", Recipe("representation.name", "nerf")),
    "retrieval": ("LoFTR matches with every training image; most matches", Recipe("pose.0.name", "loftr")),
    "pose": ("iNeRF, photometric loss, regions of interest", Recipe("pose.1.name", "inerf")),
    "extractor": ("pre-trained EfficientNet-b4", Recipe("detector.extractor", "tf_efficientnet_b4")),
    "score": ("MSE of a feature pyramid per pixel", Recipe("detector.name", "feature-mse")),
    "runtime": ("10 to 15 h, 1x A100", _RESULT),
    "failures": ("about 15% of training runs do not converge", Deviation("the papers report failures, and no remedy")),
    "code_bases": ("nerf-pytorch, inerf", Deviation("nerfstudio's field")),
    "repo.inerf.steps": (300, Recipe("pose.1.steps")),
    "repo.inerf.optimizer": (
        "Adam betas (0.9,0.999)",
        Constant(constants.inerf_adam, {"lr": 0.01, "betas": (0.9, 0.999)}),
    ),
    "repo.inerf.lr": (0.01, Recipe("pose.1.learning_rate")),
    "repo.inerf.lr_decay": (
        "lr*0.8**((k+1)/100)",
        Constant(constants.inerf_rates, [round(0.01 * 0.8 ** ((k + 1) / 100), 9) for k in range(3)]),
    ),
    "repo.inerf.batch_size_rays": (3072, Recipe("pose.1.rays")),
    "repo.inerf.sampling": ("interest_regions", Deviation("inerf: key points of XFeat, the detector is not stated")),
    "repo.inerf.dil_iter": (3, Recipe("pose.1.dilations")),
    "repo.inerf.kernel_size": (5, Recipe("pose.1.kernel_size")),
    "repo.inerf.N_samples": (64, Recipe("representation.samples")),
    "repo.inerf.N_importance": (64, Recipe("representation.fine_samples")),
    "repo.inerf.half_res": (True, Recipe("image_size", 400)),  # of the 800 px of MAD
    "repo.inerf.white_bkgd": (True, Constant(constants.nerf_background, "white")),
    "repo.inerf.resize": (400, Recipe("image_size")),
    "repo.inerf.near": (2.0, Deviation("instead of from near 2 to far 6")),
    "repo.inerf.far": (6.0, Deviation("instead of from near 2 to far 6")),
    "repo.inerf.seed": (1024, Unset("of a run: --seeds")),
    "repo.scoring.input": ("224x224, ImageNet mean/std", Recipe("detector.input_size", 224)),
    "repo.scoring.score": (
        "channel-summed MSE of the images and of every feature level, bilinear to 224",
        Recipe("detector.strides", [2, 4, 8, 16]),
    ),
    "repo.scoring.gaussian_sigma": (4, Recipe("detector.smoothing")),
    "repo.scoring.normalise": ("min-max over the whole test set", Unset("changes no ranking, as the detector says")),
    "repo.scoring.image_score": ("max of the map", Recipe("protocol", "pad")),
}

SPLATPOSE: Stated = {
    "scene.model": ("3DGS, author-given hyperparameters", Deviation("3dgs: 100,000 random initial Gaussians")),
    "scene.iterations": (30_000, Recipe("representation.iterations")),
    "scene.spherical_harmonics_degree": (0, Constant(constants.spherical_harmonics_degree)),
    "scene.base_code": ("gaussian-splatting; PAD", Deviation("3dgs: 100,000 random initial Gaussians")),
    "image_size": ([400, 400], Recipe("image_size", 400)),
    "retrieval": ("LoFTR, all training views, most matches", Deviation("loftr: trained on MegaDepth (outdoor)")),
    "pose.parameters": ("screw axis and theta; the cloud moves, the camera stays", Recipe("pose.1.name", "splatpose")),
    "pose.t": ("G(theta) v", Deviation("splatpose: the exact exponential of the screw axis")),
    "pose.loss": ("(1-lambda)*L1 + lambda*(1-SSIM)", Recipe("pose.1.ssim_weight", 0.2)),
    "pose.lambda": (0.2, Recipe("pose.1.ssim_weight")),
    "pose.optimizer": ("Adam", Constant(constants.splatpose_adam, {"lr": 0.001, "betas": (0.9, 0.999)})),
    "pose.lr": (0.001, Deviation("0.01 decaying by 0.8 in 100 steps, the text's 0.001 in the first step only")),
    "pose.betas": ([0.9, 0.999], Constant(constants.splatpose_adam, {"lr": 0.001, "betas": (0.9, 0.999)})),
    "pose.steps_k": (175, Recipe("pose.1.steps")),
    "pose.steps_swept": ("25 to 300", Unset(_SHARES)),
    "pose.region_sampling": (None, Recipe("pose.1.name", "splatpose")),
    "extractor": ("EfficientNet-b4, ImageNet", Recipe("detector.extractor", "tf_efficientnet_b4")),
    "score": ("per-pixel MSE of features, as OmniAD", Recipe("detector.name", "feature-mse")),
    "protocol.runs": (5, Unset("of a run: --seeds")),
    "protocol.gpu": ("1x RTX 3090", _HARDWARE),
    "protocol.sparse_views_percent": ([20, 40, 60, 80, 100], Unset(_SHARES)),
    "protocol.pose_error_split": ("random split of the MAD training set", Unset("of the data set, not of the method")),
    "protocol.baselines": ("numbers from Zhou et al. plus own reproductions", _RESULT),
}

IGSPAD: Stated = {
    "scene.model": ("3DGS", Recipe("representation.name", "3dgs")),
    "scene.iterations": (100_000, Recipe("representation.iterations")),
    "scene.image_size": ([800, 800], Recipe("image_size", 800)),
    "retrieval": ("LightGlue against all training images", Recipe("pose.0.shortlist", 0)),
    "pose.parameters": ("camera pose; covariance term dropped", Recipe("pose.1.mean_only_gradient", True)),
    "pose.loss": ("L1 weighted by W, divided by n^2", Recipe("pose.1.name", "igs")),
    "pose.mps": ("pixels within k px of a match weigh 1, the rest 0", Recipe("pose.1.mps", True)),
    "pose.steps": (300, Recipe("pose.1.steps")),
    "pose.lr": (0.01, Recipe("pose.1.learning_rate")),
    "pose.lr_decay": (
        "to 0.001 at step 200",
        Recipe("pose.1", {"late_learning_rate": 0.001, "late_from": 200}),
    ),
    "extractor": ("SAM image encoder sam_vit_b", Recipe("detector.extractor", "sam_vit_b")),
    "extractors_compared": (
        ["sam_vit_b", "sam_vit_l", "sam_vit_h", "resnet18", "wide_resnet50_2", "cait_m48_448"],
        Constant(constants.known_extractors),
    ),
    "score.pixel": ("1 - cosine similarity per location, upsampled", Recipe("detector.name", "feature-cosine")),
    "score.image": ("max of the average-pooled map", Deviation("average pooling over 3x3 locations of SAM's map")),
    "protocol.gpu": ("1x RTX 4090", _HARDWARE),
}

RPEPAD: Stated = {
    "scene.model": ("3DGS", Recipe("representation.name", "3dgs")),
    "scene.iterations": (30_000, Recipe("representation.iterations")),
    "scene.image_size_mad": ([800, 800], Recipe("image_size", 800)),
    "scene.image_size_rad_wh": ([1291, 721], Deviation("the paper has 1291 x 721")),
    "rvss.perturbations_per_pose_M": (3, Recipe("pose.1.novel_views")),
    "rvss.mu_r": (0, Constant(constants.mean_noise_of_the_rotation)),
    "rvss.mu_t": (0, Constant(constants.mean_noise_of_the_translation)),
    "rvss.sigma_r": (0.02, Recipe("pose.1.sigma_r")),
    "rvss.sigma_t": (0.1, Recipe("pose.1.sigma_t")),
    "retrieval": (
        "LoFTR; inference: query against training set + novel set",
        Recipe("pose.0", {"name": "rvss-retrieval", "matcher": "loftr", "novel_views": 3}),
    ),
    "relative_pose.rotation": ("quaternion; R12 = R2 R1^T", Recipe("pose.1.name", "irprn")),
    "relative_pose.translation": ("t12 = R1 (t2 - t1)", Deviation("irprn: t12 = t2 - R12 t1")),
    "relative_pose.output": ("p = [q, t]", Recipe("pose.1.name", "irprn")),
    "irprn.backbone": (
        "ResNet-50, H/32 x W/32, averaged along the channels",
        Recipe("pose.1", {"backbone": "resnet50", "stages": 5, "frozen_stages": 0}),
    ),
    "irprn.heads": (
        "rotation and translation MLP; one pair per refinement layer",
        Deviation("widths (64 channels, 128 hidden numbers)"),
    ),
    "irprn.refinement_layers_N": (3, Recipe("pose.1.refinement_layers")),
    "irprn.refinement": ("dynamic convolution, additive offsets", Deviation("4 kernels")),
    "irprn.epochs": (35, Recipe("pose.1.epochs")),
    "irprn.lr": (0.001, Recipe("pose.1.learning_rate")),
    "irprn.lr_decay": (
        "to 0.0001 after 20 epochs",
        Recipe("pose.1", {"decay": "step", "late_learning_rate": 0.0001, "late_from": 20}),
    ),
    "irprn.batch_size": (32, Recipe("pose.1.batch_size")),
    "irprn.loss_pair": (
        "L_t*exp(-s_t)+s_t + L_q*exp(-s_q)+s_q, learned weights",
        Deviation("the start of s_t and s_q (0)"),
    ),
    "irprn.loss_network": (
        "coarse + sum over the N layers, equal weights",
        Constant(constants.weights_of_the_layers, [1.0, 1.0, 1.0, 1.0]),
    ),
    "mpts.K": (3, Recipe("pose.1.top_views")),
    "mpts.loss": (
        "weights 1/2, 1/3, 1/6",
        Constant(constants.weights_of_three_pairs, [round(1 / 2, 6), round(1 / 3, 6), round(1 / 6, 6)]),
    ),
    "extractor": ("pre-trained EfficientNet-B4", Recipe("detector.extractor", "tf_efficientnet_b4")),
    "score": ("pixel-level comparison of features", Deviation("feature-mse: the PAD scoring")),
    "protocol.gpu": ("1x RTX 3090", _HARDWARE),
    "protocol.generalisation_test": ("several training runs per method, best set kept", _RESULT),
    "protocol.ablation_rows": ("none, RVSS, RVSS+IRPRN, RVSS+MPTS, all", Unset(_SHARES)),
}

PTAD: Stated = {
    "scene": ("mesh to 3DGS with mesh2splat, no optimisation", Recipe("representation.name", "mesh2splat")),
    "mesh2splat.gaussian_scale": (0.65, Recipe("representation.scale")),
    "mesh2splat.sampling_density": (0.5, Recipe("representation.density")),
    "image_size": ([256, 256], Recipe("image_size", 256)),
    "query_mask": ("threshold-based segmentation", Recipe("pose.1.threshold", 0.04)),
    "pose_init.candidates_N": (20, Constant(constants.silhouettes_that_chamfer_compares)),
    "pose_init.distance": ("symmetric chamfer distance, smallest wins", Recipe("pose.1.candidates", 1)),
    "pose_opt.parameters": (
        "screw axis and theta, 7 per model",
        Deviation("mask: rates of 0.05 falling to 0.005 and the exact exponential of the screw axis"),
    ),
    "pose_opt.loss": ("L1(M_r, M_q) on masks", Recipe("pose.1.name", "mask")),
    "pose_opt.iterations_k": (150, Recipe("pose.1.steps")),
    "reference_image": (
        "depth map at the optimised pose",
        Deviation("the normalisation of depth (nearest 0, farthest 0.8, background 1)"),
    ),
    "mmpdn.backbone": (
        "retrained ResNet18, 4 levels, shared",
        Recipe("detector", {"width": 64, "pretrained": True}),
    ),
    "mmpdn.similarity": ("1 - cosine per level, upsampled", Recipe("detector.comparison", "pyramid")),
    "mmpdn.fusion": ("FPN over the similarity maps", Deviation("mmpdn: the widths of pyramid and heads")),
    "mmpdn.head": ("two-layer MLP classification head", Constant(constants.layers_of_the_heads, (2, 4))),
    "mmpdn.box_head": ("4-layer MLP, L1 + generalised IoU", Constant(constants.layers_of_the_heads, (2, 4))),
    "mmpdn.trainable_parameters_M": (17.62, Constant(constants.ptad_parameters, share=0.02)),
    "train.epochs": (20, Recipe("detector.epochs")),
    "train.batch_size": (16, Recipe("detector.batch_size")),
    "train.optimizer": ("Adam", Recipe("detector.weight_decay", 0.0)),  # AdamW without decay
    "train.lr": (2.0e-5, Recipe("detector.learning_rate")),
    "train.gpu": ("1x RTX 5880 Ada", _HARDWARE),
    "sampling_ratios_percent": ([5, 10, 20, 50, 80, 100], Unset(_SHARES)),
    "ablation_rows": ("A to D", Deviation("A: two layers of cross-attention", method="ptad-multi-view")),
}

PTAD_DEPTH_ANYTHING: Stated = {
    "input": (
        "Depth Anything (v2 cited) depth against rendered depth; Sobel on both",
        Recipe("detector.sees", "edges of depth"),
    ),
    "training": (
        "identical training settings",
        Recipe("detector", {"epochs": 20, "batch_size": 16, "learning_rate": 2.0e-5, "decay": "none"}),
    ),
    "sampling_ratios_percent": ([5, 10, 20, 50, 80, 100], Unset(_SHARES)),
}

LOOKING3D: Stated = {
    "method": (
        "CMT: multi-view references, cross-attention",
        Deviation("correspondence-guided attention of Looking 3D"),
    ),
    "reference_views": (20, Recipe("pose.0.views")),
    "trainable_parameters_M.resnet18_fpn": (12.77, Deviation("12.77 million", method="resnet18-fpn")),
    "trainable_parameters_M.vlfa": (2.49, Unset("a module of Looking 3D alone, which is no method here")),
    "trainable_parameters_M.cga": (15.5, Deviation("correspondence-guided attention of Looking 3D")),
    "trainable_parameters_M.total": (30.77, Unset("of Looking 3D, which is no method here")),
}

PUBLISHED: dict[str, tuple[Stated, int]] = {
    "omniposead": (OMNIPOSEAD, 29),
    "splatpose": (SPLATPOSE, 23),
    "igspad": (IGSPAD, 15),
    "rpe-pad": (RPEPAD, 30),
    "ptad": (PTAD, 24),
    "ptad-depth-anything": (PTAD_DEPTH_ANYTHING, 3),
    "ptad-multi-view": (LOOKING3D, 6),
}
"""Of each method what is stated, and how many keys the texts have."""
