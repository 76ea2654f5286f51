"""What several devices cannot do is said in one line; each in a process of its own, since devices are made once."""

import json
import subprocess

import keras
import pytest

from tests.devices.processes import environment, python

BACKEND = keras.backend.backend()
BUILD = """
import json, os
import numpy as np
import keras
import kerasgen as kg
said = []
def build():
    net = kg.networks.mlp
    return kg.models.Autoencoder(net.encoder((8, 8, 1), 2, units=(8,)), net.decoder((8, 8, 1), 2, units=(8,)))
def attempt(call):
    try:
        call()
        said.append("nothing")
    except ValueError as error:
        said.append(str(error))
x = np.zeros((8, 8, 8, 1), "float32")
"""
TENSORFLOW = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
alone = build()
alone.compile()
with two.scope():
    attempt(lambda: alone.fit(x, verbose=0))
    model = build()
    attempt(lambda: model.compile(jit_compile=True))
    attempt(lambda: model.compile(steps_per_execution=4))
    attempt(lambda: model.compile())
attempt(lambda: model.fit(x, verbose=0))
with tf.distribute.OneDeviceStrategy("CPU:0").scope():
    attempt(lambda: build().compile())
attempt(lambda: kg.devices.use(64))
attempt(lambda: kg.devices.use(0))
os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": ["a:1", "b:1"]}})
attempt(lambda: kg.devices.use("all"))
print(json.dumps(said))
"""
JAX = """
import jax
jax.config.update("jax_num_cpu_devices", 2)
alone = build()
kg.devices.use(2)
attempt(lambda: alone.compile())
attempt(lambda: build().compile())
attempt(lambda: kg.devices.use(64))
attempt(lambda: kg.devices.use(True))
os.environ["JAX_COORDINATOR_ADDRESS"] = "127.0.0.1:1"
attempt(lambda: kg.devices.use("all"))
print(json.dumps(said))
"""
TORCH = """
attempt(lambda: kg.devices.use(1))
attempt(lambda: kg.devices.use(2))
attempt(lambda: kg.devices.use("two"))
print(json.dumps(said))
"""
SAID = {
    "tensorflow": [
        "All networks must be built where the model is",
        "without XLA",
        "one step an execution",
        "nothing",
        "nothing",
        "nothing",
        "There are fewer devices",
        "a whole number from 1",
        "does not train on several machines with TensorFlow",
    ],
    "jax": [
        "All networks must be built after",
        "nothing",
        "There are fewer devices",
        "a whole number from 1",
        "only some of them",
    ],
    "torch": ["nothing", "torchrun --nproc-per-node 2", "a whole number from 1"],
}


def test_what_devices_cannot_do_is_refused():
    program = BUILD + {"tensorflow": TENSORFLOW, "jax": JAX, "torch": TORCH}[BACKEND]
    done = subprocess.run(python("-c", program), capture_output=True, encoding="utf-8", check=False, env=environment())
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert len(said) == len(SAID[BACKEND])
    for message, expected in zip(said, SAID[BACKEND]):
        assert expected in message
        assert message == "nothing" or "Received: " in message


@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow's own way to several machines")
def test_several_machines_of_tensorflow_are_told_what_does(tmp_path):
    config = json.dumps({"cluster": {"worker": ["a:1", "b:1"]}})
    command = "import sys; from kerasgen_cli.main import main; sys.exit(main())"
    done = subprocess.run(
        python("-c", command, "train", "vae"),
        capture_output=True,
        encoding="utf-8",
        check=False,
        env=environment(TF_CONFIG=config),
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert "JAX" in done.stderr and "PyTorch" in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
