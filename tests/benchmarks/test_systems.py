"""The benchmark's systems, the same by hand, and what is written of their times."""

import json
import pathlib

import keras
import numpy as np
import pytest

from benchmarks import costs, loop, machine, step_times
from benchmarks.systems import SYSTEMS, multiplications

ROOT = pathlib.Path(__file__).parents[2]
NAMES = sorted(SYSTEMS)


def weights(model, name):
    """Numbers of weights that are trained, by network."""
    counted = {}
    for network in SYSTEMS[name].passes:
        counted[network] = sum(int(np.prod(v.shape)) for v in getattr(model, network).trainable_variables)
    return counted


@pytest.fixture(params=NAMES)
def system(request):
    model = SYSTEMS[request.param].build(SYSTEMS[request.param].shape, 0)
    images = np.random.default_rng(0).random((SYSTEMS[request.param].critic_steps * 4, *SYSTEMS[request.param].shape))
    return request.param, model, images.astype("float32")


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="two frameworks in a process take seconds to load")
def test_pytorch_by_hand_has_the_same_weights_and_takes_a_step(system):
    import torch

    from benchmarks import by_hand_torch

    name, model, images = system
    networks, step, incoming = by_hand_torch.steps(name, images.shape[1:])
    assert {each: sum(w.numel() for w in network.parameters()) for each, network in networks.items()} == weights(
        model, name
    )
    before = [weight.clone() for network in networks.values() for weight in network.parameters()]
    step(incoming(images))
    after = [weight for network in networks.values() for weight in network.parameters()]
    assert all(weight.requires_grad and torch.isfinite(weight).all() for weight in after)
    moved = [not torch.equal(old, new) for old, new in zip(before, after)]
    # What a normalisation takes away again, such as a bias before it, may stay.
    assert sum(moved) > 0.8 * len(moved)


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="plain Keras is measured on TensorFlow")
def test_plain_keras_has_the_same_weights_and_takes_a_step(system):
    from benchmarks import by_hand_keras

    name, model, images = system
    plain = by_hand_keras.model(name, images.shape[1:])
    counted = {each: sum(int(np.prod(v.shape)) for v in n.trainable_weights) for each, n in plain.networks.items()}
    assert counted == weights(model, name)
    plain.run_eagerly = True  # a graph takes longer to build
    history = plain.fit(images, batch_size=len(images), verbose=0).history
    assert history and all(np.isfinite(value) for values in history.values() for value in values)


def test_multiplications_are_those_of_the_formulas():
    model = SYSTEMS["mlp_vae"].build((28, 28, 1), 0)
    assert multiplications(model.encoder) == 784 * 512 + 512 * 256 + 2 * 256 * 16
    # Six passes of a dense network: 2 operations a weight and pass, biases aside.
    dense = 784 * 512 + 512 * 256 + 2 * 256 * 16 + 16 * 256 + 256 * 512 + 512 * 784
    assert SYSTEMS["mlp_vae"].operations(model) == 2 * 64 * 3 * dense
    gan = SYSTEMS["dcgan"].build((28, 28, 1), 0)
    assert multiplications(gan.discriminator) == 14 * 14 * 16 * 64 + 7 * 7 * 16 * 64 * 128 + 7 * 7 * 128
    assert multiplications(gan.generator) == 100 * 6272 + 7 * 7 * 16 * 128 * 64 + 14 * 14 * 16 * 64


def test_moves_count_each_step_of_a_critic():
    system = SYSTEMS["wgan_gp"]
    model = system.build(system.shape, 0)
    assert system.moves(model) == model.generator.count_params() + 5 * model.discriminator.count_params()
    assert system.images_of_step == 5 * 64


@pytest.mark.slow
def test_a_loop_takes_turns_in_a_process_of_its_own():
    backend = keras.backend.backend()
    with loop.Loop("mlp_vae", "kerasgen", backend, steps=3, batch=8) as one:
        assert one.start_seconds > 0
        assert loop.take_turns({"it": one}, 2)["it"][1] > 0
        assert one.about["operations"] == SYSTEMS["mlp_vae"].operations(SYSTEMS["mlp_vae"].build((28, 28, 1), 0)) / 8
        assert one.close() > 50e6


def test_a_loop_that_cannot_start_is_told():
    with pytest.raises(RuntimeError, match="invalid choice"), loop.Loop("mlp_vae", "no such way"):
        pass


def measured():
    """Times of two loops, as `step_times.measure` gives them."""
    here = {"processor": "one", "cores": 2, "gflops": 100.0, "copy_gb": 10.0, "python": "3", "versions": {}}
    about = {"jit_compile": True}
    loops = [
        {"contestant": "kerasgen", "backend": "tensorflow", "best_ms": 4.0, "median_ms": 5.0, "about": about},
        {"contestant": "eager", "backend": "torch", "best_ms": 5.0, "median_ms": 5.5, "about": {}},
        {"contestant": "compiled", "backend": "torch", "best_ms": 8.0, "median_ms": 8.5, "about": {}},
    ]
    loops = [{**each, "first_step_seconds": 9.0, "peak_bytes": 5e8} for each in loops]
    return {"dcgan": {"machine": here, "rounds": 9, "floor_ms": 2.5, "images": 64, "loops": loops}}


def test_ratios_are_those_of_the_best():
    table = step_times.table(measured())
    assert "| DCGAN 28x28x1 | 5 ms (eager) | 0.80 (4 ms) |  |  |  | 0.50 |" in table
    assert "| kerasgen on TensorFlow with XLA | 4 ms | 5 ms | 0.80 | 16,000 | 9.0 s | 500 MB |" in table


def test_costs_are_told_with_how_linear_they_are():
    offset, slope, error = costs.line([1, 2, 4], [3.0, 5.5, 9.0])
    assert (offset, slope) == (1.0, 2.0)
    assert error == pytest.approx(5 / 5.5 - 1)


def test_the_page_is_that_of_the_results():
    folder = ROOT / "benchmarks"
    from benchmarks.__main__ import page

    results = json.loads((folder / "speed.json").read_text(encoding="utf-8"))
    assert page(results) == (folder / "speed.md").read_text(encoding="utf-8")
    assert set(results["steps"]) == set(SYSTEMS)


def test_a_machine_is_described():
    here = machine.describe()
    assert here["gflops"] > 0.1 and here["copy_gb"] > 0.1 and here["versions"]["keras"] == keras.__version__
    assert f"{here['cores']} cores" in machine.sentence(here)
