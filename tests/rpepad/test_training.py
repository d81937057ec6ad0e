"""Training: an interruption changes no bit, and a network that is trained finds the poses it was trained on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from padbench.interfaces import Item
from padbench.progress import SilentProgress
from padbench_rpepad.loss import RelativePoseLoss
from padbench_rpepad.network import RelativePoseNetwork
from padbench_rpepad.pairs import TrainingPairs
from padbench_rpepad.relative_pose import inverse
from padbench_rpepad.training import Schedule, batch_loss, train

SCHEDULE = Schedule(
    epochs=5,
    learning_rate=1e-2,
    late_learning_rate=1e-3,
    decay="cosine",
    late_from=3,
    batch_size=4,
    random_directions=True,
)


class InterruptedProgress:
    """Ctrl-C after so many items."""

    def __init__(self, after: int) -> None:
        self._after = after

    def track(self, items: Iterable[Item], description: str, total: int | None = None) -> Iterable[Item]:
        for number, item in enumerate(items):
            if number == self._after:
                raise KeyboardInterrupt
            yield item


class ToyBackbone(nn.Sequential):
    """With normalisation: its running statistics are part of the state."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))


def network(layers: int = 2) -> RelativePoseNetwork:
    torch.manual_seed(3)
    return RelativePoseNetwork(ToyBackbone(), (8, 2, 3), layers, width=6, hidden=16, kernels=2)


def pairs(sources: int = 10, views: int = 4) -> tuple[Tensor, TrainingPairs]:
    generator = torch.Generator().manual_seed(4)
    images = torch.rand(views + sources, 3, 4, 6, generator=generator)
    turn = 0.2 * torch.randn(sources, 2, 3, generator=generator)
    quaternion = nn.functional.normalize(torch.cat([torch.ones(sources, 2, 1), turn], dim=2), dim=2)
    partners = torch.stack([torch.randperm(views, generator=generator)[:2] for _ in range(sources)])
    shift = 0.3 * torch.randn(sources, 2, 3, generator=generator)
    return images, TrainingPairs(torch.arange(views, views + sources), partners, quaternion, shift)


def trained(scratch: Path | None, interrupt_after: int | None = None) -> dict[str, Tensor]:
    model = network()
    images, planted = pairs()
    progress = SilentProgress() if interrupt_after is None else InterruptedProgress(interrupt_after)
    train(
        model,
        images,
        planted,
        schedule=SCHEDULE,
        generator=torch.Generator().manual_seed(0),
        scratch=scratch,
        progress=progress,
    )
    return model.state_dict()


@pytest.mark.parametrize("after", [1, 4])
def test_an_interruption_changes_no_bit(tmp_path: Path, after: int) -> None:
    whole = trained(None)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, interrupt_after=after)
    assert any(tmp_path.iterdir())
    resumed = trained(tmp_path)
    assert whole.keys() == resumed.keys()
    for name, tensor in whole.items():
        assert torch.equal(tensor, resumed[name]), name


def test_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    whole = trained(tmp_path)
    resumed = trained(tmp_path, interrupt_after=0)
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in whole.items())


def test_the_planted_poses_of_a_few_pairs_are_learned() -> None:
    model = network()
    images, planted = pairs(sources=3)
    schedule = Schedule(
        epochs=250,
        learning_rate=1e-2,
        late_learning_rate=1e-3,
        decay="step",
        late_from=180,
        batch_size=3,
        random_directions=False,
    )
    generator = torch.Generator().manual_seed(0)
    train(model, images, planted, schedule=schedule, generator=generator, scratch=None, progress=SilentProgress())
    model.train()  # three images give other running statistics than those the last weights were trained with
    with torch.no_grad():
        features = model.backbone(images)
    for k in range(2):
        quaternion, translation = model(features[planted.views[:, k]], features[planted.source])[-1]
        turn = (nn.functional.normalize(quaternion, dim=1) * planted.quaternion[:, k]).sum(1).abs().clamp(max=1)
        assert (2 * turn.arccos().rad2deg() < 3).all()
        assert ((translation - planted.translation[:, k]).norm(dim=1) < 0.03).all()


def test_the_loss_of_a_batch_weighs_each_pair_by_its_place() -> None:
    model = network().eval()
    images, planted = pairs()
    loss = RelativePoseLoss()
    batch = torch.tensor([7, 2])
    backwards = torch.tensor([[False, True], [True, False]])
    expected = []
    for i, n in enumerate(batch.tolist()):
        for k, weight in enumerate((2 / 3, 1 / 3)):
            view, source = (model.backbone(images[i][None]) for i in (planted.views[n, k], planted.source[n]))
            truth = (planted.quaternion[n, k][None], planted.translation[n, k][None])
            pair = loss(model(source, view), inverse(*truth)) if backwards[i, k] else loss(model(view, source), truth)
            expected.append(weight * pair.sum() / 2)
    found = batch_loss(model, loss, images, planted, batch, backwards)
    torch.testing.assert_close(found, torch.stack(expected).sum())


def test_the_rate_steps_as_published_or_warms_up_and_falls() -> None:
    step = Schedule(35, 1e-3, 1e-4, "step", 20, 32, False)
    assert [step.rate(epoch, epoch / 35) for epoch in (0, 19, 20, 34)] == [1e-3, 1e-3, 1e-4, 1e-4]
    cosine = Schedule(10, 3e-3, 0.0, "cosine", 0, 8, True)
    rates = [cosine.rate(0, share / 1000) for share in range(1000)]
    top = rates.index(max(rates))
    assert rates[0] == pytest.approx(0.02 * 3e-3)
    assert 40 < top < 60 and rates[top] == pytest.approx(3e-3, rel=0.02)
    assert all(a > b for a, b in zip(rates[top:], rates[top + 1 :], strict=False))
    assert rates[500] == pytest.approx(1.5e-3)
    assert rates[-1] < 1e-6


def test_each_layer_adds_to_the_pose_before_it() -> None:
    model = network(layers=2).eval()
    features = torch.rand(2, 8, 2, 3)
    poses = model(features, features.flip(0))
    assert len(poses) == 3
    with torch.no_grad():
        for name, parameter in model.heads.named_parameters():
            if ".2." in name:  # the last layer of each head
                parameter.fill_(0.25 if name.endswith("bias") else 0.0)
    coarse, first, second = model(features, features.flip(0))
    torch.testing.assert_close(coarse, poses[0])
    torch.testing.assert_close(first, (coarse[0] + 0.25, coarse[1] + 0.25))
    torch.testing.assert_close(second, (coarse[0] + 0.5, coarse[1] + 0.5))
    assert len(network(layers=0)(features, features)) == 1


def test_the_number_of_threads_changes_no_bit() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = trained(None)
        torch.set_num_threads(2)
        together = trained(None)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(tensor, together[name]) for name, tensor in alone.items())
