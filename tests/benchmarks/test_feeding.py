"""How fast images come: the jobs at the smallest size, and the table of results."""

import numpy as np
import pytest

from benchmarks import children, feeding, machine


@pytest.fixture
def folder(tmp_path):
    """140 JPEGs of two classes."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for index in range(140):
        path = tmp_path / f"class{index % 2}" / f"{index}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), "uint8")).save(path)
    return str(tmp_path)


@pytest.mark.parametrize("in_memory", [True, False])
def test_feeding_counts_each_image_of_an_epoch(folder, in_memory):
    found = feeding.feed(folder, {"image_size": 8, "in_memory": in_memory}, rounds=2)
    assert (found["images"], found["shape"], found["later"]["rounds"]) == (140, [8, 8, 3], 2)
    assert 0 < found["later"]["least"] <= found["later"]["median"] <= found["later"]["most"]
    assert found["first"] > 0


def test_a_resident_batch_is_one_and_the_same():
    batches = [images for images, _ in feeding.resident((8, 8, 1), 3).as_numpy_iterator()]
    assert len(batches) == 3
    np.testing.assert_array_equal(batches[0], batches[2])


def test_ratio_is_of_feeding_to_the_best_round_of_the_step(results):
    assert feeding.ratio(results, results["sources"][0]) == 5.0


def test_table_has_a_row_a_source_and_says_where_it_was_measured(results):
    text = feeding.table(results)
    assert "| MNIST (TFDS) | 60,000 of 28x28x1 | in memory | 10,000 | 100,000 | 20,000 | 5.0 | 15,000 |" in text
    assert "| folder of JPEGs, 256x256x3 | 1,775 MiB | 1,536 MiB | 28,407 | 990 MiB | 991 MiB | 990, 991 MiB |" in text
    assert "2026-11-28, a processor, 2 cores" in text


@pytest.mark.slow
def test_a_job_runs_in_a_process_of_its_own(folder):
    asked = {"name": folder, "arguments": {"image_size": 8, "in_memory": False}}
    found = children.run("benchmarks.feeding", "flat", epochs=2, **asked)
    assert found["images_read"] == 2 * 140
    assert len(found["of_epochs_mib"]) == 2
    with pytest.raises(RuntimeError, match="feed ended with an error"):
        children.run("benchmarks.feeding", "feed", name="/nowhere", arguments={})


def test_the_machine_is_told_in_a_line(described):
    assert machine.sentence(described).startswith("a processor, 2 cores, 100 GFLOP/s")
    assert "keras" in machine.versions()
    assert "tensorflow" in machine.backends()


@pytest.fixture
def results(described):
    def several(median):
        return {"median": median, "least": 0.9 * median, "most": median, "rounds": 3}

    return {
        "date": "2026-11-28",
        "machine": described,
        "protocol": {"batch": 64, "rounds": 3, "steps": 200},
        "folder": {"images": 9469, "bytes": 9469 * 6000, "smallest": [96, 96], "largest": [96, 96]},
        "steps": {"mlp_vae": {"tensorflow": {"images_a_second": several(20_000.0)}}},
        "sources": [
            {
                "source": "MNIST (TFDS)",
                "in_memory": True,
                "system": "mlp_vae",
                "backend": "tensorflow",
                "feeding": {"images": 60_000, "shape": [28, 28, 1], "first": 10_000.0, "later": several(100_000.0)},
                "training": several(15_000.0),
            }
        ],
        "memory": [
            {
                "source": "folder of JPEGs",
                "shape": [256, 256, 3],
                "images": 9469,
                "decoded_mib": 1775.4,
                "limit_mib": 1536.0,
                "images_read": 28_407,
                "first_quarter_mib": 990.0,
                "rest_mib": 991.0,
                "of_epochs_mib": [990.0, 991.0],
                "end_mib": 985.0,
                "in_memory": "MemoryError",
            }
        ],
    }
