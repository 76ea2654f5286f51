"""SavedModels, used as others use them: in a process without Keras and without kerasgen."""

import contextlib
import functools
import subprocess
import sys

import keras
import numpy as np
import pytest

from kerasgen import export, samplers
from kerasgen.export.saved_model import sample_of, sampler
from kerasgen.files import replace_folder
from tests.export import cases

ELSEWHERE = """
import importlib.machinery
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        # A spec that cannot be loaded, because TensorFlow looks where keras is, without importing it.
        absent = name.split(".")[0] in ("keras", "kerasgen", "tf_keras")
        return importlib.machinery.ModuleSpec(name, self) if absent else None

    def create_module(self, spec):
        raise ImportError(f"{spec.name} cannot be imported here")

    def exec_module(self, module):
        pass

sys.meta_path.insert(0, Refuse())
import numpy as np
import tensorflow as tf

def grouped(path):
    calls = {}
    for key, value in np.load(path).items():
        folder, call, argument = key.split("|")
        calls.setdefault((folder, call), {})[argument] = tf.constant(value)
    return calls

signatures = {}
outputs = {}
for (folder, call), arguments in grouped(sys.argv[1]).items():
    if folder not in signatures:
        signatures[folder] = tf.saved_model.load(folder).signatures
    for name, value in signatures[folder][call.split()[0]](**arguments).items():
        outputs[f"{folder}|{call}|{name}"] = value.numpy()
np.savez(sys.argv[2], **outputs)
assert not {name.split(".")[0] for name in sys.modules} & {"keras", "kerasgen", "tf_keras"}
"""

#: What is exported once in each way; the others of `cases.EACH` are slow.
QUICK = list(cases.BUILDERS)[:2]

#: Two Gaussians, three quarters around the first mean.
MIXTURE = samplers.GaussianMixture(2)
MIXTURE.weights, MIXTURE.means = np.array([0.75, 0.25]), np.array([[2.0, 0.0, -1.0], [-2.0, 1.0, 0.0]])
MIXTURE.covariances = np.array([np.eye(3), [[0.5, 0.4, 0.0], [0.4, 0.5, 0.0], [0.0, 0.0, 0.1]]])


def run_elsewhere(calls, folder):
    """Run signatures in a process of TensorFlow alone.

    Args:
        calls: Dict from (path of a SavedModel, "SIGNATURE any further words") to a dict of arrays.
        folder: Path for what passes between the processes.

    Returns:
        Dict with the keys of `calls`, the values dicts of arrays.
    """
    np.savez(folder / "in.npz", **{f"{p}|{c}|{n}": v for (p, c), each in calls.items() for n, v in each.items()})
    command = [sys.executable, "-c", ELSEWHERE, folder / "in.npz", folder / "out.npz"]
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    results = {}
    for key, value in np.load(folder / "out.npz").items():
        path, call, name = key.split("|")
        results.setdefault((path, call), {})[name] = value
    return results


def export_and_run(names, folder):
    """Models, and what their SavedModels gave elsewhere: name -> (model, call -> outputs)."""
    built, calls = {}, {}
    for name in names:
        model = built[name] = cases.build(name)
        path = export.saved_model(model, folder / name, sampler=None if model.generates else MIXTURE)
        assert path == folder / name
        for count in (1, 5):
            for signature in (*model.signatures(), "serving_default"):
                calls[path, f"{signature} {count}"] = cases.signature_inputs(model, signature, count)
        for count, seed in ((5, 1), (5, 2), (1, 1), (3000, 3)):
            labels = {"labels": np.arange(count, dtype="int32") % cases.CLASSES} if model.conditional else {}
            draw = {"count": np.int32(count), "seed": np.int32(seed), **labels}
            calls[path, f"sample {count} {seed}"] = draw
            calls[path, f"sample {count} {seed} again"] = draw
    if names == QUICK:
        built["averaged"], latents = export_while_training(folder / "averaged")
        calls[folder / "averaged", "decode"] = latents
    results = run_elsewhere(calls, folder)
    return {
        name: (model, {c: r for (p, c), r in results.items() if p == str(folder / name)})
        for name, model in built.items()
    }


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """What `export_and_run` gives for a name: in one process for the quick ones, in one for the slow ones."""
    quick, slow = (
        functools.cache(lambda names=names: export_and_run(names, tmp_path_factory.mktemp("exports")))
        for names in (QUICK, [name for name in cases.BUILDERS if name not in QUICK])
    )
    return lambda name: (quick if name in (*QUICK, "averaged") else slow)()[name]


@pytest.mark.parametrize("name", cases.EACH)
@pytest.mark.parametrize("count", [1, 5])
def test_signatures_equal_the_methods(exported, name, count):
    model, results = exported(name)
    for signature in (*model.signatures(), "serving_default"):
        wanted = cases.expected(model, signature, cases.signature_inputs(model, signature, count))
        # A single logit is one number: whether it is constant cannot be seen.
        cases.assert_equal(results[f"{signature} {count}"], wanted, single=(signature, count) == ("discriminate", 1))


def test_signatures_are_those_of_the_kind_of_model():
    kinds = {name: set(cases.BUILDERS[name]().signatures()) for name in cases.BUILDERS}
    autoencoder = {"encode", "decode", "reconstruct", "generate"}
    expected = {"conv": autoencoder, "mlp": autoencoder, "dcgan": {"generate", "discriminate"}}
    expected |= {"infogan": expected["dcgan"], "vae_gan": autoencoder | {"discriminate"}}
    expected["bigan"] = expected["adversarial_autoencoder"] = expected["vae_gan"]
    assert kinds == {name: expected[name] for name in kinds}


@pytest.mark.parametrize("name", cases.EACH)
def test_sample_repeats_for_a_seed_only(exported, name):
    _, results = exported(name)
    for call in ("sample 5 1", "sample 1 1", "sample 3000 3"):
        np.testing.assert_array_equal(results[call]["images"], results[f"{call} again"]["images"])
    assert len(results["sample 1 1"]["images"]) == 1
    first, other = results["sample 5 1"]["images"], results["sample 5 2"]["images"]
    assert first.shape == other.shape
    assert all((a != b).any() for a in first for b in other)


@pytest.mark.parametrize("name", cases.EACH)
def test_sample_draws_what_generate_draws(exported, name):
    model, results = exported(name)
    sampled = results["sample 3000 3"]["images"]
    drawn = (samplers.Prior(model.latent_dim) if model.generates else MIXTURE).sample(3000, seed=0)
    generated = model.decode(drawn, np.arange(3000) % cases.CLASSES if model.conditional else None)
    assert_same_distribution(sampled.reshape(3000, -1), generated.reshape(3000, -1))


def assert_same_distribution(first, second):
    """First and second moments of two sets of independent rows agree within six standard errors of their difference.

    The standard errors are those of the rows themselves, so that nothing is assumed of their distribution.
    """
    for power in (1, 2):
        # Around one centre, so that the squares do not repeat the means.
        a, b = ((rows.astype("float64") - second.mean(axis=0)) ** power for rows in (first, second))
        error = np.sqrt(a.var(axis=0) / len(a) + b.var(axis=0) / len(b))
        assert (np.abs(a.mean(axis=0) - b.mean(axis=0)) <= 6 * error + 1e-9).all()


def identity(latents):
    """A signature `generate` that gives its latents."""
    return {"images": latents}


@pytest.mark.skipif(not cases.ON_TENSORFLOW, reason="runs a graph of TensorFlow")
def test_sample_draws_what_the_mixture_draws():
    """The shares of the components, and the mean and covariance of each."""
    mixture = {name: getattr(MIXTURE, name) for name in ("weights", "means", "covariances")}
    sample, _ = sample_of(identity, [keras.InputSpec("float32", (None, 3), name="latents")], mixture)
    count = 20_000
    drawn = sample(count, 7)["images"].numpy()
    assert_same_distribution(drawn, MIXTURE.sample(count, seed=0))
    products = [rows[:, :, None] * rows[:, None, :] for rows in (drawn, MIXTURE.sample(count, seed=1))]
    assert_same_distribution(*(each.reshape(count, -1) for each in products))
    one = {name: getattr(samplers.Prior(3), name) for name in mixture}
    plain, of_one = (sample_of(identity, [keras.InputSpec("float32", (None, 3))], each)[0] for each in ({}, one))
    np.testing.assert_allclose(of_one(50, 3)["images"], plain(50, 3)["images"], atol=1e-6)


def test_a_model_that_does_not_generate_has_no_sample(tmp_path):
    model = cases.mlp_autoencoder()
    path = export.saved_model(model, tmp_path / "export")
    pytest.importorskip("tensorflow")
    with pytest.raises(ValueError, match=r"save images in a folder.*Received: signatures \['decode', 'encode'"):
        sampler(path)


def test_other_samplers_are_refused(tmp_path):
    model = cases.mlp_autoencoder()
    for other, said in (
        (object(), "a fitted kerasgen.samplers.GaussianMixture, or Prior"),
        (samplers.GaussianMixture(2), "fit"),
        (samplers.Prior(4), r"of dimension 3\. Received: 4"),
    ):
        with pytest.raises(ValueError, match=said):
            export.saved_model(model, tmp_path / "export", sampler=other)
    assert not list(tmp_path.iterdir())


class ExportWhileTraining(keras.callbacks.Callback):
    """Exports while the optimizer keeps averages beside the weights; keeps what the decoder gives with each of them."""

    def __init__(self, path, latents):
        super().__init__()
        self.path, self.latents = path, latents

    def on_epoch_end(self, epoch, logs=None):
        export.saved_model(self.model, self.path)
        self.averaged = self.model.decode(self.latents)
        outputs = self.model.decoder.predict(self.latents, verbose=0)
        self.raw = keras.ops.convert_to_numpy(self.model.likelihood.mean(outputs))


def export_while_training(path):
    model = cases.mlp_autoencoder()
    images, latents = cases.inputs_of(model, 8)
    # A high learning rate: the weights shall be far from their averages.
    model.compile(
        keras.optimizers.Adam(0.1, use_ema=True, ema_momentum=0.9), jit_compile=keras.backend.backend() == "jax"
    )
    callback = ExportWhileTraining(path, latents["latents"])
    model.fit(images["images"], batch_size=4, epochs=1, verbose=0, callbacks=[callback])
    return callback, latents


def test_averaged_weights_are_exported(exported):
    callback, results = exported("averaged")
    cases.assert_equal(results["decode"], {"images": callback.averaged})
    assert np.abs(callback.averaged - callback.raw).max() > 1e-2


def test_paths_that_hold_something_else_are_refused(tmp_path):
    model = cases.build("conv")
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    for path in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(ValueError, match=r"folder of its own.*Received: .*" + path.name):
            export.saved_model(model, path)
    assert [each.name for each in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_that_holds_more_than_a_saved_model_is_refused(tmp_path):
    """It is replaced as a whole, so that what is beside would be lost."""
    (tmp_path / "saved_model.pb").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ValueError, match=r"which holds notes\.txt"):
        export.saved_model(cases.build("conv"), tmp_path)


def test_an_export_that_fails_leaves_the_former_one(tmp_path, monkeypatch):
    """And what killed processes left, beside it or in its place, is in nobody's way."""
    path = tmp_path / "export"
    (path / "variables").mkdir(parents=True)
    (path / "fingerprint.pb").write_bytes(b"half")  # of a version that wrote in place
    (tmp_path / ".tmp-1-export" / "assets").mkdir(parents=True)
    (tmp_path / ".tmp-1-other-export").mkdir()

    def fails(write, model, path, *arguments, arrays=None):
        (path / "variables").mkdir(parents=True)
        raise OSError("No space left on device")

    def succeeds(write, model, path, *arguments, arrays=None):
        path.mkdir()
        (path / "saved_model.pb").write_bytes(b"whole")

    for attempt in (fails, succeeds, succeeds):
        monkeypatch.setattr(sys.modules["kerasgen.export.saved_model"], "on_tensorflow", attempt)
        with pytest.raises(OSError, match="No space") if attempt is fails else contextlib.nullcontext():
            export.saved_model(cases.mlp_autoencoder(), path)
        kept = ["fingerprint.pb", "variables"] if attempt is fails else ["saved_model.pb"]
        assert sorted(each.name for each in path.iterdir()) == kept
        assert sorted(each.name for each in tmp_path.iterdir()) == [".tmp-1-other-export", "export"]


def test_a_process_killed_between_two_renames_has_lost_nothing(tmp_path):
    (tmp_path / ".tmp-1-export.former").mkdir()
    (tmp_path / ".tmp-1-export.former" / "saved_model.pb").write_bytes(b"whole")

    def fails(path):
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        replace_folder(tmp_path / "export", fails)
    assert (tmp_path / "export" / "saved_model.pb").read_bytes() == b"whole"
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


def test_other_models_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"models of kerasgen.*Received: Sequential"):
        export.saved_model(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), tmp_path / "export")


@pytest.mark.skipif(not cases.ON_TENSORFLOW, reason="loads in this process, on TensorFlow")
class TestOnTensorFlow:
    def test_an_earlier_export_is_overwritten(self, tmp_path):
        import tensorflow as tf

        model = cases.build("mlp")
        _, latents = cases.inputs_of(model, 2)
        for _ in range(2):
            model.decoder.set_weights([0.5 * weight for weight in model.decoder.get_weights()])
            export.saved_model(model, tmp_path / "export")
        images = tf.saved_model.load(tmp_path / "export").signatures["decode"](**latents)["images"]
        np.testing.assert_allclose(images, model.decode(**latents), atol=1e-6)

    def test_mixed_precision_stays_mixed(self, tmp_path):
        import tensorflow as tf

        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            model = cases.build("mlp")
            images, _ = cases.inputs_of(model, 3)
            export.saved_model(model, tmp_path / "export")
        finally:
            keras.config.set_dtype_policy(before)
        found = tf.saved_model.load(tmp_path / "export").signatures["reconstruct"](**images)["images"]
        assert found.dtype == tf.float32
        # `predict` runs a graph as well; layer by layer, rounding falls elsewhere.
        np.testing.assert_allclose(found, model.predict(images["images"], verbose=0), atol=1e-5)
        # In float32 it would not agree.
        assert np.abs(found - cases.build("mlp").reconstruct(**images)).max() > 1e-4


@pytest.mark.slow
def test_weights_in_half_precision(tmp_path):
    """Smaller, and rounded as NumPy rounds; a variable with a weight that float16 does not reach stays as it is."""
    model = cases.build("conv")
    bias = next(weight for weight in model.encoder.weights if len(weight.shape) == 1)
    bias.assign(np.where(np.arange(bias.shape[0]) == 0, 70_000.0, keras.ops.convert_to_numpy(bias)))
    sizes, outputs = {}, {}
    inputs = {name: cases.signature_inputs(model, name, 5) for name in ("decode", "encode")}
    for dtype in ("float32", "float16"):
        path = export.saved_model(model, tmp_path / dtype, weights_dtype=dtype)
        sizes[dtype] = next((path / "variables").glob("*.data*")).stat().st_size
        found = run_elsewhere({(path, name): values for name, values in inputs.items()}, tmp_path)
        outputs[dtype] = {name: found[str(path), name] for name in inputs}
    whole = sum(weight.nbytes for weight in model.get_weights())
    assert sizes["float32"] - sizes["float16"] > 0.4 * whole  # The rest is one variable, and names.
    assert np.isfinite(outputs["float16"]["encode"]["latents"]).all()
    images = outputs["float16"]["decode"]["images"]
    assert np.abs(images - outputs["float32"]["decode"]["images"]).max() > 1e-6
    for weight in model.decoder.weights:
        if weight.dtype == "float32":
            weight.assign(keras.ops.convert_to_numpy(weight).astype("float16").astype("float32"))
    np.testing.assert_allclose(images, model.decode(**inputs["decode"]), atol=1e-6)
    with pytest.raises(ValueError, match=r"weights_dtype must be \"float32\" or \"float16\". Received: 'bfloat16'"):
        export.saved_model(model, tmp_path / "other", weights_dtype="bfloat16")
