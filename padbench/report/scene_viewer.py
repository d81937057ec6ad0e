"""A server that shows a scene and its cameras in a browser, by viser."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.transform import Rotation

from padbench.errors import UserError
from padbench.report.posed_queries import PosedQuery, PosedScene
from padbench.scene import Matrix

try:
    import viser
except ImportError as error:
    raise UserError("padbench view --3d needs viser: pip install 'padbench[view]'") from error

COLOURS = {"true": (30, 150, 60), "estimated": (20, 90, 220), "coarse": (235, 130, 20)}
_LEGEND = (
    "**green** true, **blue** estimated, **orange** coarse: the first pose of the chain. The estimated camera holds "
    "the query image."
)
_THUMBNAIL = 256  # px
_FRUSTUM = 0.12  # height of a frustum, as a share of the cameras' distance


class SceneViewer:
    """Serves one scene until `stop`; scene nodes are "/gaussians" and "/<kind>/<query id>".

    nodes: viser's handle of every node by name. port: may be another than was asked for, where that is taken.
    """

    def __init__(self, scene: PosedScene, port: int) -> None:
        """Start to serve on this machine only."""
        self._scene = scene
        # viser answers every change of a control in a thread of its own: the last one to show must see the last change.
        self._showing = threading.Lock()
        self.nodes: dict[str, Any] = {}
        self._server = viser.ViserServer(host="localhost", port=port, verbose=False)
        self.port: int = self._server.get_port()
        self._server.scene.set_up_direction(_up(scene))
        if scene.splats is not None:
            self._add_splats()
        positions = np.array([_position(pose) for query in scene.queries for pose in query.cameras.values()])
        self._centre = _looked_at(scene)
        self._distance = float(np.median(np.linalg.norm(positions - self._centre, axis=1))) or 1.0
        for query in scene.queries:
            self._add_cameras(query)
        names = [query.query.id for query in scene.queries]
        self.query = self._server.gui.add_dropdown("query", names, initial_value=names[0])
        self.all_queries = self._server.gui.add_checkbox("all queries", False)
        self._facts = self._server.gui.add_markdown("")
        self._server.gui.add_markdown(_LEGEND if scene.unshown is None else f"{_LEGEND}\n\n{_plain(scene.unshown)}.")
        self.query.on_update(lambda _: self.show())
        self.all_queries.on_update(lambda _: self.show())
        self._server.on_client_connect(self._place)
        self.show()

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://localhost:{self.port}"

    def show(self) -> None:
        """Show the cameras of the chosen query, or all, and say what is known of it."""
        with self._showing:
            self._show()

    def _show(self) -> None:
        for query in self._scene.queries:
            chosen = query.query.id == self.query.value
            for kind in query.cameras:
                self.nodes[f"/{kind}/{query.query.id}"].visible = chosen or self.all_queries.value
            if chosen:
                errors = "".join(f"\n\n{kind}: {degrees:.3f}° off" for kind, degrees in query.errors.items())
                self._facts.content = f"{_plain(query.defect or 'normal')}, score {query.score:.4g}{errors}"

    def stop(self) -> None:
        """Stop to serve; the port is free a moment later."""
        self._server.stop()

    def _add_splats(self) -> None:
        splats = self._scene.splats
        assert splats is not None
        api = self._server.scene
        # Later versions have it without the underscore; 0.2.7 is the one that nerfstudio runs with.
        add = getattr(api, "add_gaussian_splats", None) or api._add_gaussian_splats
        covariances = splats.covariances.numpy().astype(np.float64)
        # viser takes square roots of them: a Gaussian without any thickness has none.
        thinnest = 1e-9 * np.trace(covariances, axis1=1, axis2=2).mean()
        self.nodes["/gaussians"] = add(
            "/gaussians",
            splats.means.numpy(),
            covariances + thinnest * np.eye(3),
            splats.colours.numpy(),
            splats.opacities.numpy()[:, None],
        )

    def _add_cameras(self, query: PosedQuery) -> None:
        camera = self._scene.camera
        for kind, pose in query.cameras.items():
            name = f"/{kind}/{query.query.id}"
            self.nodes[name] = self._server.scene.add_camera_frustum(
                name,
                fov=2 * float(np.arctan(camera.height / 2 / camera.K[1, 1])),
                aspect=camera.width / camera.height,
                scale=_FRUSTUM * self._distance,
                color=COLOURS[kind],
                image=_thumbnail(query) if kind == "estimated" else None,
                wxyz=Rotation.from_matrix(pose[:3, :3].T).as_quat()[[3, 0, 1, 2]],
                position=_position(pose),
                visible=False,
            )

    def _place(self, client: Any) -> None:
        """Let a new reader look at the scene from behind and beside the first camera."""
        pose = next(iter(self._scene.queries[0].cameras.values()))
        sideways = self._distance * pose[0, :3]
        client.camera.position = self._centre + 1.6 * (_position(pose) - self._centre) + sideways
        client.camera.look_at = self._centre


def _position(world_to_camera: Matrix) -> Matrix:
    """The camera's centre, (3,)."""
    return -world_to_camera[:3, :3].T @ world_to_camera[:3, 3]


def _looked_at(scene: PosedScene) -> Matrix:
    """The point nearest to all optical axes, (3,)."""
    poses = [pose for query in scene.queries for pose in query.cameras.values()]
    across = [np.eye(3) - np.outer(pose[2, :3], pose[2, :3]) for pose in poses]
    offset = np.sum([part @ _position(pose) for part, pose in zip(across, poses, strict=True)], axis=0)
    point: Matrix = np.linalg.lstsq(np.sum(across, axis=0), offset, rcond=None)[0]
    return point


def _up(scene: PosedScene) -> Matrix:
    """The mean upward direction of the images, (3,)."""
    up = -np.mean([pose[1, :3] for query in scene.queries for pose in query.cameras.values()], axis=0)
    length = float(np.linalg.norm(up))
    return up / length if length > 1e-6 else np.array([0.0, 0.0, 1.0])


def _thumbnail(query: PosedQuery) -> NDArray[np.uint8]:
    picture = Image.fromarray(np.rint(np.clip(query.pixels(), 0, 1) * 255).astype(np.uint8))
    picture.thumbnail((_THUMBNAIL, _THUMBNAIL))
    return np.asarray(picture)


def _plain(text: str) -> str:
    """Text from data sets and plugins, with nothing that Markdown or HTML would act on."""
    return "".join(
        character if character.isalnum() or character in " .,:'-()" else f"&#{ord(character)};" for character in text
    )
